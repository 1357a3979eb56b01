/** `xenarium run`: a host for one domain, with this terminal as its console. */
import { access, readFile } from "node:fs/promises";
import path from "node:path";
import { codeCacheFolder } from "../api/cache-folder.ts";
import { ToolstackError, type ToolstackClient } from "../toolstack/client.ts";
import type { DomainStopped } from "../toolstack/messages.ts";
import { PoweredHost } from "../toolstack/power.ts";
import { Profiler } from "../toolstack/profile/profiler.ts";
import { Tracer } from "../toolstack/trace/tracer.ts";
import { parseXlConfig } from "../toolstack/xlcfg.ts";
import { UsageError, type RunArguments } from "./arguments.ts";
import { bootMenu } from "./boot-menu.ts";
import { configNameOf, runConfig } from "./config-text.ts";
import { XenLogTail, endingText } from "./ending.ts";
import { FAILED, LEFT, REFUSED, TIMED_OUT, outcomeText, signalled, stopped, type Outcome } from "./outcome.ts";
import { checkedSymbols, writeProfile } from "./profile.ts";
import { Terminal } from "./terminal.ts";
import { TraceFile } from "./trace.ts";

/** Errors of `create` that concern what the arguments name. */
const ARGUMENT_ERRORS = ["EINVAL", "ENOENT", "EISDIR", "EACCES", "ENOEXEC"];

/** What is told to the user, and kept for --json. */
class Speech {
  readonly said: string[] = [];

  readonly say = (message: string): void => {
    this.said.push(message);
    process.stderr.write(`xenarium: ${message}\n`);
  };
}

/** Resolves with the exit status. By then everything that was started is stopped. */
export async function run(options: RunArguments, imageFolder: URL): Promise<number> {
  const speech = new Speech();
  const guest: Guest = { name: null, domid: null, began: null, restarts: 0 };
  const terminal = new Terminal(options.json ? process.stderr : process.stdout);
  const report = async (outcome: Outcome, seconds: number | null, messages: readonly string[]): Promise<void> => {
    const { name, domid, restarts } = guest;
    const facts = { name, domid, restarts, seconds, consoleBytes: terminal.written, messages };
    if (options.json)
      await new Promise<void>((resolve) => process.stdout.write(outcomeText(outcome, facts), () => resolve()));
  };
  try {
    const outcome = await runGuest(options, imageFolder, terminal, guest, speech);
    const { ended = performance.now(), began } = guest;
    await report(outcome, began === null ? null : (ended - began) / 1000, speech.said);
    return outcome.status;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    await report(error instanceof UsageError ? REFUSED : FAILED, null, [...speech.said, message]);
    throw error;
  }
}

/** How the run ends: the first cause counts and is reported. The guest runs on while a profile is written. */
class RunEnd {
  readonly outcome: Promise<Outcome>;
  isOver = false;
  #resolve!: (outcome: Outcome) => void;

