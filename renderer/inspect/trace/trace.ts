/** The hypercalls and accesses of one domain as they came in: a bounded number of them, the ones that pass the filter, and how often which is made. */
import type { Events } from "../../../core/api/schema.ts";
import { CALLS } from "../../../core/api/trace/names.ts";
import { traceCalls, type TraceAccess, type TraceCall } from "../../../core/api/trace/calls.ts";

/** Where calls are missing: `missing` were made and not recorded; null: nobody looked. */
export interface Gap {
  missing: number | null;
  /** null means any vCPU. */
  vcpu: number | null;
  time: number;
}
export type TraceRow = TraceCall | Gap;
export function isGap(row: TraceRow): row is Gap {
  return "missing" in row;
}

export interface TraceFilter {
  /** Number of the hypercall or access, as CALLS has it; null: all. */
  number: number | null;
  result: "all" | "ok" | "failed";
  /** In lower case. It is searched for in names, arguments and results. */
  text: string;
}
export const EVERYTHING: TraceFilter = { number: null, result: "all", text: "" };

export interface CallCount {
  number: number;
  /** How many were made since the domain was created, by the hypervisor's own count. */
  calls: number;
  /** Calls per second; NaN until it is known. */
  rate: number;
}

/** How often an access of a port or address was recorded. */
export interface AccessCount {
  space: TraceAccess["space"];
  address: bigint;
  reads: number;
  writes: number;
}

/** Ports and addresses that are counted one by one; a guest may access as many as it likes. */
const MOST_PLACES = 200;
/** As many as there are --graph-1 to 6. */
export const COLORS = 6;
/** How many rows are kept. If there are more, the oldest are dropped. */
const MOST_ROWS = 50_000;
const ROWS_AT_ONCE = 10_000;
/** A rate is taken over at least this many nanoseconds. */
const RATE_NS = 900e6;

