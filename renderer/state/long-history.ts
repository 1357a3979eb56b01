/** The host's figures of one day, as graphs draw them. They are asked for from time to time while they are shown. */
import { useMemo } from "react";
import type { HistoryReport } from "../../core/api/schema.ts";
import { useRepeated } from "./repeated.ts";

const REFRESH_MS = 10_000;
const MINUTE_SECONDS = 60;

/** How much time the graphs show. */
export const GRAPH_RANGES = [
  ["10min", "10 min"],
  ["1h", "1 h"],
  ["24h", "24 h"],
] as const;
export type GraphRange = (typeof GRAPH_RANGES)[number][0];
export type LongRange = Exclude<GraphRange, "10min">;
export const RANGE_SECONDS: Record<LongRange, number> = { "1h": 3600, "24h": 86_400 };

/** One value for each of `LongHistory.times`; null where nothing was measured. */
export interface LongSeries {
  least: (number | null)[];
  mean: (number | null)[];
  largest: (number | null)[];
}
/** What a vCPU did with its time, as means in percent. */
export type LongVcpu = Record<"running" | "runnable" | "blocked", (number | null)[]>;
export interface LongHistory {
  /** Seconds since 1970 at the middle of each minute. */
  times: number[];
  metrics: ReadonlyMap<string, LongSeries>;
  vcpus: LongVcpu[];
  events: HistoryReport["events"];
}

const NOT_MEASURED = 0xffff;

/** Minutes without a record become gaps of one point each. */
export function decodeHistory({ metrics, vcpus: count, records, events }: HistoryReport): LongHistory {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  const vcpusAt = 8 + 12 * metrics.length;
  const size = vcpusAt + 6 * count;
  const times: number[] = [];
  const all = metrics.map((): LongSeries => ({ least: [], mean: [], largest: [] }));
  const vcpus = Array.from({ length: count }, (): LongVcpu => ({ running: [], runnable: [], blocked: [] }));
  const columns = [
    ...all.flatMap(({ least, mean, largest }) => [least, mean, largest]),
    ...vcpus.flatMap(({ running, runnable, blocked }) => [running, runnable, blocked]),
  ];
  let last = NaN;
  for (let at = 0; at + size <= records.length; at += size) {
    const minute = view.getUint32(at, true);
    if (minute > last + 1) {
      times.push((last + 1.5) * MINUTE_SECONDS);
      for (const column of columns) column.push(null);
    }
    last = minute;
    times.push((minute + 0.5) * MINUTE_SECONDS);
    columns.forEach((column, i) => {
      const ofVcpus = i - 3 * metrics.length;
      const found =
        ofVcpus < 0 ? view.getFloat32(at + 8 + 4 * i, true) : view.getUint16(at + vcpusAt + 2 * ofVcpus, true);
      const measured = ofVcpus < 0 ? !Number.isNaN(found) : found !== NOT_MEASURED;
      column.push(!measured ? null : ofVcpus < 0 ? found : found / 100);
    });
  }
  return { times, metrics: new Map(metrics.map((name, i) => [name, all[i]!])), vcpus, events };
}

/** `of` is a domain's UUID or "host". Returns null until the history is known, and "none" if nothing was measured. */
export function useLongHistory(of: string): LongHistory | "none" | null {
  const answer = useRepeated("history", { of }, REFRESH_MS);
  return useMemo(() => (answer === undefined ? null : answer === null ? "none" : decodeHistory(answer)), [answer]);
}
