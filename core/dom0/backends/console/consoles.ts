/**
 * The consoles of the host's domains (xenconsoled's role): a log of each, which is kept after the domain is gone, and its listeners. The rings belong
 * to the devices (device.ts). A domain's first console has the number 0. The others, its channels, have the number of their device and go with the
 * domain.
 */
import { BoundedLog } from "./log.ts";

export const DEFAULT_LOG_BYTES = 1 << 20;
/** Number of logs of gone domains that are kept. */
const OLD_LOGS = 64;
/** Size of a channel's log. */
const CHANNEL_LOG_BYTES = 64 << 10;

/** `offset` is that of the first byte in the console's stream. */
export type OutputListener = (domid: number, bytes: Uint8Array, offset: number, number: number) => void;

/** Takes typed bytes for the guest. Returns false when too much is waiting already. */
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

  /** Calls the listener with the output of every domain. The returned function ends that. */
  onOutput(listener: OutputListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Begins the log of a domain; a domid that is used again gets a new one. `before` is what the console of a restored domain had. */
  begin(domid: number, name: string, before?: Uint8Array): void {
    const log = new BoundedLog(this.#logBytes);
    if (before?.length) log.append(before);
    this.forget(domid);
    this.#consoles.set(domid, { name, log, input: null });
    const old = [...this.#consoles].filter(([, { input }]) => !input).map(([each]) => each);
    for (const each of old.slice(0, Math.max(0, old.length - OLD_LOGS))) this.forget(each);
  }

  /** Removes the log of a domain whose creation failed. */
  forget(domid: number): void {
    this.#consoles.delete(domid);
    for (const key of [...this.#channels.keys()]) if (key.startsWith(`${domid}/`)) this.#channels.delete(key);
  }

  /** Returns the present name of the domain; null for one that is not known. */
  name(domid: number): string | null {
    return this.#consoles.get(domid)?.name ?? null;
  }

  rename(domid: number, name: string): void {
    const console = this.#consoles.get(domid);
    if (console) console.name = name;
  }

  /** Called when the console's device is connected, and with null when it is disconnected. */
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

  /** Queues typed bytes. Returns false when the domain has no console any more, or too much is waiting. */
  input(domid: number, bytes: Uint8Array, number = 0): boolean {
    return this.#of(domid, number)?.input?.(bytes) ?? false;
  }

  log(domid: number, number = 0): { log: Uint8Array; start: number; end: number } | null {
    const console = this.#of(domid, number);
    if (!console) return null;
    const { log } = console;
    return { log: log.bytes(), start: log.end - log.length, end: log.end };
  }

  /** Returns the number of bytes that the log has, and that were ever written. */
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
