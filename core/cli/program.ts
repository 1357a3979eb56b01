/** `xenarium`: puts its commands together; commander parses the arguments. Help and completion are made from these declarations. */
import { Command } from "commander";
import { version } from "../../package.json";
import {
  runCommand,
  runOptions,
  serveCommand,
  serveOptions,
  type RunArguments,
  type ServeArguments,
} from "./arguments.ts";
import { declared as diskDeclared } from "./disk.ts";
import { declared as fetchDeclared } from "./fetch.ts";
import { declared as domainsDeclared } from "./domains.ts";
import { declared as keptFilesDeclared, KEPT_FILES_COMMANDS, summaryOf } from "./kept-files.ts";
import { declared as networkDeclared } from "./network.ts";
import { SHELLS, completion, type Shell } from "./completion/script.ts";
import { declared as forkDeclared } from "./fork.ts";
import { declared as powerDeclared } from "./power.ts";
import { declared as snapshotDeclared } from "./snapshot.ts";
import { declared as transferDeclared } from "./transfer.ts";
import { declared as xenstoreDeclared, XENSTORE_CLIENTS } from "./xenstore/clients.ts";
import { declared as xlDeclared } from "./xl/program.ts";

/** What the commands do; each function resolves with the exit status. */
export interface Actions {
  run(options: RunArguments): Promise<number>;
  serve(options: ServeArguments): Promise<number>;
}

const ENVIRONMENT = `
Environment:
  XENARIUM_STATE    folder of what serve keeps (domains, history, boot menu, guests.json)
  XENARIUM_CACHE    folder of translated code, so that the same guest starts faster the next time; "none" keeps none
  XENARIUM_SOCKET   where serve listens for xl and the xenstore clients

Exit status: 0 done, 1 failed, 2 wrong arguments. run has more (xenarium help run); xl and the xenstore clients have those of Xen's own.
`;

/**
 * `done` is called with the exit status of what was run. xl and the xenstore clients are only declared here; they parse their arguments themselves.
 */
export function program(actions: Actions, done: (status: number) => void): Command {
  const [run, serve] = [runCommand(), serveCommand()];
  const all = new Command("xenarium")
    .description("A Xen host under glass: an emulated x86-64 machine with Xen's public ABI, dom0 and guests.")
    .usage("<command> [arguments]")
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .version(`xenarium ${version}`, "-V, --version", "show which xenarium this is")
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .helpCommand("help [command]", "show this text, or what a command takes")
    .addCommand(run.action(async () => done(await actions.run(runOptions(run)))))
    .addCommand(serve.action(async () => done(await actions.serve(serveOptions(serve)))))
    .addCommand(
      xlDeclared(() => Promise.resolve()).summary(
        "Xen's toolstack against a running host; xl help names its subcommands",
      ),
    );
  const never = (): never => {
    throw new Error("declared for help and completion only");
  };
  all.addCommand(
    powerDeclared(never).summary("the power of a running host: status, on, off, reboot; --save keeps what runs"),
  );
  all.addCommand(
    networkDeclared(never).summary("virtual networks of a running host: bridges, forwarded ports, captures"),
  );
  all.addCommand(
    domainsDeclared(never).summary("all domains that a running host keeps: list, start, edit, clone, delete and more"),
  );
  all.addCommand(diskDeclared(never).summary("images of disks: info, create, convert, resize; disks of domains: grow"));
  for (const name of KEPT_FILES_COMMANDS) all.addCommand(keptFilesDeclared(name, never).summary(summaryOf(name)));
  all.addCommand(fetchDeclared(never).summary("files and whole guests from the web, into a running host's library"));
  all.addCommand(
    snapshotDeclared(never).summary(
      "snapshots of domains: list, picture, take, revert, delete, undelete, bin, merge, rename, clone",
    ),
  );
  all.addCommand(forkDeclared(never).summary("a running domain goes on in copies of it too"));
  all.addCommand(transferDeclared("export", never).summary("a domain with its disks into one file"));
  all.addCommand(transferDeclared("import", never).summary("a domain from such a file, an OVA or an XVA"));
  for (const name of Object.keys(XENSTORE_CLIENTS)) all.addCommand(xenstoreDeclared(name));
  all
    .command("completion")
    .summary("print a script that completes xenarium's arguments in a shell")
    .description(
      [
        "Prints a script that completes xenarium's arguments in a shell:",
        '  bash: eval "$(xenarium completion bash)" in ~/.bashrc',
        '  zsh:  eval "$(xenarium completion zsh)" in ~/.zshrc, after compinit',
        "  fish: xenarium completion fish > ~/.config/fish/completions/xenarium.fish",
      ].join("\n"),
    )
    .addArgument(all.createArgument("<shell>", "for which one").choices(SHELLS))
    .action((shell: Shell) => {
      process.stdout.write(completion(shell, all));
      done(0);
    });
  all
    .command("version")
    .summary("show which xenarium this is")
    .action(() => {
      process.stdout.write(`xenarium ${version}\n`);
      done(0);
    });
  const section = (command: Command): string => `\n${command.helpInformation().trimEnd()}\n`;
  return all.addHelpText("after", () => `${section(run)}${section(serve)}${ENVIRONMENT}`);
}
