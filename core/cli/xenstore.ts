/** `xenarium xenstore-…`: Xen's xenstore clients against a running host, as dom0. */
import { operands, options, say, type Command, type Host } from "./command.ts";
import { UsageError } from "./arguments.ts";

/** A path; relative ones are below dom0's own, as xenstored has it. */
function absolute(path: string): string {
  return path.startsWith("/") ? path : `/local/domain/0/${path}`;
}

/** Bytes that no terminal shows as \xNN, as xenstore-ls does. A character is a byte. */
function shown(value: string): string {
  return value.replace(/[^\x20-\x7e]|\\/g, (byte) =>
    byte === "\\" ? "\\\\" : byte === "\n" ? "\\n" : `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

/** `xenstore-ls [-f] [-p] [PATH]`: the tree below; -f with whole paths, -p with permissions. */
const ls: Command = async (host, args) => {
  const known = { full: { type: "boolean", short: "f" }, permissions: { type: "boolean", short: "p" } } as const;
  const { values, positionals } = options(args, known, 1);
  const write = async (path: string, depth: number): Promise<void> => {
    const { children } = await host.request("xenstoreRead", { path });
    for (const name of children) {
      const child = `${path === "/" ? "" : path}/${name}`;
      const node = await host.request("xenstoreRead", { path: child });
      const head = values.full ? child : `${" ".repeat(depth)}${name}`;
      const permissions = values.permissions ? `  (${node.permissions.join(",")})` : "";
      say(`${head} = "${shown(node.value)}"${permissions}\n`);
      await write(child, depth + 1);
    }
  };
  await write(absolute(positionals[0] ?? "/"), 0);
  return 0;
};

/** Prints something of every path that is named. */
function each(print: (host: Host, path: string) => Promise<string>): Command {
  return async (host, args) => {
    const { positionals } = options(args, {}, 64);
    if (!positionals.length) throw new UsageError("a path is missing");
    for (const path of positionals) say(await print(host, absolute(path)));
    return 0;
  };
}

const write: Command = async (host, args) => {
  const [path, value] = operands(args, "the path", "the value") as [string, string];
  await host.request("xenstoreWrite", { path: absolute(path), value: Buffer.from(value).toString("latin1") });
  return 0;
};

/** Prints the paths that change, until it is ended. */
const watch: Command = async (host, args) => {
  const [path] = operands(args, "the path") as [string];
  host.on("xenstoreChanged", ({ paths }) => paths.forEach((changed) => say(`${changed}\n`)));
  await host.request("xenstoreWatch", { path: absolute(path) });
  return new Promise(() => {});
};

export const XENSTORE_COMMANDS: Record<string, Command> = {
  "xenstore-ls": ls,
  "xenstore-list": each(async (host, path) =>
    (await host.request("xenstoreList", { path })).map((name) => `${name}\n`).join(""),
  ),
  "xenstore-read": each(async (host, path) => `${shown((await host.request("xenstoreRead", { path })).value)}\n`),
  "xenstore-write": write,
  "xenstore-rm": each(async (host, path) => {
    await host.request("xenstoreRemove", { path });
    return "";
  }),
  "xenstore-watch": watch,
};
