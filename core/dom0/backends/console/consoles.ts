/**
 * The consoles of a host's domains (xenconsoled's role): a log each, kept after the domain is gone, and who listens. The rings are the
 * devices' (device.ts).
 */
import { BoundedLog } from "./log.ts";

export const DEFAULT_LOG_BYTES = 1 << 20;
/** Logs of gone domains that are kept. */
const OLD_LOGS = 64;

/** `offset`: of the first byte in the domain's console stream. */
export type OutputListener = (domid: number, bytes: Uint8Array, offset: number) => void;

/** Takes typed bytes for the guest; false when too much waits already. */
export type Input = (bytes: Uint8Array) => boolean;

interface Console {
  name: string;
  readonly log: BoundedLog;
  /** null while no device is connected. */
  input: Input | null;
}

export class Consoles {
  readonly #logBytes: number;
  readonly #consoles = new Map<number, Console>();
  readonly #listeners = new Set<OutputListener>();

  constructor(logBytes = DEFAULT_LOG_BYTES) {
    this.#logBytes = logBytes;
  }

  /** Hears the output of every domain. The returned function ends it. */
  onOutput(listener: OutputListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A domain begins: a domid that is used again begins a new log, with what a restored domain's console had `before`. */
  begin(domid: number, name: string, before?: Uint8Array): void {
    const log = new BoundedLog(this.#logBytes);
    if (before?.length) log.append(before);
    this.#consoles.delete(domid);
    this.#consoles.set(domid, { name, log, input: null });
    const old = [...this.#consoles].filter(([, { input }]) => !input).map(([each]) => each);
    for (const each of old.slice(0, Math.max(0, old.length - OLD_LOGS))) this.#consoles.delete(each);
  }

  /** It never came to be. */
  forget(domid: number): void {
    this.#consoles.delete(domid);
  }

  rename(domid: number, name: string): void {
    const console = this.#consoles.get(domid);
    if (console) console.name = name;
  }

  /** Its device is connected, and disconnected with null. */
  connect(domid: number, input: Input | null): void {
    const console = this.#consoles.get(domid);
    if (console) console.input = input;
  }

  output(domid: number, bytes: Uint8Array): void {
    const console = this.#consoles.get(domid);
    if (!console) return;
    const offset = console.log.end;
    console.log.append(bytes);
    for (const listener of this.#listeners) listener(domid, bytes, offset);
  }

  /** Queues typed bytes. False when the domain has no console any more or has too much waiting. */
  input(domid: number, bytes: Uint8Array): boolean {
    return this.#consoles.get(domid)?.input?.(bytes) ?? false;
  }

  log(domid: number): { log: Uint8Array; start: number; end: number } | null {
    const console = this.#consoles.get(domid);
    if (!console) return null;
    const { log } = console;
    return { log: log.bytes(), start: log.end - log.length, end: log.end };
  }

  /** Bytes of the log: kept, and ever written. */
  sizes(domid: number): { kept: number; written: number } {
    const log = this.#consoles.get(domid)?.log;
    return { kept: log?.length ?? 0, written: log?.end ?? 0 };
  }

  logs(): { domid: number; name: string; bytes: number; alive: boolean }[] {
    return [...this.#consoles].map(([domid, { name, log, input }]) => ({
      domid,
      name,
      bytes: log.length,
      alive: input !== null,
    }));
  }
}
