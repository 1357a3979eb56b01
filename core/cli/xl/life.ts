/** Subcommands about the life of domains. */
import { access, readFile } from "node:fs/promises";
import path from "node:path";
import { ApiError } from "../../api/client.ts";
import { libxlJson } from "../../toolstack/libxl-json.ts";
import type { DomainStopped } from "../../toolstack/messages.ts";
import { parseXlConfig } from "../../toolstack/xlcfg.ts";
import {
  complain,
  domidOf,
  orSay,
  print,
  XlFailure,
  type Call,
  type Host,
  type XlCommand,
  type XlCommands,
} from "./command.ts";
import { configNameOf } from "../config-text.ts";
import { connectConsole } from "./console.ts";
import { json } from "./format.ts";
import { viewIfAsked, VNC_OPTIONS } from "./viewer.ts";

/** xl's exit statuses when there is no config, and when it can't be read. */
const EXIT_NO_CONFIG = 6;
const EXIT_NO_FILE = 3;

const WHY: Record<string, string> = {
  ENOENT: "No such file or directory",
  EACCES: "Permission denied",
  EISDIR: "Is a directory",
};

interface Given {
  file: string;
  /** The file's text, followed by the settings of the command line, so that these win. */
  text: string;
}

/** Reads a config file, from -f or the first operand, and settings as key=value. */
async function given({ operands, options }: Call): Promise<Given> {
  const isSetting = (text: string): boolean => text.includes("=");
  // The manual also allows -f=FILE.
  let file = typeof options.defconfig === "string" ? options.defconfig.replace(/^=/, "") : null;
  const settings: string[] = [];
  for (const operand of operands) {
    if (isSetting(operand)) settings.push(operand);
    else if (file === null) file = operand;
    else throw new XlFailure(`"${operand}" is neither a setting (key=value) nor the config file, which is ${file}`, 2);
  }
  if (file === null) throw new XlFailure("Config file not specified and none in save file", EXIT_NO_CONFIG);
  try {
    const text = await readFile(file, "utf8");
    // As xl does it: a comment in the last line that nothing ends is an error, unless settings come behind it.
    return { file, text: settings.length === 0 ? text : [text, ...settings, ""].join("\n") };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new XlFailure(`Failed to read config file: ${file}: ${WHY[code ?? ""] ?? message}`, EXIT_NO_FILE);
  }
}

const CONFIG_OPTIONS = [["-f, --defconfig <FILE>", "use this config file"]] as const;
/** Returns the kept domain whose name stands where a config file could; null where there is such a file, or no such domain. */
async function keptOf({ host, operands, options }: Call): Promise<string | null> {
  const [name, ...settings] = operands;
  if (name === undefined || name.includes("=") || options.defconfig !== undefined) return null;
  if (
    await access(name).then(
      () => true,
      () => false,
    )
  )
    return null;
  // Without a host, the file is what is missing.
  const api = await host().catch(() => null);
  const found = (await api?.request("keptDomains", {}))?.find((each) => each.name === name);
  if (!found) return null;
  if (settings.length > 0)
    throw new XlFailure(
      `${name} is kept by the host: settings go with a config file, or into "xenarium domains edit ${name}"`,
      2,
    );
  return found.uuid;
}

async function create(call: Call): Promise<number> {
  const { host, options, dryRun } = call;
  const uuid = dryRun || options.dryrun ? null : await keptOf(call);
  if (uuid !== null) {
    const api = await host();
    const gone = options.F ? deaths(api) : null;
    const { domid } = await api.request("keptStart", { uuid, paused: options.p === true });
    await viewIfAsked(call, api, domid);
    if (options.c) return connectConsole(api, domid);
    await gone?.of(domid);
    return 0;
  }
  const { file, text } = await given(call);
  if (!options.quiet) complain(`Parsing config from ${file}`);
  if (dryRun || options.dryrun || options.d) {
    const { config, diagnostics } = parseXlConfig(text);
    for (const { severity, message } of diagnostics)
      complain(`${file}: ${severity === "error" ? "" : "warning: "}${message}`);
    if (!config) throw new XlFailure("Failed to parse config: Invalid argument");
    const shown = `${json(libxlJson(config))}\n`;
    if (dryRun || options.dryrun) return print(shown);
    process.stderr.write(shown);
  }
  const api = await host();
  const gone = options.F ? deaths(api) : null;
  const created = await api.request("create", {
    config: text,
    configName: configNameOf(file),
    paused: options.p === true,
  });
  for (const { message } of created.warnings) complain(`warning: ${message}`);
  await viewIfAsked(call, api, created.domid);
  if (options.c) return connectConsole(api, created.domid);
  await gone?.of(created.domid);
  return 0;
}

