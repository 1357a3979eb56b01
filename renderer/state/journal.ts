/** Tasks and events of the host, as every window shows them: the host's own list, the latest first. */
import { create } from "zustand";
import type { JournalEntry } from "../../core/api/schema.ts";

/** As many as the host keeps. */
const MOST_ENTRIES = 500;
const CLIENT = "xenarium.client";

/** What this window calls itself to the host; the same after a reload. */
export const CLIENT_ID = ((): string => {
  const kept = sessionStorage.getItem(CLIENT);
  // A window that was opened from another has its storage copied; a reload alone keeps its name.
  const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  if (kept !== null && navigation?.type === "reload") return kept;
  const id = crypto.randomUUID();
  sessionStorage.setItem(CLIENT, id);
  return id;
})();

export const useJournal = create<{ entries: readonly JournalEntry[] }>()(() => ({ entries: [] }));

/** All that the host knows, the latest last. */
export function takeJournal(entries: readonly JournalEntry[]): void {
  useJournal.setState({ entries: entries.toReversed() });
}
/** What is new or has changed. */
export function noteJournal(changed: readonly JournalEntry[]): void {
  useJournal.setState(({ entries }) => {
    const later = new Map(changed.map((entry) => [entry.id, entry]));
    const known = entries.map((entry) => {
      const now = later.get(entry.id);
      later.delete(entry.id);
      return now ?? entry;
    });
    const latest = known[0]?.id ?? 0;
    const added = [...later.values()].filter(({ id }) => id > latest).toSorted((a, b) => b.id - a.id);
    return { entries: [...added, ...known].slice(0, MOST_ENTRIES) };
  });
}

/** What this domain's guest was asked for last and has ignored, with what is offered instead; null where there is no such thing. */
export function ignoredBy(entries: readonly JournalEntry[], domid: number): JournalEntry | null {
  return entries.find((each) => each.domid === domid && each.remedy !== null) ?? null;
}

export function causeOf({ by, cause }: Pick<JournalEntry, "by" | "cause">): string {
  return by === CLIENT_ID ? "You, in this window" : cause;
}