  constructor() {
    this.outcome = new Promise((resolve) => (this.#resolve = resolve));
  }

  as(outcome: Outcome, tell: () => void = () => {}): void {
    if (this.isOver) return;
    this.isOver = true;
    tell();
    this.#resolve(outcome);
  }
}

/** The domain of the run, or the one that replaced it. */
interface Guest {
  name: string | null;
  domid: number | null;
  /** When it began to run, and when it ended, by performance.now(). */
  began: number | null;
  ended?: number;
  restarts: number;
}

async function runGuest(
  options: RunArguments,
  imageFolder: URL,
  terminal: Terminal,
  guest: Guest,
  { say }: Speech,
): Promise<Outcome> {
  const { config, configName, kernel } = await checkedConfig(options, say);
  const symbols = await checkedSymbols(options.symbols);
  const menu = await bootMenu(options);
  const trace = options.trace === null ? null : await TraceFile.create(options.trace);
  const codeCache = codeCacheFolder();
  const host = new PoweredHost({
    imageFolder,
    ...(codeCache !== null && { codeCacheFolder: codeCache }),
    ...menu,
    ...(options.hostMemory !== null && { memoryMiB: options.hostMemory }),
    ...(options.pcpus !== null && { pcpus: options.pcpus }),
  });
  const log = new XenLogTail();
  host.on("serial", ({ pieces }) => log.add(pieces));
  if (options.log)
    host.on("serial", ({ pieces }) => process.stderr.write(Buffer.concat(pieces.map(({ bytes }) => bytes))));
  host.on("notice", ({ severity, message }) => {
    if (severity !== "info") say(message);
  });
  let profiler: Profiler | null = null;
  const end = new RunEnd();
  host.once("off", ({ reason }) => end.as(FAILED, () => reason && say(reason)));
  const timer =
    options.timeout === null
      ? null
      : setTimeout(
          () => end.as(TIMED_OUT, () => say(`the domain was still running after ${options.timeout} s`)),
          options.timeout * 1000,
        );
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => end.as(signalled(signal)));
  const saveProfile = async (): Promise<void> => {
    if (profiler && host.isOn)
      await writeProfile(profiler, options.profile!, kernel, symbols).catch((error: Error) =>
        say(`the profile was not written: ${error.message}`),
      );
  };
  const tracer = new Tracer(host);
  const tracing = async (domid: number, name: string): Promise<void> =>
    trace?.follow(tracer, domid, name).catch((error: Error) => say(`domain ${domid} is not traced: ${error.message}`));
  const saveTrace = async (): Promise<void> => {
    await trace?.end().catch((error: Error) => say(`the trace was not written whole: ${error.message}`));
    if (trace?.lost) say(`${trace.lost} hypercalls are not in the trace: they came faster than it is read and written`);
  };
  try {
    const profiling = async (): Promise<void> => {
      if (options.profile !== null) profiler = await Profiler.start(host);
    };
    const ended = (stop: DomainStopped, seconds: number): void => say(endingText(stop, seconds, terminal.written, log));
    const started = start(host, config, configName, guest, terminal, end, ended, profiling, tracing).catch(
      (error: unknown) => {
        const about = error instanceof ToolstackError && ARGUMENT_ERRORS.includes(error.code);
        end.as(about ? REFUSED : FAILED, () => say(error instanceof Error ? error.message : String(error)));
      },
    );
    const outcome = await end.outcome;
    guest.ended ??= performance.now();
    void started;
    await saveProfile();
    await saveTrace();
    return outcome;
  } finally {
    if (timer) clearTimeout(timer);
    host.removeAllListeners("off");
    host.on("off", () => {});
    await terminal.detach();
    await host.powerOff();
  }
}

async function checkedConfig(
  options: RunArguments,
  say: (message: string) => void,
): Promise<{ config: string; configName: string; kernel: string }> {
  let base: string | null = null;
  if (options.config !== null) {
    try {
      base = await readFile(options.config, "utf8");
    } catch (error) {
      throw new UsageError(`${options.config} can't be read: ${(error as Error).message}`);
    }
  }
  const config = runConfig(base, options, process.cwd());
  const configName = configNameOf(options.config ?? "command-line.cfg");
  const parsed = parseXlConfig(config);
  for (const { severity, message } of parsed.diagnostics)
    if (severity === "warning") say(`${path.basename(configName)}: ${message}`);
  if (!parsed.config) {
    const errors = parsed.diagnostics.filter(({ severity }) => severity === "error");
    throw new UsageError(errors.map(({ message }) => `${path.basename(configName)}: ${message}`).join("\n"));
  }
  const { kernel, ramdisk } = parsed.config;
  for (const file of [kernel, ramdisk]) {
    if (file === null) continue;
    const full = path.resolve(path.dirname(configName), file);
    await access(full).catch(() => {
      throw new UsageError(`${full} can't be read: there is no such file, or it may not be read`);
    });
  }
  return { config, configName, kernel: path.resolve(path.dirname(configName), kernel) };
}

async function start(
  host: PoweredHost,
  config: string,
  configName: string,
  guest: Guest,
  terminal: Terminal,
  end: RunEnd,
  ended: (stop: DomainStopped, seconds: number) => void,
  profiling: () => Promise<void>,
  tracing: (domid: number, name: string) => Promise<void>,
): Promise<void> {
  await host.start();
  await profiling();
  const { toolstack } = host;
  let current = -1;
  // Output that was sent before the log was requested is in the log too.
  let shown = 0;
  toolstack.on("console", ({ domid, bytes, offset }) => {
    if (domid !== current || offset + bytes.length <= shown) return;
    terminal.write(bytes.subarray(Math.max(0, shown - offset)));
    shown = offset + bytes.length;
  });
  const attach = async (domid: number): Promise<void> => {
    await tracing(domid, guest.name ?? "");
    current = domid;
    shown = Infinity;
    const snapshot = await toolstack.request("consoleAttach", { domid });
    terminal.write(snapshot.log);
    shown = snapshot.end;
  };
  follow(toolstack, guest, attach, end, ended);
  const { domid, name } = await toolstack.request("create", { config, configName, paused: true });
  guest.name = name;
  guest.domid = domid;
  await attach(domid);
  terminal.attach(
    (bytes) =>
      void toolstack.request("consoleInput", { domid: current, bytes: Uint8Array.from(bytes) }).catch(() => {}),
    () => end.as(LEFT),
  );
  guest.began = performance.now();
  await toolstack.request("unpause", { domid });
}

/**
 * Ends the run with the domain, or continues with the one that replaces it. What the domain does after the run has ended in another way is not
 * reported.
 */
function follow(
  toolstack: ToolstackClient,
  guest: Guest,
  attach: (domid: number) => Promise<void>,
  end: RunEnd,
  said: (stop: DomainStopped, seconds: number) => void,
): void {
  let restarting = false;
  toolstack.on("stopped", (stop) => {
    if (stop.domid !== guest.domid || end.isOver) return;
    guest.ended = performance.now();
    said(stop, (guest.ended - (guest.began ?? guest.ended)) / 1000);
    restarting = stop.action.endsWith("restart") || stop.action === "soft-reset";
    if (!restarting) end.as(stopped(stop));
  });
  toolstack.on("created", ({ domid, name }) => {
    if (!restarting || name !== guest.name || end.isOver) return;
    restarting = false;
    guest.domid = domid;
    guest.began = performance.now();
    delete guest.ended;
    guest.restarts++;
    attach(domid).catch(() => end.as(FAILED));
  });
  toolstack.on("destroyed", ({ domid }) => {
    if (domid === guest.domid && !restarting) end.as(FAILED);
  });
  toolstack.on("notice", ({ severity }) => {
    if (severity === "error" && restarting) end.as(FAILED);
  });
}
