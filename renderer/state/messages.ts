/** What this window tells its user by itself. It goes from the screen, and is kept among tasks and events, whose list is the host's else. */
import { create } from "zustand";
import type { JournalEntry } from "../../core/api/schema.ts";
import { CLIENT_ID } from "./journal.ts";
import { toast, type Toast } from "./store.ts";

const MOST_MESSAGES = 200;
/** An answer of the host's is in its list at about the time when this window shows it. */
const SAME_MS = 10_000;

/** What the list of tasks and events shows. */
export type ListEntry = Omit<JournalEntry, "kind"> & { kind: JournalEntry["kind"] | "message" };

export const useMessages = create<{ messages: readonly ListEntry[] }>()(() => ({ messages: [] }));

/** Below 0: the host's are above. */
let nextId = -1;

/** Shows a message of this window's and keeps it. */
export function say(severity: Toast["severity"], message: string): void {
  toast(severity, message);
  const entry: ListEntry = {
    id: nextId--,
    at: Date.now(),
    kind: "message",
    state: severity,
    title: message,
    cause: "This window",
    by: null,
    detail: "",
    domid: null,
    took: null,
    progress: null,
    cancels: false,
    remedy: null,
  };
  useMessages.setState(({ messages }) => ({ messages: [entry, ...messages].slice(0, MOST_MESSAGES) }));
}

/** Both, the latest first. What the host's list says of a task that this window asked for is not said again. */
export function withMessages(entries: readonly JournalEntry[], messages: readonly ListEntry[]): readonly ListEntry[] {
  const own = messages.filter(
    ({ title, at }) =>
      !entries.some(
        (each) =>
          each.by === CLIENT_ID && each.detail === title && Math.abs(each.at + (each.took ?? 0) - at) <= SAME_MS,
      ),
  );
  if (own.length === 0) return entries;
  return [...entries, ...own].toSorted((a, b) => b.at - a.at);
}
