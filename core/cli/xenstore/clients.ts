/** `xenarium xenstore-…`: Xen's xenstore clients for a running host, as dom0, with the words and exit statuses of the originals. */
import { Command, CommanderError, Option } from "commander";
import { ApiError } from "../../api/client.ts";
import { print, XlFailure, type Host } from "../xl/command.ts";
import { listTree } from "./tree.ts";
import { meant, shown } from "./text.ts";

interface Asked {
  host: Host;
  keys: readonly string[];
  has(option: string): boolean;
  option(name: string): string | undefined;
}

interface Client {
  summary: string;
  /** Options and operands, such as "[-h] [-p] key [...]". */
  usage: string;
  /** Options: letters, followed by a colon if they take a value. */
  options: string;
  /** What its -p does, unless it shows paths. */
  permissions?: string;
  least: number;
  run(asked: Asked): Promise<number>;
}

/** Relative paths are below dom0's own path, as in xenstored. */
export function absolute(path: string): string {
  return path.startsWith("/") ? path : `/local/domain/0/${path}`;
}

const bytes = (text: string): string => Buffer.from(text).toString("latin1");

/** Carries out something that xenstored may refuse, and then fails with the client's sentence. */
async function orFail<T>(asked: Promise<T>, sentence: string | ((error: ApiError) => string)): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof ApiError) || !STORE_ERRORS.includes(error.code)) throw error;
    throw new XlFailure(typeof sentence === "string" ? sentence : sentence(error));
  }
}

/** Errors that xenstored answers, and that of a path or value which no message can contain. */
const STORE_ERRORS = ["ENOENT", "EINVAL", "EACCES", "E2BIG", "ENOSPC", "EEXIST", "EBADREQUEST"];
const REASONS: Record<string, string> = {
  ENOENT: "No such file or directory",
  EACCES: "Permission denied",
  E2BIG: "Argument list too long",
  ENOSPC: "No space left on device",
};
export const reason = ({ code }: ApiError): string => REASONS[code] ?? "Invalid argument";

