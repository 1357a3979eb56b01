/** The arguments of `run` and `serve`. They are declared, so that help and completion are made from the declarations, and checked. */
import { Command, CommanderError, Option } from "commander";
import { HOST_MEMORY_MAX_MIB, HOST_MEMORY_MIN_MIB } from "../machine/host.ts";
import { MAX_PCPUS } from "../machine/layout.ts";
import { RUN_STATUSES } from "./exit-status.ts";

/** Bad arguments: exit status 2, with this sentence. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export interface HostArguments {
  hostMemory: number | null;
  pcpus: number | null;
  /** File with the boot menu. */
  bootConfig: string | null;
  /** Number or title of its entry. */
  bootEntry: string | null;
  log: boolean;
}
export interface RunArguments extends HostArguments {
  config: string | null;
  kernel: string | null;
  ramdisk: string | null;
  cmdline: string | null;
  memory: number | null;
  vcpus: number | null;
  name: string | null;
  /** Specifications as in xl-disk-configuration(5), added after those of the config. */
  disks: string[];
  /** Seconds. */
  timeout: number | null;
  /** Whether the result goes to standard output and the console to standard error. */
  json: boolean;
  /** File to which a profile is written, and a file with the kernel's symbols. */
  profile: string | null;
  symbols: string | null;
  /** File to which the hypercalls are written. */
  trace: string | null;
}
export interface ServeArguments extends HostArguments {
  port: number | null;
  /** File with the token of the address; without it each start has another token. */
  tokenFile: string | null;
  browser: boolean;
  /** Folder of kernels that every client may start. */
  kernels: string | null;
}

/** Declaration of an option. */
type Declared = readonly [flags: string, what: string, read?: (text: string) => unknown];

function whole(option: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    throw new UsageError(`${option} is "${text}"; allowed: a whole number from ${min} to ${max}`);
  };
}

function seconds(text: string): number {
  const value = text.trim() === "" ? NaN : Number(text);
  if (value > 0 && value < 1e7) return value;
  throw new UsageError(`--timeout is "${text}"; allowed: seconds, more than 0`);
}

const HOST_SIZE = (unlessGiven: [memory: string, pcpus: string]): Declared[] => [
  [
    "--host-memory <MiB>",
    `memory of the host${unlessGiven[0]}`,
    whole("--host-memory", HOST_MEMORY_MIN_MIB, HOST_MEMORY_MAX_MIB),
  ],
  ["--pcpus <N>", `its processors${unlessGiven[1]}`, whole("--pcpus", 1, MAX_PCPUS)],
];
const BOOT: Declared[] = [
  ["--boot-config <FILE>", "a boot menu: entries with Xen's command line, and domains to start"],
  ["--boot-entry <N|TITLE>", "the entry of it to boot, by number (from 0) or title"],
];
const RUN_OPTIONS: Readonly<Record<string, Declared[]>> = {
  "The guest (wins over what the config says):": [
    ["--kernel <FILE>", "its kernel"],
    ["--ramdisk <FILE>", "its RAM disk (initrd)"],
    ["--cmdline <TEXT>", "the kernel's command line"],
    ["--memory <MiB>", "its memory (256 without a config)", whole("--memory", 1, HOST_MEMORY_MAX_MIB)],
    ["--vcpus <N>", "its vCPUs", whole("--vcpus", 1, 32)],
    ["--name <NAME>", "its name"],
    [
      "--disk <SPEC>",
      "a disk, as xl.cfg's disk has it: \"disk.img,raw,xvda,rw\"; can be given again; the config's disks stay",
    ],
  ],
  "The run:": [
    ["--timeout <SECONDS>", "end it after so long", seconds],
    ["--json", "how it ended goes to standard output, as JSON, and the console to standard error"],
    ["--profile <FILE>", "write where guest time went"],
    ["--symbols <FILE>", "names the kernel's functions in it (System.map, or an ELF file)"],
    ["--trace <FILE>", "write its hypercalls in Chrome's trace format (chrome://tracing, Perfetto)"],
    ["--log", "print the (XEN) log to standard error"],
  ],
  "The host:": [...HOST_SIZE(["", ""]), ...BOOT],
};
const SERVE_OPTIONS: Readonly<Record<string, Declared[]>> = {
  "The server:": [
    ["--port <N>", "its port on 127.0.0.1", whole("--port", 0, 65535)],
    ["--browser", "open the application in the browser, with a first guest"],
    [
      "--token-file <FILE>",
      "the token of its address is kept there: windows find the server again after it was restarted",
    ],
    [
      "--kernels <FOLDER>",
      "windows may start the kernels (vmlinuz-*, with their RAM disks) of that folder, such as /boot",
    ],
    ["--log", "print the (XEN) log to standard error"],
  ],
  "The host, for this time:": [
    ...HOST_SIZE([
      " (else as chosen in the window, at first a quarter of this computer's, 512 to 3584)",
      " (else as chosen in the window, at first as many as this computer has cores)",
    ]),
    ...BOOT,
  ],
};

