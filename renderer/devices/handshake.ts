/** The steps of a handshake as rows of two lanes, with marks where steps were left out. */
import type { DeviceHandshake, HandshakeSide, HandshakeStep, HandshakeSummary } from "../../core/api/schema.ts";

export type LaneState = Record<HandshakeSide, string | null>;
export interface HandshakeRow {
  key: string;
  side: HandshakeSide;
  /** null means that `count` steps were left out here. */
  step: HandshakeStep | null;
  count: number;
  /** Nanoseconds since the first step that is kept, or null for a gap, which has no time. */
  since: number | null;
  /** Whether it came at the same time as the row before, as steps of one transaction do. */
  together: boolean;
  /** The XenbusStates after the step. */
  states: LaneState;
}

export function keyOf({ domid, kind, id }: Pick<HandshakeSummary, "domid" | "kind" | "id">): string {
  return `${domid}/${kind}/${id}`;
}

export function rowsOf({ list, gaps }: DeviceHandshake, statesOnly: boolean): HandshakeRow[] {
  const rows: HandshakeRow[] = [];
  const began = list[0]?.time ?? 0;
  let states: LaneState = { frontend: null, backend: null };
  const gapsAfter = (number: number): void => {
    for (const { side, count } of gaps.filter(({ after }) => after === number)) {
      states = { ...states, [side]: null };
      rows.push({ key: `gap ${side}`, side, step: null, count, since: null, together: false, states });
    }
  };
  gapsAfter(-1);
  for (const step of list) {
    const { side, key, after, time, number } = step;
    const isState = key === "state" || (key === "" && after === null);
    if (isState) states = { ...states, [side]: after };
    if (isState || !statesOnly) {
      const since = time - began;
      const together = rows.at(-1)?.since === since;
      rows.push({ key: String(number), side, step, count: 1, since, together, states });
    }
    gapsAfter(number);
  }
  return rows;
}

/** Writes nanoseconds in a suitable unit. */
export function spanText(nanoseconds: number): string {
  if (nanoseconds < 1e6) return `${(nanoseconds / 1e3).toFixed(0)} µs`;
  if (nanoseconds < 1e9) return `${(nanoseconds / 1e6).toFixed(2)} ms`;
  if (nanoseconds < 60e9) return `${(nanoseconds / 1e9).toFixed(3)} s`;
  const seconds = Math.floor(nanoseconds / 1e9);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

export function deviceName({ kind, id, title }: Pick<HandshakeSummary, "kind" | "id" | "title">): string {
  return kind === "xenstore" ? title : `${title} ${id}`;
}