/** Removes, node by node, those parts of the path that have nothing below them, up to the root's children. */
async function tidy(host: Host, path: string): Promise<void> {
  for (let at = parentOf(path); at !== "/"; at = parentOf(at)) {
    const { value, children } = await host.request("xenstoreRead", { path: at });
    if (value !== "" || children.length > 0) return;
    await host.request("xenstoreRemove", { path: at });
  }
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/")) || "/";

async function setPermissions(host: Host, path: string, permissions: string, below: boolean): Promise<void> {
  await host.request("xenstoreSetPermissions", { path, permissions });
  if (!below) return;
  const { children } = await host.request("xenstoreRead", { path });
  for (const child of children) await setPermissions(host, `${path === "/" ? "" : path}/${child}`, permissions, true);
}

const OPTIONS: Readonly<Record<string, string>> = {
  f: "whole paths",
  p: "with paths",
  s: "over xenstored's socket, as always here",
  R: "values as they are, without escapes",
  t: "parents that are empty then go too",
  u: "its parents too",
  r: "what is below it too",
  n: "end after so many",
};

export const XENSTORE_CLIENTS: Readonly<Record<string, Client>> = {
  "xenstore-ls": {
    summary: "Show the tree below paths, / without one",
    usage: "[-h] [-f] [-p] [-s] [path]",
    options: "fps",
    permissions: "with who may read and write",
    least: 0,
    run: async ({ host, keys, has }) => {
      for (const key of keys.length ? keys : ["/"])
        await orFail(
          listTree(host, absolute(key), { whole: has("f"), permissions: has("p") }),
          (error) => `xenstore-ls: xs_directory (${key}): ${reason(error)}`,
        );
      return 0;
    },
  },
  "xenstore-list": {
    summary: "List the names below paths",
    usage: "[-h] [-p] [-s] key [...]",
    options: "ps",
    least: 1,
    run: async ({ host, keys, has }) => {
      for (const key of keys) {
        const { children } = await orFail(
          host.request("xenstoreRead", { path: absolute(key) }),
          `xenstore-list: could not list path ${key}`,
        );
        print(children.map((name) => `${has("p") ? `${key === "/" ? "" : key}/${name}` : name}\n`).join(""));
      }
      return 0;
    },
  },
  "xenstore-read": {
    summary: "Show the values of paths",
    usage: "[-h] [-p] [-s] [-R] key [...]",
    options: "psR",
    least: 1,
    run: async ({ host, keys, has }) => {
      for (const key of keys) {
        const { value } = await orFail(
          host.request("xenstoreRead", { path: absolute(key) }),
          `xenstore-read: couldn't read path ${key}`,
        );
        if (has("p")) print(`${key}: `);
        if (has("R")) process.stdout.write(Buffer.from(value, "latin1"));
        else print(`${shown(value)}\n`);
      }
      return 0;
    },
  },
  "xenstore-write": {
    summary: "Write values",
    usage: "[-h] [-s] [-R] key value [...]",
    options: "sR",
    least: 2,
    run: async ({ host, keys, has }) => {
      if (keys.length % 2 !== 0) throw usage("xenstore-write");
      for (let i = 0; i < keys.length; i += 2) {
        const [key, text] = [keys[i]!, bytes(keys[i + 1]!)];
        await orFail(
          host.request("xenstoreWrite", { path: absolute(key), value: has("R") ? text : meant(text) }),
          `xenstore-write: could not write path ${key}`,
        );
      }
      return 0;
    },
  },
  "xenstore-exists": {
    summary: "Exit status 0 when all paths exist, else 1",
    usage: "[-h] [-p] [-s] key [...]",
    options: "ps",
    least: 1,
    run: async ({ host, keys }) => {
      for (const key of keys) {
        const isThere = await host.request("xenstoreRead", { path: absolute(key) }).catch((error: unknown) => {
          if (error instanceof ApiError && STORE_ERRORS.includes(error.code)) return null;
          throw error;
        });
        if (!isThere) return 1;
      }
      return 0;
    },
  },
  "xenstore-rm": {
    summary: "Remove paths and what is below them",
    usage: "[-h] [-s] [-t] key [...]",
    options: "st",
    least: 1,
    run: async ({ host, keys, has }) => {
      for (const key of keys) {
        const path = absolute(key);
        await orFail(host.request("xenstoreRemove", { path }), `xenstore-rm: could not remove path ${key}`);
        if (has("t")) await tidy(host, path);
      }
      return 0;
    },
  },
  "xenstore-chmod": {
    summary: "Set who may read and write a path",
    usage: "[-h] [-u] [-r] [-s] key <mode [modes...]>",
    options: "urs",
    least: 1,
    run: async ({ host, keys: [key, ...modes], has }) => {
      const failed = (why: string): string => `xenstore-chmod: Error occurred setting permissions on '${key}': ${why}`;
      for (const mode of modes)
        if (!/^[nrwb]/.test(mode))
          throw new XlFailure(`xenstore-chmod: Invalid permission specification: '${mode.charAt(0)}'`);
      if (modes.length === 0 || !modes.every((mode) => /^.\d{1,5}$/.test(mode)))
        throw new XlFailure(failed("Invalid argument"));
      const path = absolute(key!);
      const permissions = modes.join(" ");
      const say = (error: ApiError): string => failed(reason(error));
      await orFail(setPermissions(host, path, permissions, has("r")), say);
      if (has("u"))
        for (let at = parentOf(path); at !== "/"; at = parentOf(at))
          await orFail(setPermissions(host, at, permissions, false), say);
      return 0;
    },
  },
  "xenstore-watch": {
    summary: "Show which paths change",
    usage: "[-h] [-n NR] key",
    options: "n:",
    least: 1,
    run: async ({ host, keys, option }) => {
      const number = option("n");
      // Without a number it goes on until it is ended; as in C, what is no number is 0.
      const most = number === undefined ? Infinity : Number(/^\d+/.exec(number)?.[0] ?? 0);
      if (most === 0) return 0;
      let count = 0;
      let enough = (): void => {};
      const ended = new Promise<void>((resolve) => (enough = resolve));
      host.on("xenstoreChanged", ({ paths }) => {
        for (const path of paths) {
          if (count === most) break;
          count++;
          print(`${path}\n`);
        }
        if (count === most) enough();
      });
      for (const key of keys)
        await orFail(
          host.request("xenstoreWatch", { path: absolute(key) }),
          `xenstore-watch: Unable to add watch on ${key}\n`,
        );
      await ended;
      return 0;
    },
  },
};

function usage(name: string): XlFailure {
  return new XlFailure(`${name}: Usage: ${name} ${XENSTORE_CLIENTS[name]!.usage}`);
}

/** The declaration of the client for commander, also used for help and completion. */
export function declared(name: string): Command {
  const client = XENSTORE_CLIENTS[name]!;
  const command = new Command(name)
    .summary(client.summary)
    .description(`${client.summary}, as dom0, against a running host.`)
    .usage(client.usage)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .helpOption(false);
  command.argument("[keys...]").addOption(new Option("-h", "how it is used"));
  for (const [, letter, value] of client.options.matchAll(/(\w)(:?)/g)) {
    const what = (letter === "p" && client.permissions) || OPTIONS[letter!]!;
    command.addOption(new Option(value ? `-${letter} <NR>` : `-${letter}`, what));
  }
  return command;
}

/** Runs the client with that name, and returns its exit status. Throws XlFailure. */
export async function xenstore(name: string, args: string[], connect: () => Promise<Host>): Promise<number> {
  const client = XENSTORE_CLIENTS[name]!;
  const command = declared(name);
  try {
    command.parse(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const option = /'-?(-[^']*)'/.exec(error.message)?.[1] ?? "";
    throw new XlFailure(`${name}: invalid option ${option}\n${usage(name).message}`);
  }
  const options = command.opts<Record<string, string | boolean | undefined>>();
  if (options.h || command.args.length < client.least) throw usage(name);
  return client.run({
    host: await connect(),
    keys: command.args,
    has: (option) => options[option] === true,
    option: (letter) => options[letter] as string | undefined,
  });
}
