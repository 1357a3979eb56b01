/** What ran on each pCPU in the last seconds, put together from the scheduler's records as they arrive. */
import type { PcpuSwitches } from "../../../core/api/schema.ts";

export const IDLE = 0xffffffff;
/** The host had no room to keep what happened between two readings. */
export const NOT_KEPT = -1;
const RECORD_BYTES = 16;
/** How many nanoseconds are kept. */
export const KEPT_NS = 10e9;

/** A turn lasts until the next one of the lane begins. */
export interface Turn {
  /** Nanoseconds since power-on. */
  from: number;
  /** IDLE, NOT_KEPT, or the domain whose vCPU it was. */
  domid: number;
  vcpu: number;
}
export interface Lane {
  pcpu: number;
  turns: Turn[];
}

function turnsOf({ records }: PcpuSwitches): Turn[] {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  return Array.from({ length: records.length / RECORD_BYTES }, (_, i) => ({
    from: Number(view.getBigUint64(i * RECORD_BYTES, true)),
    domid: view.getUint32(i * RECORD_BYTES + 8, true),
    vcpu: view.getUint32(i * RECORD_BYTES + 12, true),
  }));
}

export class Lanes {
  lanes: Lane[] = [];
  /** Nanoseconds since power-on: the time of the last known state. */
  time = 0;

  /** Whether nothing has run on any pCPU since then. */
  isIdleSince(from: number): boolean {
    return this.lanes.every(({ turns }) =>
      turns.every(({ domid }, i) => domid === IDLE || (turns[i + 1]?.from ?? this.time) <= from),
    );
  }

  /** Takes a new answer of `switches`. Its `since` must not be later than the time of the previous answer. */
  take({ time, pcpus }: { time: number; pcpus: PcpuSwitches[] }): void {
    // Another power cycle begins at time 0.
    if (time < this.time) this.lanes = [];
    const known = this.time;
    this.time = time;
    this.lanes = pcpus.map((answer) => {
      const before = this.lanes.find(({ pcpu }) => pcpu === answer.pcpu)?.turns ?? [];
      const last = before.at(-1)?.from ?? -1;
      const turns = turnsOf(answer);
      const newer = turns.filter(({ from }) => from > last);
      const lost = answer.more && before.length > 0 && newer.length === turns.length;
      const gap: Turn[] = lost ? [{ from: known, domid: NOT_KEPT, vcpu: 0 }] : [];
      return { pcpu: answer.pcpu, turns: trimmed([...before, ...gap, ...newer], time - KEPT_NS) };
    });
  }
}

/** Removes turns that had ended before `from`. */
function trimmed(turns: Turn[], from: number): Turn[] {
  let first = 0;
  while (first + 1 < turns.length && turns[first + 1]!.from <= from) first++;
  return turns.slice(first);
}

/** Calls `body` for each turn within [from, to), cut to that span. */
export function eachTurn(
  turns: readonly Turn[],
  from: number,
  to: number,
  body: (turn: Turn, start: number, end: number) => void,
): void {
  turns.forEach((turn, i) => {
    const start = Math.max(from, turn.from);
    const end = Math.min(to, turns[i + 1]?.from ?? to);
    if (start < end) body(turn, start, end);
  });
}

export interface Share {
  domid: number;
  vcpu: number;
  /** The share of the time that is known, from 0 to 1. */
  part: number;
}
export interface LaneTotals {
  pcpu: number;
  /** From 0 to 1; NaN when nothing is known. */
  busy: number;
  switchesPerSecond: number;
  /** The largest comes first. */
  shares: Share[];
}

/** Returns what each pCPU did in that time. */
export function totalsOf({ pcpu, turns }: Lane, from: number, to: number): LaneTotals {
  const ran = new Map<string, Share>();
  let known = 0;
  let idle = 0;
  let switches = 0;
  eachTurn(turns, from, to, ({ domid, vcpu, from: began }, start, end) => {
    if (began >= from) switches++;
    if (domid === NOT_KEPT) return;
    known += end - start;
    if (domid === IDLE) {
      idle += end - start;
      return;
    }
    const key = `${domid}/${vcpu}`;
    const share = ran.get(key) ?? { domid, vcpu, part: 0 };
    share.part += end - start;
    ran.set(key, share);
  });
  const shares = [...ran.values()].map((share) => ({ ...share, part: share.part / known }));
  return {
    pcpu,
    busy: known > 0 ? 1 - idle / known : NaN,
    switchesPerSecond: switches / ((to - from) / 1e9),
    shares: shares.sort((a, b) => b.part - a.part),
  };
}
