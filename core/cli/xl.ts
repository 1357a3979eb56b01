/** `xenarium xl …`: xl's commands against a running host, with xl's arguments and output. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import type {
  ToolstackEventName,
  ToolstackEvents,
  ToolstackRequestName,
  ToolstackRequests,
} from "../toolstack/messages.ts";
import { USAGE, UsageError } from "./arguments.ts";
import { Terminal } from "./terminal.ts";
import { formatInfo, formatList, formatVcpuList } from "./xl-format.ts";

/** A running host, however it is reached. */
export interface XlHost {
  request<N extends ToolstackRequestName>(
    request: N,
    args: ToolstackRequests[N]["args"],
  ): Promise<ToolstackRequests[N]["result"]>;
  on<E extends ToolstackEventName>(event: E, listener: (data: ToolstackEvents[E]) => void): () => void;
}

const SUBCOMMANDS = [
  ...["list", "create", "destroy", "pause", "unpause", "shutdown", "reboot", "console", "dmesg", "info", "vcpu-list"],
  "rename",
];

/** Checks the subcommand before a connection is made. */
export function checkSubcommand(name: string | undefined): void {
  if (name === undefined) throw new UsageError(`xl needs a subcommand: ${SUBCOMMANDS.join(", ")}`);
  if (!SUBCOMMANDS.includes(name))
    throw new UsageError(`xl has no subcommand "${name}"; it has ${SUBCOMMANDS.join(", ")}`);
}

/** Runs one subcommand; its exit status. Errors of the host are thrown. */
export async function xl(host: XlHost, subcommand: string, args: string[]): Promise<number> {
  const out = (text: string): void => void process.stdout.write(text);
  switch (subcommand) {
    case "list": {
      const { values, positionals } = options(args, { long: { type: "boolean", short: "l" } });
      let list = await host.request("list", {});
      if (positionals[0] !== undefined) {
        const domid = await domain(host, positionals);
        list = list.filter((entry) => entry.domid === domid);
      }
      out(values.long ? `${JSON.stringify(list, null, 4)}\n` : formatList(list));
      return 0;
    }
    case "vcpu-list": {
      const { positionals } = options(args, {});
      const only = positionals.length ? { domid: await domain(host, positionals) } : {};
      out(formatVcpuList(await host.request("vcpuList", only)));
      return 0;
    }
    case "info":
      options(args, {});
      out(formatInfo(await host.request("hostInfo", {})));
      return 0;
    case "dmesg": {
      const { values } = options(args, { clear: { type: "boolean", short: "c" } });
      out(await host.request("dmesg", { clear: values.clear === true }));
      return 0;
    }
    case "create":
      return create(host, args);
    case "destroy":
    case "pause":
    case "unpause":
      await host.request(subcommand, { domid: await domain(host, options(args, {}).positionals) });
      return 0;
    case "shutdown":
    case "reboot": {
      const { values, positionals } = options(args, { all: { type: "boolean", short: "a" } });
      const reason = subcommand === "reboot" ? "reboot" : "poweroff";
      const domids = values.all
        ? (await host.request("list", {})).map(({ domid }) => domid).filter((domid) => domid !== 0)
        : [await domain(host, positionals)];
      for (const domid of domids) await host.request("shutdown", { domid, reason });
      return 0;
    }
    case "rename": {
      const { positionals } = options(args, {});
      const [, name] = positionals;
      if (name === undefined) throw new UsageError("rename needs a domain and its new name");
      await host.request("rename", { domid: await domain(host, positionals), name });
      return 0;
    }
    case "console":
      return console_(host, await domain(host, options(args, {}).positionals));
    default:
      throw new UsageError(USAGE);
  }
}

type Options = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>["options"]>;

function options(args: string[], known: Options): { values: Record<string, unknown>; positionals: string[] } {
  try {
    return parseArgs({ args, options: known, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

async function domain(host: XlHost, positionals: string[]): Promise<number> {
  const [name] = positionals;
  if (name === undefined) throw new UsageError("a domain's name or id is missing");
  return host.request("resolve", { domain: name });
}

/** `xl create [-p] [-c] CONFIG.cfg`. */
async function create(host: XlHost, args: string[]): Promise<number> {
  const { values, positionals } = options(args, {
    paused: { type: "boolean", short: "p" },
    console: { type: "boolean", short: "c" },
  });
  const [file] = positionals;
  if (file === undefined) throw new UsageError("create needs a config file");
  let config: string;
  try {
    config = await readFile(file, "utf8");
  } catch (error) {
    throw new UsageError(`${file} can't be read: ${(error as Error).message}`);
  }
  const configName = path.resolve(file);
  process.stderr.write(`Parsing config from ${file}\n`);
  const created = await host.request("create", { config, configName, paused: values.paused === true });
  for (const { message } of created.warnings) process.stderr.write(`warning: ${message}\n`);
  return values.console === true ? console_(host, created.domid) : 0;
}

/** Connects the terminal until Ctrl+] or the domain's end. */
async function console_(host: XlHost, domid: number): Promise<number> {
  const terminal = new Terminal();
  let shown = Infinity;
  let leave!: () => void;
  const left = new Promise<void>((resolve) => (leave = resolve));
  const stop = [
    host.on("console", (output) => {
      const { bytes, offset } = output;
      if (output.domid !== domid || offset + bytes.length <= shown) return;
      terminal.write(bytes.subarray(Math.max(0, shown - offset)));
      shown = offset + bytes.length;
    }),
    host.on("destroyed", (gone) => {
      if (gone.domid === domid) leave();
    }),
  ];
  const snapshot = await host.request("consoleAttach", { domid });
  terminal.write(snapshot.log);
  shown = snapshot.end;
  terminal.attach(
    (bytes) => void host.request("consoleInput", { domid, bytes: Uint8Array.from(bytes) }).catch(() => {}),
    leave,
  );
  await left;
  for (const off of stop) off();
  await terminal.detach();
  await host.request("consoleDetach", { domid }).catch(() => {});
  return 0;
}
