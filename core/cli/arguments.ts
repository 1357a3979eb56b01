/** The command line of `xenarium`: what each command takes, checked. */
import { parseArgs } from "node:util";
import { HOST_MEMORY_MAX_MIB, HOST_MEMORY_MIN_MIB } from "../machine/host.ts";
import { MAX_PCPUS } from "../machine/layout.ts";

export const USAGE = `usage: xenarium <command> [arguments]

  run [CONFIG.cfg] [options]   power a host on, create one domain, connect the terminal to its console
      --kernel FILE  --ramdisk FILE  --cmdline TEXT  --memory MiB  --vcpus N  --name NAME
      --host-memory MiB  --pcpus N  --boot-config FILE  --boot-entry N|TITLE  --timeout SECONDS
      --log                    print the (XEN) log to stderr
      --profile FILE           write where guest time went; --symbols FILE names the kernel's functions (System.map)
      --trace FILE             write its hypercalls in Chrome's trace format (chrome://tracing, Perfetto)
      Ctrl+] leaves. Exit status: 0 poweroff, 3 crash, 4 reboot with on_reboot="destroy", 124 timeout,
      2 bad arguments, 1 anything else.

  serve [options]              power a host on and serve the management API (and the application) on 127.0.0.1
      --host-memory MiB  --pcpus N   for this time; else as chosen in the window, at first a quarter of this computer's memory
                               (512 to 2048) and as many pCPUs as it has cores
      --port N  --browser  --log
      --boot-config FILE       a boot menu: entries with Xen's command line, and domains to start
      --boot-entry N|TITLE     the entry of it to boot, by number (from 0) or title
      --token-file FILE        the token of its address is kept there: windows find the server again after it was restarted
      --kernels FOLDER         windows may start the kernels (vmlinuz-*, with their RAM disks) of that folder, as /boot

  xl <subcommand> [args]       Xen's toolstack against a running host; xl help names the subcommands

  xenstore-ls, -list, -read, -write, -exists, -rm, -chmod, -watch
                               Xen's xenstore clients against a running host, as dom0; -h says what each takes

  help, version                this text; which xenarium this is
`;

/** Bad arguments: exit status 2 with this sentence. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export interface HostArguments {
  hostMemory: number | null;
  pcpus: number | null;
  /** File of the boot menu. */
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
  /** Seconds. */
  timeout: number | null;
  /** File to write a profile to, and one with the kernel's symbols. */
  profile: string | null;
  symbols: string | null;
  /** File to write the hypercalls to. */
  trace: string | null;
}
export interface ServeArguments extends HostArguments {
  port: number | null;
  /** File of the token that the address has; without it each start has another. */
  tokenFile: string | null;
  browser: boolean;
  /** Folder of kernels that every client may start. */
  kernels: string | null;
}

const HOST_OPTIONS = {
  "host-memory": { type: "string" },
  pcpus: { type: "string" },
  "boot-config": { type: "string" },
  "boot-entry": { type: "string" },
  log: { type: "boolean" },
} as const;

function parse<T extends NonNullable<Parameters<typeof parseArgs>[0]>>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function whole(text: string | undefined, option: string, min: number, max: number): number | null {
  if (text === undefined) return null;
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(value >= min && value <= max))
    throw new UsageError(`${option} is "${text}"; allowed: a whole number from ${min} to ${max}`);
  return value;
}

interface HostValues {
  "host-memory"?: string;
  pcpus?: string;
  "boot-config"?: string;
  "boot-entry"?: string;
  log?: boolean;
}
function hostArguments(values: HostValues): HostArguments {
  return {
    hostMemory: whole(values["host-memory"], "--host-memory", HOST_MEMORY_MIN_MIB, HOST_MEMORY_MAX_MIB),
    pcpus: whole(values.pcpus, "--pcpus", 1, MAX_PCPUS),
    bootConfig: values["boot-config"] ?? null,
    bootEntry: values["boot-entry"] ?? null,
    log: values.log ?? false,
  };
}

export function runArguments(args: string[]): RunArguments {
  const { values, positionals } = parse({
    args,
    allowPositionals: true,
    options: {
      ...HOST_OPTIONS,
      kernel: { type: "string" },
      ramdisk: { type: "string" },
      cmdline: { type: "string" },
      memory: { type: "string" },
      vcpus: { type: "string" },
      name: { type: "string" },
      timeout: { type: "string" },
      profile: { type: "string" },
      symbols: { type: "string" },
      trace: { type: "string" },
    },
  });
  if (positionals.length > 1)
    throw new UsageError(`run takes one config, not ${positionals.length}: ${positionals.join(" ")}`);
  if (positionals.length === 0 && values.kernel === undefined)
    throw new UsageError("run needs a config or --kernel FILE");
  if (values.symbols !== undefined && values.profile === undefined)
    throw new UsageError("--symbols names functions in a profile: give --profile FILE too");
  const seconds = values.timeout === undefined ? null : Number(values.timeout);
  if (seconds !== null && !(seconds > 0 && seconds < 1e7))
    throw new UsageError(`--timeout is "${values.timeout}"; allowed: seconds, more than 0`);
  return {
    ...hostArguments(values),
    config: positionals[0] ?? null,
    kernel: values.kernel ?? null,
    ramdisk: values.ramdisk ?? null,
    cmdline: values.cmdline ?? null,
    memory: whole(values.memory, "--memory", 1, HOST_MEMORY_MAX_MIB),
    vcpus: whole(values.vcpus, "--vcpus", 1, 32),
    name: values.name ?? null,
    timeout: seconds,
    profile: values.profile ?? null,
    symbols: values.symbols ?? null,
    trace: values.trace ?? null,
  };
}

export function serveArguments(args: string[]): ServeArguments {
  const { values } = parse({
    args,
    options: {
      ...HOST_OPTIONS,
      port: { type: "string" },
      "token-file": { type: "string" },
      browser: { type: "boolean" },
      kernels: { type: "string" },
    },
  });
  return {
    ...hostArguments(values),
    port: whole(values.port, "--port", 0, 65535),
    tokenFile: values["token-file"] ?? null,
    browser: values.browser ?? false,
    kernels: values.kernels ?? null,
  };
}