export class Trace {
  /** Increases with each change, so that what shows the trace looks again. */
  version = 0;
  rows: TraceRow[] = [];
  /** Those of `rows` that pass the filter, and all gaps. */
  shown: TraceRow[] = [];
  /** How many calls were recorded since the beginning or the last clear. */
  recorded = 0;
  missing = 0;
  counts: readonly CallCount[] = [];
  /** Of what was recorded, by the first access. */
  readonly places = new Map<string, AccessCount>();
  /** Recorded accesses of places beyond MOST_PLACES. */
  elsewhere = 0;
  readonly seen = new Map<number, string>();
  readonly vcpus = new Set<number>();
  /** In the order in which they were first seen. */
  readonly #colors = new Map<number, number>();
  #filter = EVERYTHING;
  #before: { time: number; calls: readonly number[] } | null = null;
  readonly #listeners = new Set<() => void>();

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };
  #changed(): void {
    this.version++;
    for (const listener of [...this.#listeners]) listener();
  }

  take({ records, lost, time, calls }: Events["trace"]): void {
    const added: TraceRow[] = [];
    for (const call of traceCalls(records)) {
      if (call.lost > 0) added.push({ missing: call.lost, vcpu: call.vcpu, time: call.time });
      added.push(call);
      this.recorded++;
      this.missing += call.lost;
      // Numbers that mean nothing may be as many as the guest likes.
      if (CALLS.has(call.number)) {
        this.seen.set(call.number, call.name);
        this.#color(call.number);
      }
      if (call.access) this.#countAccess(call.access);
      this.vcpus.add(call.vcpu);
    }
    if (lost > 0) added.push({ missing: lost, vcpu: null, time });
    this.missing += lost;
    this.#count(time, calls);
    this.#add(added);
  }

  #countAccess({ space, address, isWrite }: TraceAccess): void {
    const key = `${space} ${address}`;
    let place = this.places.get(key);
    if (!place && this.places.size < MOST_PLACES) {
      place = { space, address, reads: 0, writes: 0 };
      this.places.set(key, place);
    }
    if (!place) this.elsewhere++;
    else if (isWrite) place.writes++;
    else place.reads++;
  }

  /** Below COLORS; the same for a hypercall as long as the trace is there. */
  colorOf(number: number): number | null {
    return this.#colors.get(number) ?? null;
  }
  #color(number: number): void {
    if (!this.#colors.has(number)) this.#colors.set(number, this.#colors.size % COLORS);
  }

  /** Takes how often each hypercall had been made when the trace began. */
  began({ time, calls }: Pick<Events["trace"], "time" | "calls">): void {
    this.#count(time, calls);
    this.#changed();
  }

  /** From here on nothing is recorded. */
  pause(): void {
    const last = this.rows.at(-1);
    if (last && !(isGap(last) && last.missing === null)) this.#add([{ missing: null, vcpu: null, time: last.time }]);
    this.#before = null;
    this.counts = this.counts.map(({ number, calls }) => ({ number, calls, rate: NaN }));
  }

  /** Nothing arrived for a while, so no calls were made. */
  idle(): void {
    if (this.counts.every(({ rate }) => rate === 0)) return;
    this.counts = this.counts.map(({ number, calls }) => ({ number, calls, rate: 0 }));
    this.#changed();
  }

  clear(): void {
    this.rows = [];
    this.shown = [];
    this.recorded = 0;
    this.missing = 0;
    this.places.clear();
    this.elsewhere = 0;
    this.#changed();
  }

  get filter(): TraceFilter {
    return this.#filter;
  }
  set filter(filter: TraceFilter) {
    this.#filter = filter;
    this.shown = this.rows.filter((row) => this.#passes(row));
    this.#changed();
  }

  #passes(row: TraceRow): boolean {
    if (isGap(row)) return true;
    const { number, result, text } = this.#filter;
    if (number !== null && row.number !== number) return false;
    if (result !== "all" && row.failed !== (result === "failed")) return false;
    return text === "" || textOf(row).toLowerCase().includes(text);
  }

  #add(added: TraceRow[]): void {
    this.rows.push(...added);
    for (const row of added) if (this.#passes(row)) this.shown.push(row);
    if (this.rows.length > MOST_ROWS + ROWS_AT_ONCE) {
      this.rows = this.rows.slice(-MOST_ROWS);
      const first = this.rows[0]!;
      const from = this.shown.findIndex(({ time }) => time >= first.time);
      this.shown = from < 0 ? [] : this.shown.slice(from);
    }
    this.#changed();
  }

  #count(time: number, calls: readonly number[]): void {
    if (calls.length === 0) return;
    const before = this.#before;
    const isOld = before !== null && time - before.time >= RATE_NS;
    const rates = new Map(this.counts.map(({ number, rate }) => [number, rate]));
    this.counts = calls
      .map((count, number) => {
        const rate = isOld
          ? ((count - (before.calls[number] ?? 0)) * 1e9) / (time - before.time)
          : (rates.get(number) ?? NaN);
        return { number, calls: count, rate };
      })
      .filter((count) => count.calls > 0)
      .sort((a, b) => b.calls - a.calls);
    for (const { number } of this.counts) this.#color(number);
    if (!before || isOld) this.#before = { time, calls };
  }
}

/** What a trace is of: a PVH domain's has accesses too. */
export interface TraceWords {
  one: string;
  many: string;
}
export const HYPERCALLS_ONLY: TraceWords = { one: "hypercall", many: "hypercalls" };
export const WITH_ACCESSES: TraceWords = { one: "hypercall or access", many: "hypercalls or accesses" };

export function argumentsText({ parameters }: TraceCall): string {
  return parameters.map(([name, value]) => `${name}=${value}`).join(" ");
}
export function resultText({ result, continued }: TraceCall): string {
  return continued ? "continued" : result === "" ? "–" : result;
}
function textOf(call: TraceCall): string {
  return `${call.name} ${call.operation ?? ""} ${argumentsText(call)} ${resultText(call)}`;
}

/** `what`: what the domain's trace has, as "hypercalls". */
export function gapText({ missing, vcpu }: Gap, what: TraceWords): string {
  if (missing === null) return "The recording was stopped here: what the domain did meanwhile was not recorded.";
  const whose = vcpu === null ? "" : ` of vCPU ${vcpu}`;
  return `${missing.toLocaleString("en")} ${missing === 1 ? what.one : what.many}${whose} not recorded: faster than a trace is read.`;
}

/** "12.345 678 s" since the host's power-on. */
export function timeText(nanoseconds: number): string {
  return (nanoseconds / 1e9).toFixed(6);
}
export function durationText(nanoseconds: number): string {
  if (nanoseconds < 1000) return `${nanoseconds} ns`;
  if (nanoseconds < 1e6) return `${(nanoseconds / 1e3).toFixed(1)} µs`;
  return nanoseconds < 1e9 ? `${(nanoseconds / 1e6).toFixed(1)} ms` : `${(nanoseconds / 1e9).toFixed(1)} s`;
}
