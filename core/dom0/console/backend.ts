/**
 * The console backend (xenconsoled's role): one console per domain, its log kept after the domain is gone, input queued
 * and handed over as the guest makes room.
 */
import { GNTTAB_RESERVED_CONSOLE } from "../kernel/abi.ts";
import type { EventChannels } from "../kernel/events.ts";
import type { GrantMap, MappedGrant } from "../kernel/grants.ts";
import type { Hypercalls } from "../kernel/hypercalls.ts";
import { BoundedLog } from "./log.ts";
import { ConsoleRing, type RingIndices } from "./ring.ts";

export const DEFAULT_LOG_BYTES = 1 << 20;
/** Typed ahead and not yet taken by the guest; what exceeds it is refused. */
const INPUT_QUEUE_BYTES = 1 << 20;
/** Rings emptied in one go before other work has its turn. */
const TURNS_PER_SERVICE = 32;
/** Logs of gone domains that are kept. */
const OLD_LOGS = 64;

/** `offset`: of the first byte in the domain's console stream. */
export type OutputListener = (domid: number, bytes: Uint8Array, offset: number) => void;

interface Attachment {
  ring: ConsoleRing;
  port: number;
  grant: MappedGrant;
}

export interface ConsoleWiring {
  in: RingIndices;
  out: RingIndices;
  /** dom0's. */
  port: number;
  grant: MappedGrant;
  /** Of the log: kept, and ever written. */
  keptBytes: number;
  streamBytes: number;
  /** Typed and not yet taken by the guest. */
  waitingInput: number;
}

class DomainConsole {
  readonly log: BoundedLog;
  name: string;
  attachment: Attachment | null = null;
  input: Uint8Array[] = [];
  inputBytes = 0;
  constructor(name: string, logBytes: number) {
    this.name = name;
    this.log = new BoundedLog(logBytes);
  }
}

export class ConsoleBackend {
  readonly #hypercalls: Hypercalls;
  readonly #events: EventChannels;
  readonly #grants: GrantMap;
  readonly #logBytes: number;
  readonly #consoles = new Map<number, DomainConsole>();
  readonly #listeners = new Set<OutputListener>();

  constructor(hypercalls: Hypercalls, events: EventChannels, grants: GrantMap, logBytes = DEFAULT_LOG_BYTES) {
    this.#hypercalls = hypercalls;
    this.#events = events;
    this.#grants = grants;
    this.#logBytes = logBytes;
  }

  /** Hears the output of every domain. The returned function ends it. */
  onOutput(listener: OutputListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Connects the console of a domain being built: its granted page and unbound port. */
  connect(domid: number, name: string, remotePort: number): void {
    const grant = this.#grants.map(domid, GNTTAB_RESERVED_CONSOLE);
    const ring = new ConsoleRing(this.#hypercalls.memory.memory.buffer, grant.address);
    // A domid that is used again begins a new log.
    const console = new DomainConsole(name, this.#logBytes);
    this.#consoles.delete(domid);
    this.#consoles.set(domid, console);
    try {
      const port = this.#events.bindInterdomain(domid, remotePort, () => this.#service(domid));
      console.attachment = { ring, port, grant };
    } catch (error) {
      this.#grants.unmap(grant);
      throw error;
    }
    this.#forgetOldLogs();
  }

  /** Takes the last output and lets go of the page; the log stays. */
  disconnect(domid: number): void {
    const console = this.#consoles.get(domid);
    if (!console?.attachment) return;
    this.#drain(domid, console);
    const { port, grant } = console.attachment;
    console.attachment = null;
    console.input = [];
    console.inputBytes = 0;
    this.#events.close(port);
    this.#grants.unmap(grant);
  }

  /** What the domain's console is wired with; null when it has none that is connected. */
  wiring(domid: number): ConsoleWiring | null {
    const console = this.#consoles.get(domid);
    if (!console?.attachment) return null;
    const { ring, port, grant } = console.attachment;
    const { log, inputBytes } = console;
    return { ...ring.indices(), port, grant, keptBytes: log.length, streamBytes: log.end, waitingInput: inputBytes };
  }

  rename(domid: number, name: string): void {
    const console = this.#consoles.get(domid);
    if (console) console.name = name;
  }

  /** Takes what the guest wrote, even if it didn't say so: called when the domain has stopped. */
  drain(domid: number): void {
    const console = this.#consoles.get(domid);
    if (console) this.#drain(domid, console);
  }

  log(domid: number): { log: Uint8Array; start: number; end: number } | null {
    const console = this.#consoles.get(domid);
    if (!console) return null;
    const { log } = console;
    return { log: log.bytes(), start: log.end - log.length, end: log.end };
  }

  logs(): { domid: number; name: string; bytes: number; alive: boolean }[] {
    return [...this.#consoles].map(([domid, { name, log, attachment }]) => ({
      domid,
      name,
      bytes: log.length,
      alive: attachment !== null,
    }));
  }

  /** Queues typed bytes. False when the domain has no console any more or has too much waiting. */
  input(domid: number, bytes: Uint8Array): boolean {
    const console = this.#consoles.get(domid);
    if (!console?.attachment || console.inputBytes + bytes.length > INPUT_QUEUE_BYTES) return false;
    console.input.push(bytes.slice());
    console.inputBytes += bytes.length;
    if (this.#feed(console)) this.#events.notify(console.attachment.port);
    return true;
  }

  #service(domid: number): void {
    const console = this.#consoles.get(domid);
    if (!console?.attachment) return;
    let moved = false;
    let turns = TURNS_PER_SERVICE;
    while (turns > 0 && this.#take(domid, console)) {
      moved = true;
      turns--;
    }
    if (this.#feed(console)) moved = true;
    if (moved) this.#events.notify(console.attachment.port);
    if (turns === 0) setImmediate(() => this.#service(domid));
  }

  #drain(domid: number, console: DomainConsole): void {
    for (let turns = TURNS_PER_SERVICE; turns > 0 && this.#take(domid, console); turns--);
  }

  #take(domid: number, console: DomainConsole): boolean {
    const bytes = console.attachment?.ring.takeOutput();
    if (!bytes) return false;
    const offset = console.log.end;
    console.log.append(bytes);
    for (const listener of this.#listeners) listener(domid, bytes, offset);
    return true;
  }

  /** Hands queued input to the guest; true when any went. */
  #feed(console: DomainConsole): boolean {
    let moved = false;
    while (console.input.length > 0) {
      const first = console.input[0]!;
      const taken = console.attachment!.ring.putInput(first);
      if (taken === 0) break;
      moved = true;
      console.inputBytes -= taken;
      if (taken === first.length) console.input.shift();
      else console.input[0] = first.subarray(taken);
    }
    return moved;
  }

  #forgetOldLogs(): void {
    const old = [...this.#consoles].filter(([, console]) => !console.attachment).map(([domid]) => domid);
    for (const domid of old.slice(0, Math.max(0, old.length - OLD_LOGS))) this.#consoles.delete(domid);
  }
}
