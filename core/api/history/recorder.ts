/** Keeps a day of the host's figures, a point a minute, and what happened meanwhile; in a folder, if there is one, across restarts. */
import type { StatisticsSnapshot } from "../../toolstack/messages.ts";
import { HistoryFiles, MOST_EVENTS, MOST_FILES, type HistoryEvent } from "./files.ts";
import { DOMAIN_METRICS, HOST_METRICS, KEPT_MINUTES, joined, writeMinute, type Minute } from "./minutes.ts";

const SAMPLE_MS = 10_000;
const MINUTE_MS = 60_000;
const PAGES_PER_MIB = 256;
const HOST = "host";

export interface HistoryOptions {
  /** Where it is kept; without, it lasts as long as the application. */
  folder?: string;
  sampleMilliseconds?: number;
}

export interface HistoryReport {
  metrics: readonly string[];
  /**
   * A record for each minute that something was measured in, in order, the present one at last: u32 minutes since 1970, u32 measurements, then f32 least,
   * mean and largest of each metric (NaN: not measured); little-endian.
   */
  records: Uint8Array;
  events: { at: number; title: string; trouble: boolean }[];
}

export interface RecorderParts {
  measure: () => Promise<StatisticsSnapshot>;
  /** A sentence for the user. */
  tell: (message: string) => void;
}

/** Sets the metrics of a key: a domain's UUID or "host". */
function metricsOf(key: string): readonly string[] {
  return key === HOST ? HOST_METRICS : DOMAIN_METRICS;
}

export class Recorder {
  readonly #parts: RecorderParts;
  readonly #files: HistoryFiles | null;
  readonly #every: number;
  readonly #loaded: Promise<void>;
  readonly #minutes = new Map<string, Minute[]>();
  readonly #open = new Map<string, Minute>();
  #events: HistoryEvent[] = [];
  #timer: NodeJS.Timeout | null = null;
  #before: StatisticsSnapshot | null = null;
  #busy = false;
  #told = false;

  constructor({ folder, sampleMilliseconds = SAMPLE_MS }: HistoryOptions, parts: RecorderParts) {
    this.#parts = parts;
    this.#every = sampleMilliseconds;
    this.#files = folder === undefined ? null : new HistoryFiles(folder, metricsOf);
    this.#loaded = this.#load();
  }

  /** The host runs: measures now and then. */
  start(): void {
    this.stop();
    this.#timer = setInterval(() => void this.#sample(), this.#every);
    this.#timer.unref();
    void this.#sample();
  }

