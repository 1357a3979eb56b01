/** `xenarium xl`: puts the subcommands together. commander parses their arguments, and mistakes are reported in xl's words. */
import { Command, CommanderError, Option } from "commander";
import { ApiError } from "../../api/client.ts";
import { complain, print, XlFailure, type Call, type Host, type XlCommand, type XlCommands } from "./command.ts";
import { ABSENT } from "./absent.ts";
import { ATTACHING } from "./attaching.ts";
import { DEVICES } from "./devices.ts";
import { INSPECTING } from "./inspecting.ts";
import { LIFE } from "./life.ts";
import { POOLS } from "./pools.ts";
import { SIGNALS } from "./signals.ts";
import { TUNING } from "./tuning.ts";
import { VIEWING } from "./viewer.ts";

const COMMANDS: XlCommands = {
  ...LIFE,
  ...INSPECTING,
  ...TUNING,
  ...SIGNALS,
  ...POOLS,
  ...ATTACHING,
  ...DEVICES,
  ...VIEWING,
};
/** Bad arguments. */
const EXIT_USAGE = 2;

/** Runs it, and returns the exit status. `connect` is called once, when a host is needed. Throws XlFailure. */
export async function xl(args: string[], connect: () => Promise<Host>): Promise<number> {
  let status = 0;
  let host: Promise<Host> | null = null;
  const program = declared(async (command, each) => {
    const { verbose: _, ...global } = program.opts<{ verbose?: boolean; N?: boolean }>();
    if (global.N && !command.dryRuns) throw new XlFailure("command does not implement -N (dryrun) option");
    const counts = COUNTS.get(each);
    const call: Call = {
      host: () => (host ??= connect()),
      operands: each.args,
      options: each.opts(),
      count: (name) => counts?.get(name) ?? 0,
      dryRun: global.N === true,
    };
    status = await command.run(call);
  });
  try {
    if (args.length === 0) {
      process.stderr.write(program.helpInformation());
      return 1;
    }
    await program.parseAsync(args, { from: "user" });
    return status;
  } catch (error) {
    if (error instanceof ApiError) throw new XlFailure(`error: ${error.message}`);
    if (!(error instanceof CommanderError)) throw error;
    return explain(error, program, args);
  }
}

/** How often flags of the command that is being parsed were given. */
const COUNTS = new WeakMap<Command, Map<string, number>>();

/** The declaration for commander, also used for help and completion. */
export function declared(run: (command: XlCommand, each: Command) => Promise<void>): Command {
  const program = new Command("xl")
    .usage("[-vfNtT] <subcommand> [args]")
    .description("Xen's toolstack, against a running host")
    .option("-v, --verbose", "say more")
    .addOption(new Option("-f", "go on whatever the system looks like").hideHelp())
    .option("-N", "dry run: nothing is done")
    .addOption(new Option("-t", "progress with carriage returns").hideHelp())
    .addOption(new Option("-T", "time stamps").hideHelp())
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .helpCommand(false);
  for (const [name, command] of Object.entries(COMMANDS)) {
    const each = program
      .command(`${name}${command.operands ? ` ${command.operands}` : ""}`)
      .description(command.summary);
    const counts = new Map<string, number>();
    COUNTS.set(each, counts);
    for (const [flags, what] of command.options ?? []) {
      const option = new Option(flags, what);
      each.addOption(option);
      each.on(`option:${option.name()}`, () => counts.set(option.name(), (counts.get(option.name()) ?? 0) + 1));
    }
    each.action(() => run(command, each));
  }
  program
    .command("help [command]")
    .description("Show the commands, or what one of them takes")
    .option("--long", "all of them, which is what is shown anyway")
    .action((name?: string) => {
      const found = name === undefined ? program : program.commands.find((each) => each.name() === name);
      print(found ? found.helpInformation() : `command "${name}" not implemented\n`);
    });
  return program;
}

/** Names of the subcommands. */
export const subcommands = (): string[] => Object.keys(COMMANDS);

function explain(error: CommanderError, program: Command, args: string[]): number {
  const each = program.commands.find((command) => args.includes(command.name()));
  switch (error.code) {
    case "commander.helpDisplayed":
    case "commander.help":
      return 0;
    case "commander.unknownCommand": {
      const name = /'([^']*)'/.exec(error.message)?.[1] ?? "";
      if (Object.hasOwn(ABSENT, name)) throw new XlFailure(`xl ${name}: ${ABSENT[name]}`);
      throw new XlFailure("command not implemented");
    }
    case "commander.missingArgument": {
      const least = each?.registeredArguments.filter(({ required }) => required).length ?? 0;
      print(each?.helpInformation() ?? "");
      throw new XlFailure(
        `'xl ${each?.name()}' requires at least ${least} argument${least === 1 ? "" : "s"}.`,
        EXIT_USAGE,
      );
    }
    case "commander.unknownOption": {
      const option = /'([^']*)'/.exec(error.message)?.[1] ?? "";
      const isGlobal = !each || args.indexOf(option) < args.indexOf(each.name());
      if (isGlobal && args.includes(option)) throw new XlFailure("unknown global option");
      throw new XlFailure(`option \`${option.replace(/^-(?=[^-])/, "")}' not supported.`, EXIT_USAGE);
    }
    case "commander.excessArguments":
      complain(`xl ${each?.name()} takes fewer arguments: ${each?.usage()}`);
      return EXIT_USAGE;
    default:
      throw new XlFailure(error.message.replace(/^error: /, ""), EXIT_USAGE);
  }
}
