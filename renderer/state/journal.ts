/** Tasks and events of the host, as every window shows them. It is the host's own list, with the latest first. */
import { create } from "zustand";
import type { JournalEntry } from "../../core/api/schema.ts";

/** The host keeps as many. */
const MOST_ENTRIES = 500;
/** How many tasks and events are compared. No more than these change between two renderings. */
const LATEST = 24;
const CLIENT = "xenarium.client";

/** What this window calls itself to the host. It is the same after a reload. */
export const CLIENT_ID = ((): string => {
  const kept = sessionStorage.getItem(CLIENT);
  // A window that was opened from another one gets a copy of its storage, so only a reload may keep the stored name.
  const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  if (kept !== null && navigation?.type === "reload") return kept;
  const id = crypto.randomUUID();
  sessionStorage.setItem(CLIENT, id);
  return id;
})();

export const useJournal = create<{ entries: readonly JournalEntry[] }>()(() => ({ entries: [] }));

/** Another text whenever a task or an event has come, or a task has ended. How far a task has come does not change it. */
export function useTaskStates(): string {
  return useJournal(({ entries }) =>
    entries
      .slice(0, LATEST)
      .map(({ id, state }) => `${id}${state}`)
      .join(),
  );
}

/** Takes everything that the host knows, with the latest last. */
export function takeJournal(entries: readonly JournalEntry[]): void {
  useJournal.setState({ entries: entries.toReversed() });
}
/** Takes entries that are new or have changed. */
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

/** Returns what this domain's guest was last asked for and has ignored, with what is offered instead; null if there is no such entry. */
export function ignoredBy(entries: readonly JournalEntry[], domid: number): JournalEntry | null {
  return entries.find((each) => each.domid === domid && each.remedy !== null) ?? null;
}

export function causeOf({ by, cause }: Pick<JournalEntry, "by" | "cause">): string {
  return by === CLIENT_ID ? "You, in this window" : cause;
}
