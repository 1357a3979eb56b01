/** What happened to the host and its domains in the last day, as the host has marked it: every window shows the same. */
import { create } from "zustand";
import type { HistoryEvent } from "../../core/api/schema.ts";

/** As many as the host keeps. */
const MOST_MARKS = 1000;

export const useMarks = create<{ marks: readonly HistoryEvent[] }>()(() => ({ marks: [] }));

export function addMark(mark: HistoryEvent): void {
  useMarks.setState(({ marks }) => ({ marks: [...marks.slice(1 - MOST_MARKS), mark] }));
}
/** Those that the host knows; it may have told of the latest already. */
export function takeMarks(marks: readonly HistoryEvent[]): void {
  useMarks.setState({ marks: marks.slice(-MOST_MARKS) });
}