const configUpdate: XlCommand = {
  summary: "Change what a running domain is restarted from",
  operands: "<Domain> [configfile] [vars...]",
  options: [...CONFIG_OPTIONS, ["-d", "show what is read"]],
  run: async (call) => {
    complain(
      "WARNING: xl now has better capability to manage domain configuration, avoid using this command when possible",
    );
    const [name, ...operands] = call.operands;
    const api = await call.host();
    const domid = await domidOf(api, name!);
    const { file, text } = await given({ ...call, operands }).catch((error: unknown) => {
      const isMissing = error instanceof XlFailure && error.status === EXIT_NO_CONFIG;
      throw isMissing ? new XlFailure("Config file not specified") : error;
    });
    complain(`Parsing config from ${file}`);
    const { warnings } = await api.request("updateConfig", { domid, config: text, configName: configNameOf(file) });
    for (const { message } of warnings) complain(`warning: ${message}`);
    complain(`setting dom${domid} configuration`);
    return 0;
  },
};

/** Reports when domains stop and go. It must be made before they are asked to. */
function deaths(host: Host): { of(domid: number): Promise<void>; stopOrDeath(domid: number): Promise<string> } {
  const gone = new Set<number>();
  const stopped = new Map<number, DomainStopped>();
  let look = (): void => {};
  host.on("destroyed", ({ domid }) => {
    gone.add(domid);
    look();
  });
  host.on("stopped", (stop) => {
    stopped.set(stop.domid, stop);
    look();
  });
  const until = (what: () => string | null): Promise<string> =>
    new Promise((resolve) => {
      const before = look;
      look = () => {
        before();
        const found = what();
        if (found !== null) resolve(found);
      };
      look();
    });
  const dead = (domid: number): string | null => (gone.has(domid) ? `Domain ${domid} has been destroyed` : null);
  return {
    of: async (domid) => void (await until(() => dead(domid))),
    stopOrDeath: (domid) =>
      until(() => {
        const stop = stopped.get(domid);
        return stop ? `Domain ${domid} has been shut down, reason code ${stop.code}` : dead(domid);
      }),
  };
}

function shutdown(reason: "poweroff" | "reboot", doing: string): XlCommand {
  return {
    summary: reason === "poweroff" ? "Ask domains to shut down" : "Ask domains to reboot",
    operands: "[Domain]",
    options: [
      ["-a, --all", "every domain but Domain-0"],
      ["-w, --wait", "wait until they have stopped; twice: until they are gone"],
      ["-F", "an ACPI event for those without PV control: every domain here has it"],
    ],
    run: async ({ host, operands: [name], options, count }) => {
      if (options.all ? name !== undefined : name === undefined)
        throw new XlFailure("You must specify -a or a domain id.\n");
      const api = await host();
      const domids = options.all
        ? (await api.request("list", {})).map(({ domid }) => domid).filter((domid) => domid !== 0)
        : [await domidOf(api, name!)];
      const watched = options.wait ? deaths(api) : null;
      const asked: number[] = [];
      let status = 0;
      for (const domid of domids) {
        complain(`${doing} domain ${domid}`);
        try {
          await orSay(
            api.request("shutdown", { domid, reason }),
            `${reason === "poweroff" ? "shutdown" : "reboot"} failed (rc=-3)`,
          );
          asked.push(domid);
        } catch (error) {
          // With -a the other domains are asked all the same.
          if (!(error instanceof XlFailure)) throw error;
          complain(error.message);
          status = error.status;
        }
      }
      for (const domid of watched ? asked : []) {
        if (count("wait") > 1) {
          await watched!.of(domid);
          complain(`Domain ${domid} has been destroyed`);
        } else complain(await watched!.stopOrDeath(domid));
      }
      return status;
    },
  };
}

/** Makes subcommands that only take a domain. What libxl cannot do is printed, and xl still exits with success. */
function toDomain(request: "pause" | "unpause", summary: string): XlCommand {
  return {
    summary,
    operands: "<Domain>",
    run: async ({ host, operands: [name] }) => {
      const api = await host();
      const domid = await domidOf(api, name!);
      try {
        await api.request(request, { domid });
      } catch (error) {
        if (!(error instanceof ApiError && error.code === "EINVAL")) throw error;
        complain(`error: ${error.message}`);
      }
      return 0;
    },
  };
}

