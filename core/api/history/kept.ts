/** The minutes that are kept of a domain or of the host, and how much is kept in total. */
import { KEPT_MINUTES, VCPU_STATES, merged, minuteBytes, readMinute, writeMinute, type Minute } from "./minutes.ts";

/** The number of domains whose minutes are kept, unless more are alive at once. */
export const MOST_DOMAINS = 64;
/** Bytes of all minutes of domains in memory. A file has at most twice the minutes that are kept of its domain. */
export const MOST_BYTES = 32 * 1024 * 1024;
/** How many minutes of a living domain are dropped at once when there is no room. */
const CUT_MINUTES = 60;

/** At most a day of minutes in order, as adjacent records, so that their size is known. */
export class KeptMinutes {
  readonly metrics: number;
  #vcpus: number;
  #records = new Uint8Array(0);
  #count = 0;

  constructor(metrics: number, vcpus = 0) {
    this.metrics = metrics;
    this.#vcpus = vcpus;
  }

  get count(): number {
    return this.#count;
  }
  /** The number of vCPUs for which each record has room. */
  get vcpus(): number {
    return this.#vcpus;
  }
  get recordBytes(): number {
    return minuteBytes(this.metrics, this.#vcpus);
  }
  get bytes(): number {
    return this.#count * this.recordBytes;
  }
  get last(): Minute | null {
    return this.#count === 0 ? null : this.at(this.#count - 1);
  }

  at(index: number): Minute {
    return readMinute(this.record(index), this.metrics, this.#vcpus);
  }

  /** Returns the record in place, which is valid until something is added. */
  record(index: number): Uint8Array {
    const size = this.recordBytes;
    return this.#records.subarray(index * size, (index + 1) * size);
  }

  /** Adds a minute. A part of the last minute is joined with it. Later ones were measured before the clock was set back, and are dropped. */
  add(minute: Minute): void {
    const vcpus = minute.vcpus.length / VCPU_STATES.length;
    this.widen(vcpus);
    while (this.#count > 0 && this.#minuteAt(this.#count - 1) > minute.minute) this.#count--;
    const last = this.last;
    const again = last?.minute === minute.minute;
    if (again) this.#count--;
    if (this.#count === KEPT_MINUTES) this.dropOldest(1);
    const size = this.recordBytes;
    if ((this.#count + 1) * size > this.#records.length) this.#room(Math.min(KEPT_MINUTES, this.#count * 1.25 + 16));
    this.#records.set(writeMinute(again ? merged(last, minute) : minute, this.#vcpus), this.#count * size);
    this.#count++;
  }

  /** Makes room for so many vCPUs if there is not enough. */
  widen(vcpus: number): void {
    if (vcpus <= this.#vcpus) return;
    const wider = new KeptMinutes(this.metrics, vcpus);
    for (let i = 0; i < this.#count; i++) wider.add(this.at(i));
    this.#vcpus = vcpus;
    this.#records = wider.#records;
  }

  dropOldest(minutes: number): void {
    const gone = Math.min(minutes, this.#count);
    this.#records.copyWithin(0, gone * this.recordBytes, this.bytes);
    this.#count -= gone;
  }

  /** Returns a copy of the records of the minutes after `since` and before `until`. */
  between(since: number, until: number): Uint8Array {
    let from = 0;
    let to = this.#count;
    while (from < to && this.#minuteAt(from) <= since) from++;
    while (to > from && this.#minuteAt(to - 1) >= until) to--;
    return this.#records.slice(from * this.recordBytes, to * this.recordBytes);
  }

  #minuteAt(index: number): number {
    const { buffer, byteOffset } = this.#records;
    return new DataView(buffer, byteOffset).getUint32(index * this.recordBytes, true);
  }

  #room(minutes: number): void {
    const records = new Uint8Array(Math.floor(minutes) * this.recordBytes);
    records.set(this.#records.subarray(0, this.bytes));
    this.#records = records;
  }
}

/**
 * Drops what exceeds the bounds: domains that have ended, beginning with those whose last minute is oldest; if all are alive, the oldest hour of the
 * one that has most. Returns the keys that are gone, and those that lost minutes.
 */
export function keepWithin(
  kept: Map<string, KeptMinutes>,
  lives: (key: string) => boolean,
  mostBytes = MOST_BYTES,
): { gone: string[]; cut: string[] } {
  const gone: string[] = [];
  const cut = new Set<string>();
  let bytes = [...kept.values()].reduce((sum, each) => sum + each.bytes, 0);
  const ended = [...kept.keys()]
    .filter((key) => !lives(key))
    .sort((a, b) => (kept.get(a)!.last?.minute ?? 0) - (kept.get(b)!.last?.minute ?? 0));
  while (ended.length > 0 && (kept.size > MOST_DOMAINS || bytes > mostBytes)) {
    const key = ended.shift()!;
    bytes -= kept.get(key)!.bytes;
    kept.delete(key);
    gone.push(key);
  }
  while (bytes > mostBytes) {
    const [key, largest] = [...kept].reduce((a, b) => (b[1].bytes > a[1].bytes ? b : a));
    const before = largest.bytes;
    largest.dropOldest(CUT_MINUTES);
    bytes -= before - largest.bytes;
    cut.add(key);
  }
  return { gone, cut: [...cut] };
}
