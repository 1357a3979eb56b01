/** What happened to the host and its domains in the last day, as the host has marked it. Every window shows the same. */
import { create } from "zustand";
import type { HistoryEvent } from "../../core/api/schema.ts";

/** The host keeps as many. */
const MOST_MARKS = 1000;

export const useMarks = create<{ marks: readonly HistoryEvent[] }>()(() => ({ marks: [] }));

export function addMark(mark: HistoryEvent): void {
  useMarks.setState(({ marks }) => ({ marks: [...marks.slice(1 - MOST_MARKS), mark] }));
}
/** Takes the marks that the host knows. It may have sent the latest of them already. */
export function takeMarks(marks: readonly HistoryEvent[]): void {
  useMarks.setState({ marks: marks.slice(-MOST_MARKS) });
}
