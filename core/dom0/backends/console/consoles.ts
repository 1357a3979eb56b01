/**
 * The consoles of a host's domains (xenconsoled's role): a log each, kept after the domain is gone, and who listens. The rings are the
 * devices' (device.ts). A domain's first console has the number 0; others, its channels, have their devices' and go with their domain.
 */
import { BoundedLog } from "./log.ts";

export const DEFAULT_LOG_BYTES = 1 << 20;
/** Logs of gone domains that are kept. */
const OLD_LOGS = 64;
/** A channel's. */
const CHANNEL_LOG_BYTES = 64 << 10;

/** `offset`: of the first byte in the console's stream. */
export type OutputListener = (domid: number, bytes: Uint8Array, offset: number, number: number) => void;

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
  /** By domid and number. */
  readonly #channels = new Map<string, Console>();
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
    this.forget(domid);
    this.#consoles.set(domid, { name, log, input: null });
    const old = [...this.#consoles].filter(([, { input }]) => !input).map(([each]) => each);
    for (const each of old.slice(0, Math.max(0, old.length - OLD_LOGS))) this.forget(each);
  }

  /** It never came to be. */
  forget(domid: number): void {
    this.#consoles.delete(domid);
    for (const key of [...this.#channels.keys()]) if (key.startsWith(`${domid}/`)) this.#channels.delete(key);
  }

  /** Of the domain, as it is called now; null for none that is known. */
  name(domid: number): string | null {
    return this.#consoles.get(domid)?.name ?? null;
  }

  rename(domid: number, name: string): void {
    const console = this.#consoles.get(domid);
    if (console) console.name = name;
  }

  /** Its device is connected, and disconnected with null. */
  connect(domid: number, input: Input | null, number = 0): void {
    const first = this.#consoles.get(domid);
    if (number > 0 && first && !this.#of(domid, number))
      this.#channels.set(`${domid}/${number}`, {
        name: first.name,
        log: new BoundedLog(CHANNEL_LOG_BYTES),
        input: null,
      });
    const console = this.#of(domid, number);
    if (console) console.input = input;
  }

  output(domid: number, bytes: Uint8Array, number = 0): void {
    const console = this.#of(domid, number);
    if (!console) return;
    const offset = console.log.end;
    console.log.append(bytes);
    for (const listener of this.#listeners) listener(domid, bytes, offset, number);
  }

  /** Queues typed bytes. False when the domain has no console any more or has too much waiting. */
  input(domid: number, bytes: Uint8Array, number = 0): boolean {
    return this.#of(domid, number)?.input?.(bytes) ?? false;
  }

  log(domid: number, number = 0): { log: Uint8Array; start: number; end: number } | null {
    const console = this.#of(domid, number);
    if (!console) return null;
    const { log } = console;
    return { log: log.bytes(), start: log.end - log.length, end: log.end };
  }

  /** Bytes of the log: kept, and ever written. */
  sizes(domid: number, number = 0): { kept: number; written: number } {
    const log = this.#of(domid, number)?.log;
    return { kept: log?.length ?? 0, written: log?.end ?? 0 };
  }

  #of(domid: number, number: number): Console | undefined {
    return number === 0 ? this.#consoles.get(domid) : this.#channels.get(`${domid}/${number}`);
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