function declare(command: Command, groups: Readonly<Record<string, Declared[]>>): Command {
  for (const [group, options] of Object.entries(groups))
    for (const [flags, what, read] of options) {
      const option = new Option(flags, what).helpGroup(group);
      if (read) option.argParser(read);
      if (option.name() === "disk") option.argParser((text, before: string[] | undefined) => [...(before ?? []), text]);
      command.addOption(option);
    }
  return command.exitOverride().configureOutput({ writeErr: () => {} });
}

export function runCommand(): Command {
  const statuses = RUN_STATUSES.map(([status, meaning]) => `  ${status.padEnd(14)}${meaning}`);
  return declare(
    new Command("run")
      .summary("power a host on, create one domain, connect the terminal to its console")
      .description(
        "Powers a host on, creates one domain of the config or of the options, and connects the terminal to its console.\n" +
          "Ctrl+] leaves. On standard error it says how the guest ended, whatever it printed.",
      )
      .argument("[CONFIG.cfg]", "an xl.cfg; relative paths in it are taken from the working folder, as xl does")
      .allowExcessArguments()
      .addHelpText("after", `\nExit status:\n${statuses.join("\n")}`),
    RUN_OPTIONS,
  );
}

export function serveCommand(): Command {
  return declare(
    new Command("serve")
      .summary("power a host on; serve the application and the management API on 127.0.0.1")
      .description(
        "Powers a host on and serves the application and the management API on 127.0.0.1, until SIGINT (Ctrl+C), SIGTERM or " +
          "SIGHUP ends it: guests are shut down, and the exit status is 0.",
      )
      .allowExcessArguments(),
    SERVE_OPTIONS,
  );
}

/** Turns an error of commander's into a sentence of ours. */
export function usageError({ message }: CommanderError): UsageError {
  return new UsageError(message.replace(/^error: /, "").replace(/\n\((.*)\)$/, "; $1"));
}

type Given = Partial<Record<string, unknown>>;
const text = (given: Given, name: string): string | null => (given[name] as string | undefined) ?? null;
const number = (given: Given, name: string): number | null => (given[name] as number | undefined) ?? null;

function hostArguments(given: Given): HostArguments {
  return {
    hostMemory: number(given, "hostMemory"),
    pcpus: number(given, "pcpus"),
    bootConfig: text(given, "bootConfig"),
    bootEntry: text(given, "bootEntry"),
    log: given.log === true,
  };
}

/** Reads the options of a parsed command. Throws UsageError. */
export function runOptions(command: Command): RunArguments {
  const given = command.opts<Given>();
  const configs = command.args;
  if (configs.length > 1) throw new UsageError(`run takes one config, not ${configs.length}: ${configs.join(" ")}`);
  if (configs.length === 0 && given.kernel === undefined) throw new UsageError("run needs a config or --kernel FILE");
  if (given.symbols !== undefined && given.profile === undefined)
    throw new UsageError("--symbols names functions in a profile: give --profile FILE too");
  return {
    ...hostArguments(given),
    config: configs[0] ?? null,
    kernel: text(given, "kernel"),
    ramdisk: text(given, "ramdisk"),
    cmdline: text(given, "cmdline"),
    memory: number(given, "memory"),
    vcpus: number(given, "vcpus"),
    name: text(given, "name"),
    disks: (given.disk as string[] | undefined) ?? [],
    timeout: number(given, "timeout"),
    json: given.json === true,
    profile: text(given, "profile"),
    symbols: text(given, "symbols"),
    trace: text(given, "trace"),
  };
}

/** Reads the options of a parsed command. Throws UsageError. */
export function serveOptions(command: Command): ServeArguments {
  const given = command.opts<Given>();
  if (command.args.length > 0) throw new UsageError(`serve takes options only, not ${command.args.join(" ")}`);
  return {
    ...hostArguments(given),
    port: number(given, "port"),
    tokenFile: text(given, "tokenFile"),
    browser: given.browser === true,
    kernels: text(given, "kernels"),
  };
}

function parsed(command: Command, args: string[]): Command {
  try {
    return command.parse(args, { from: "user" });
  } catch (error) {
    throw error instanceof CommanderError ? usageError(error) : error;
  }
}

export const runArguments = (args: string[]): RunArguments => runOptions(parsed(runCommand(), args));
export const serveArguments = (args: string[]): ServeArguments => serveOptions(parsed(serveCommand(), args));