  /** The host does not run any more. What was measured of the present minute is written. */
  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    this.#before = null;
    for (const key of [...this.#open.keys()]) this.#close(key);
  }

  /** Resolves when all is on disk that was measured. */
  async written(): Promise<void> {
    await this.#loaded;
    await this.#files?.written();
  }

  event(uuid: string | null, title: string, trouble: boolean): void {
    const event = { at: Date.now(), uuid, title, trouble };
    this.#events = [...this.#events.slice(-(MOST_EVENTS - 1)), event];
    void this.#loaded
      .then(() => this.#files?.addEvent(event, this.#events))
      .catch((error: unknown) => this.#failed(error));
  }

  /** Of a domain's UUID, or "host", which has the events of all; null where nothing is known. */
  async report(key: string): Promise<HistoryReport | null> {
    await this.#loaded;
    const since = Math.floor(Date.now() / MINUTE_MS) - KEPT_MINUTES;
    const open = this.#open.get(key);
    const minutes = [...(this.#minutes.get(key) ?? []), ...(open ? [open] : [])].filter(({ minute }) => minute > since);
    if (minutes.length === 0 && key !== HOST) return null;
    return {
      metrics: metricsOf(key),
      records: Uint8Array.from(Buffer.concat(minutes.map(writeMinute))),
      events: this.#events
        .filter(({ at, uuid }) => at >= since * MINUTE_MS && (key === HOST || uuid === key))
        .map(({ at, title, trouble }) => ({ at, title, trouble })),
    };
  }

  async #load(): Promise<void> {
    if (!this.#files) return;
    try {
      const { minutes, events, notes } = await this.#files.load(Math.floor(Date.now() / MINUTE_MS) - KEPT_MINUTES);
      for (const [key, all] of minutes) this.#minutes.set(key, [...all, ...(this.#minutes.get(key) ?? [])]);
      this.#events = [...events, ...this.#events].slice(-MOST_EVENTS);
      for (const note of notes) this.#parts.tell(note);
    } catch (error) {
      this.#failed(error);
    }
  }

  async #sample(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      const snapshot = await this.#parts.measure();
      const before = this.#before;
      if (!this.#timer) return;
      this.#before = snapshot;
      if (before && snapshot.time > before.time) this.#take(before, snapshot, Math.floor(Date.now() / MINUTE_MS));
    } catch {
      // The host goes; its own events say why.
    } finally {
      this.#busy = false;
    }
  }

  #take(before: StatisticsSnapshot, now: StatisticsSnapshot, minute: number): void {
    const nanoseconds = now.time - before.time;
    const idle = (snapshot: StatisticsSnapshot): number => snapshot.pcpus.reduce((sum, each) => sum + each.idleTime, 0);
    const idled = (idle(now) - idle(before)) / nanoseconds / Math.max(1, now.pcpus.length);
    this.#join(HOST, minute, [100 * Math.min(1, Math.max(0, 1 - idled)), now.freeMemoryMiB]);
    for (const domain of now.domains) {
      const was = before.domains.find(({ domid, uuid }) => domid === domain.domid && uuid === domain.uuid);
      if (!was) continue;
      const rate = (value: number | null, then: number | null): number =>
        value === null || then === null ? NaN : Math.max(0, ((value - then) / nanoseconds) * 1e9);
      const waited = (vcpus: typeof domain.vcpus): number =>
        vcpus.reduce((sum, { runstates }) => sum + (runstates?.runnable ?? NaN), 0);
      this.#join(domain.uuid, minute, [
        rate(domain.cpuTime, was.cpuTime) / 1e7,
        rate(waited(domain.vcpus), waited(was.vcpus)) / 1e7,
        domain.memoryPages / PAGES_PER_MIB,
        rate(domain.hypercalls, was.hypercalls),
        rate(domain.events, was.events),
        rate(domain.pageFaults, was.pageFaults),
        rate(domain.instructions, was.instructions) / 1e6,
      ]);
    }
    // Those that went: their last minute is over.
    for (const [key, open] of [...this.#open]) if (open.minute !== minute) this.#close(key);
  }

  #join(key: string, minute: number, measured: number[]): void {
    const open = this.#open.get(key);
    if (open && open.minute !== minute) this.#close(key);
    this.#open.set(key, joined(this.#open.get(key) ?? null, minute, measured));
  }

  /** A minute is over. */
  #close(key: string): void {
    const minute = this.#open.get(key);
    if (!minute) return;
    this.#open.delete(key);
    const all = [...(this.#minutes.get(key) ?? []), minute].slice(-KEPT_MINUTES);
    this.#minutes.delete(key);
    this.#minutes.set(key, all);
    void this.#loaded
      .then(() => this.#files?.addMinute(key, minute, all))
      .catch((error: unknown) => this.#failed(error));
    // Those that were written to longest ago come first.
    const domains = [...this.#minutes.keys()].filter((each) => each !== HOST && !this.#open.has(each));
    for (const oldest of domains.slice(0, Math.max(0, this.#minutes.size - 1 - MOST_FILES))) {
      this.#minutes.delete(oldest);
      void this.#files?.remove(oldest).catch(() => {});
    }
  }

  /** Said once: a full disk stays full. */
  #failed(error: unknown): void {
    if (this.#told) return;
    this.#told = true;
    const why = error instanceof Error ? error.message : String(error);
    this.#parts.tell(`The history can't be kept: ${why}.`);
  }
}
