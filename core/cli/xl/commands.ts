/** `xenarium xl …`: xl's commands against a running host, with xl's arguments and output. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { UsageError } from "../arguments.ts";
import { domain, operands, options, say, type Command, type Host } from "../command.ts";
import { blockAttach, blockDetach, cdEject, cdInsert } from "./block.ts";
import { connectConsole } from "./console.ts";
import { formatInfo, formatList, formatUptime, formatVcpuList } from "./format.ts";
import { memSet, schedCredit, vcpuPin, vcpuSet } from "./tuning.ts";

const list: Command = async (host, args) => {
  const { values, positionals } = options(args, { long: { type: "boolean", short: "l" } }, 1);
  const shown = await domains(host, positionals);
  return say(values.long ? `${JSON.stringify(shown, null, 4)}\n` : formatList(shown));
};

/** All domains, or those named. */
async function domains(host: Host, names: string[]) {
  const all = await host.request("list", {});
  if (!names.length) return all;
  const wanted = await Promise.all(names.map((name) => domain(host, name)));
  return all.filter(({ domid }) => wanted.includes(domid));
}

/** `xl create [-p] [-c] CONFIG.cfg`. */
const create: Command = async (host, args) => {
  const { values, positionals } = options(
    args,
    { paused: { type: "boolean", short: "p" }, console: { type: "boolean", short: "c" } },
    1,
  );
  const [file] = positionals;
  if (file === undefined) throw new UsageError("create needs a config file");
  let config: string;
  try {
    config = await readFile(file, "utf8");
  } catch (error) {
    throw new UsageError(`${file} can't be read: ${(error as Error).message}`);
  }
  process.stderr.write(`Parsing config from ${file}\n`);
  const paused = values.paused === true;
  const created = await host.request("create", { config, configName: path.resolve(file), paused });
  for (const { message } of created.warnings) process.stderr.write(`warning: ${message}\n`);
  return values.console === true ? connectConsole(host, created.domid) : 0;
};

/** `xl save [-c] DOMAIN FILE`: with -c it goes on afterwards. */
const save: Command = async (host, args) => {
  const { values, positionals } = options(args, { checkpoint: { type: "boolean", short: "c" } }, 2);
  const [name, file] = operands(positionals, "the domain", "the file") as [string, string];
  const domid = await domain(host, name);
  process.stderr.write(`Saving to ${file}\n`);
  await host.request("save", { domid, file: path.resolve(file), resume: values.checkpoint === true });
  return 0;
};

/** `xl restore [-p] [-c] FILE`. */
const restore: Command = async (host, args) => {
  const { values, positionals } = options(
    args,
    { paused: { type: "boolean", short: "p" }, console: { type: "boolean", short: "c" } },
    1,
  );
  const [file] = operands(positionals, "the file") as [string];
  process.stderr.write(`Loading ${file}\n`);
  const restored = await host.request("restore", { file: path.resolve(file), paused: values.paused === true });
  return values.console === true ? connectConsole(host, restored.domid) : 0;
};

/** Those that only name a domain. */
function toDomain(request: "destroy" | "pause" | "unpause"): Command {
  return async (host, args) => {
    const [name] = operands(args, "the domain") as [string];
    await host.request(request, { domid: await domain(host, name) });
    return 0;
  };
}

function shutdown(reason: "poweroff" | "reboot"): Command {
  return async (host, args) => {
    const { values, positionals } = options(args, { all: { type: "boolean", short: "a" } }, 1);
    const domids = values.all
      ? (await host.request("list", {})).map(({ domid }) => domid).filter((domid) => domid !== 0)
      : [await domain(host, operands(positionals, "the domain")[0]!)];
    for (const domid of domids) await host.request("shutdown", { domid, reason });
    return 0;
  };
}

const COMMANDS: Record<string, Command> = {
  list,
  create,
  destroy: toDomain("destroy"),
  pause: toDomain("pause"),
  unpause: toDomain("unpause"),
  save,
  restore,
  shutdown: shutdown("poweroff"),
  reboot: shutdown("reboot"),
  console: async (host, args) => connectConsole(host, await domain(host, operands(args, "the domain")[0]!)),
  rename: async (host, args) => {
    const [name, to] = operands(args, "the domain", "its new name") as [string, string];
    await host.request("rename", { domid: await domain(host, name), name: to });
    return 0;
  },
  "block-attach": blockAttach,
  "block-detach": blockDetach,
  "cd-insert": cdInsert,
  "cd-eject": cdEject,
  domid: async (host, args) => say(`${await domain(host, operands(args, "the domain's name")[0]!)}\n`),
  domname: async (host, args) => {
    const [domid] = operands(args, "the domain's id") as [string];
    const [found] = await domains(host, [domid]);
    return say(`${found!.name}\n`);
  },
  uptime: async (host, args) => {
    const { positionals } = options(args, {}, 128);
    return say(formatUptime(await domains(host, positionals), Date.now()));
  },
  "vcpu-list": async (host, args) => {
    const { positionals } = options(args, {}, 1);
    const only = positionals[0] === undefined ? {} : { domid: await domain(host, positionals[0]) };
    return say(formatVcpuList(await host.request("vcpuList", only)));
  },
  "vcpu-pin": vcpuPin,
  "vcpu-set": vcpuSet,
  "mem-set": memSet,
  "sched-credit": schedCredit,
  info: async (host, args) => {
    operands(args);
    return say(formatInfo(await host.request("hostInfo", {})));
  },
  dmesg: async (host, args) => {
    const { values } = options(args, { clear: { type: "boolean", short: "c" } }, 0);
    return say(await host.request("dmesg", { clear: values.clear === true }));
  },
};

/** The subcommand of that name. To be asked before a connection is made. */
export function subcommand(name: string | undefined): Command {
  const known = Object.keys(COMMANDS).join(", ");
  if (name === undefined) throw new UsageError(`xl needs a subcommand: ${known}`);
  if (!Object.hasOwn(COMMANDS, name)) throw new UsageError(`xl has no subcommand "${name}"; it has ${known}`);
  return COMMANDS[name]!;
}
