/** Keeps a day of the host's figures, a point a minute, and what happened meanwhile. With a folder, it is kept across restarts. */
import type { StatisticsSnapshot } from "../../toolstack/messages.ts";
import { HistoryFiles, MOST_EVENTS, type HistoryEvent } from "./files.ts";
import { KeptMinutes, keepWithin } from "./kept.ts";
import { figuresOf, hostFiguresOf } from "./figures.ts";
import {
  DOMAIN_METRICS,
  HOST_METRICS,
  KEPT_MINUTES,
  VCPU_STATES,
  joined,
  merged,
  writeMinute,
  type Minute,
} from "./minutes.ts";

const SAMPLE_MS = 10_000;
const MINUTE_MS = 60_000;
const HOST = "host";

export interface HistoryOptions {
  /** The folder in which it is kept; without one, it lasts as long as the application. */
  folder?: string;
  sampleMilliseconds?: number;
}

export interface HistoryReport {
  metrics: readonly string[];
  /** Number of vCPUs in each record. */
  vcpus: number;
  /**
   * A record for each minute in which something was measured, in order, the present minute last: u32 minutes since 1970, u32 number of measurements,
   * then f32 minimum, mean and maximum of each metric (NaN: not measured), then for each vCPU u16 mean hundredths of a percent of the time that it
   * was running, runnable and blocked (65535: not measured); little-endian.
   */
  records: Uint8Array;
  events: { at: number; title: string; trouble: boolean }[];
}

export interface RecorderParts {
  measure: () => Promise<StatisticsSnapshot>;
  /** Called with a sentence for the user. */
  tell: (message: string) => void;
  /** Called when something happened that graphs mark. */
  marked: (event: HistoryEvent) => void;
}

/** Returns the metrics of a key: a domain's UUID or "host". */
function metricsOf(key: string): readonly string[] {
  return key === HOST ? HOST_METRICS : DOMAIN_METRICS;
}

export class Recorder {
  readonly #parts: RecorderParts;
  readonly #files: HistoryFiles | null;
  readonly #every: number;
  readonly #loaded: Promise<void>;
  #host = new KeptMinutes(HOST_METRICS.length);
  #domains = new Map<string, KeptMinutes>();
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

  /** Called when the host runs: measures now and then. */
  start(): void {
    this.stop();
    this.#timer = setInterval(() => void this.#sample(), this.#every);
    this.#timer.unref();
    void this.#sample();
  }

  /** Called when the host no longer runs: writes what was measured of the present minute. */
  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    this.#before = null;
    for (const key of [...this.#open.keys()]) this.#close(key);
  }

  /** Resolves when everything that was measured is on disk. */
  async written(): Promise<void> {
    await this.#loaded;
    await this.#files?.written();
  }

  /** Returns what happened in the last day, the latest last. */
  async events(): Promise<readonly HistoryEvent[]> {
    await this.#loaded;
    const since = Date.now() - KEPT_MINUTES * MINUTE_MS;
    return this.#events.filter(({ at }) => at >= since);
  }

  event(uuid: string | null, title: string, trouble: boolean): void {
    const event = { at: Date.now(), uuid, title, trouble };
    this.#events = [...this.#events.slice(-(MOST_EVENTS - 1)), event];
    this.#parts.marked(event);
    void this.#loaded
      .then(() => this.#files?.addEvent(event, this.#events))
      .catch((error: unknown) => this.#failed(error));
  }

  /** Returns the report of a domain's UUID, or of "host", which has everybody's events; null where nothing is known. */
  async report(key: string): Promise<HistoryReport | null> {
    await this.#loaded;
    const since = Math.floor(Date.now() / MINUTE_MS) - KEPT_MINUTES;
    const kept = this.#keptOf(key);
    const open = this.#open.get(key) ?? null;
    if (key !== HOST && (kept?.count ?? 0) === 0 && !open) return null;
    const vcpus = Math.max(kept?.vcpus ?? 0, (open?.vcpus.length ?? 0) / VCPU_STATES.length);
    return {
      metrics: metricsOf(key),
      vcpus,
      records: Uint8Array.from(Buffer.concat(recordsOf(kept, open, since, vcpus))),
      events: this.#events
        .filter(({ at, uuid }) => at >= since * MINUTE_MS && (key === HOST || uuid === key))
        .map(({ at, title, trouble }) => ({ at, title, trouble })),
    };
  }

  #keptOf(key: string): KeptMinutes | undefined {
    return key === HOST ? this.#host : this.#domains.get(key);
  }

  async #load(): Promise<void> {
    if (!this.#files) return;
    try {
      const now = Math.floor(Date.now() / MINUTE_MS);
      const { kept, events, notes } = await this.#files.load(now - KEPT_MINUTES, now);
      // What was measured meanwhile is added when this is done.
      this.#host = kept.get(HOST) ?? this.#host;
      kept.delete(HOST);
      this.#domains = kept;
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
      // The host is going; its own events say why.
    } finally {
      this.#busy = false;
    }
  }

  #take(before: StatisticsSnapshot, now: StatisticsSnapshot, minute: number): void {
    this.#join(HOST, minute, hostFiguresOf(before, now), []);
    for (const domain of now.domains) {
      const was = before.domains.find(({ domid, uuid }) => domid === domain.domid && uuid === domain.uuid);
      if (!was) continue;
      const { metrics, vcpus } = figuresOf(was, domain, now.time - before.time);
      this.#join(domain.uuid, minute, metrics, vcpus);
    }
    // For domains that are gone, the last minute is over.
    for (const [key, open] of [...this.#open]) if (open.minute !== minute) this.#close(key);
  }

  #join(key: string, minute: number, measured: number[], vcpus: number[]): void {
    const open = this.#open.get(key);
    if (open && open.minute !== minute) this.#close(key);
    this.#open.set(key, joined(this.#open.get(key) ?? null, minute, measured, vcpus));
  }

  /** Called when a minute is over. */
  #close(key: string): void {
    const minute = this.#open.get(key);
    if (!minute) return;
    this.#open.delete(key);
    void this.#loaded.then(() => this.#keep(key, minute)).catch((error: unknown) => this.#failed(error));
  }

  async #keep(key: string, minute: Minute): Promise<void> {
    let kept = this.#keptOf(key);
    if (!kept) this.#domains.set(key, (kept = new KeptMinutes(metricsOf(key).length)));
    kept.add(minute);
    const { gone, cut } = keepWithin(this.#domains, (each) => each === key || this.#open.has(each));
    for (const each of cut) this.#files?.shortened(each);
    await Promise.all([this.#files?.addMinute(key, minute, kept), ...gone.map((each) => this.#files?.remove(each))]);
  }

  /** This is reported once, because a full disk stays full. */
  #failed(error: unknown): void {
    if (this.#told) return;
    this.#told = true;
    const why = error instanceof Error ? error.message : String(error);
    this.#parts.tell(`The history can't be kept: ${why}.`);
  }
}

/** Returns the records after `since`, the present minute last; it may be joined with its part from before a restart. */
function recordsOf(kept: KeptMinutes | undefined, open: Minute | null, since: number, vcpus: number): Uint8Array[] {
  kept?.widen(vcpus);
  if (!open) return kept ? [kept.between(since, Infinity)] : [];
  const last = kept?.last ?? null;
  const present = last?.minute === open.minute ? merged(last, open) : open;
  return [...(kept ? [kept.between(since, open.minute)] : []), writeMinute(present, vcpus)];
}