const destroy: XlCommand = {
  summary: "End a domain at once",
  operands: "<Domain>",
  options: [["-f", "Domain-0 too"]],
  run: async ({ host, operands: [name], options }) => {
    const domid = await domidOf(await host(), name!);
    if (domid === 0 && !options.f)
      throw new XlFailure(
        "Not destroying domain 0; use -f to force.\nThis can only be done when using a disaggregated hardware domain and toolstack.\n",
      );
    await orSay((await host()).request("destroy", { domid }), "destroy failed (rc=-3)");
    return 0;
  },
};

const save: XlCommand = {
  summary: "Save a domain to a file, to be restored from",
  operands: "<Domain> <CheckpointFile>",
  options: [["-c", "it goes on afterwards"]],
  run: async ({ host, operands: [name, file], options }) => {
    const domid = await domidOf(await host(), name!);
    complain(`Saving to ${file}`);
    await (await host()).request("save", { domid, file: path.resolve(file!), resume: options.c === true });
    return 0;
  },
};

const restore: XlCommand = {
  summary: "Restore a domain from a file",
  operands: "<CheckpointFile>",
  options: [
    ["-p", "leave it paused"],
    ["-c", "connect to its console"],
    ["-e", "do not wait for its death: the host does that"],
    ["-d", "say more"],
    ...VNC_OPTIONS,
  ],
  run: async (call) => {
    const file = call.operands[0]!;
    await access(file).catch(({ code, message }: NodeJS.ErrnoException) => {
      throw new XlFailure(`Can't open restore file: ${WHY[code ?? ""] ?? message}`);
    });
    complain(`Loading ${file}`);
    const api = await call.host();
    const restored = await api.request("restore", { file: path.resolve(file), paused: call.options.p === true });
    await viewIfAsked(call, api, restored.domid);
    return call.options.c ? connectConsole(api, restored.domid) : 0;
  },
};

export const LIFE: XlCommands = {
  create: {
    summary:
      "Create a domain from a config file, or start one that the host keeps by its name; relative paths in the file are taken from the working folder",
    operands: "[configfile] [vars...]",
    dryRuns: true,
    options: [
      ...CONFIG_OPTIONS,
      ["-p", "leave it paused"],
      ["-c", "connect to its console"],
      ["-F", "stay until its death"],
      ["-e", "do not wait for its death: the host does that"],
      ["-n, --dryrun", "only show what the config says"],
      ["-q, --quiet", "say less"],
      ["-d", "show what the config says"],
      ...VNC_OPTIONS,
      ["-i, --ignore-global-affinity-masks", "there are none here"],
    ],
    run: create,
  },
  "config-update": configUpdate,
  destroy,
  shutdown: shutdown("poweroff", "Shutting down"),
  reboot: shutdown("reboot", "Rebooting"),
  pause: toDomain("pause", "Pause a domain"),
  unpause: toDomain("unpause", "Let a paused domain go on"),
  rename: {
    summary: "Give a domain another name",
    operands: "<Domain> <NewDomainName>",
    run: async ({ host, operands: [name, to] }) => {
      const domid = await domidOf(await host(), name!);
      await orSay((await host()).request("rename", { domid, name: to! }), `Can't rename domain '${name}'.`);
      return 0;
    },
  },
  save,
  restore,
  console: {
    summary: "Connect to a domain's console (Ctrl+] leaves)",
    operands: "<Domain>",
    options: [
      ["-t <type>", "pv, the only type here"],
      ["-n <number>", "its first console is 0, its channels with connection=pty have theirs"],
    ],
    run: async ({ host, operands: [name], options }) => {
      const domid = await domidOf(await host(), name!);
      if ((options.t ?? "pv") !== "pv")
        throw new XlFailure(`error: a PV domain has no console of type ${String(options.t)}, only pv.`);
      const number = Number(options.n ?? 0);
      if (!Number.isInteger(number) || number < 0)
        throw new XlFailure(`error: -n ${String(options.n)} is no console's number; allowed: 0, 1 and so on.`);
      return orSay(connectConsole(await host(), domid, number), `Unable to attach console`);
    },
  },
};
