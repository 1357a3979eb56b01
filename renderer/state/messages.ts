/**
 * The messages that this window shows by itself. They vanish from the screen but stay in the list of tasks and events, whose other entries are the
 * host's.
 */
import { create } from "zustand";
import type { JournalEntry } from "../../core/api/schema.ts";
import { CLIENT_ID } from "./journal.ts";
import { toast, type Toast } from "./store.ts";

const MOST_MESSAGES = 200;
/** The host's answer is in its list at about the time when this window shows it. */
const SAME_MS = 10_000;

/** An entry of the list of tasks and events. */
export type ListEntry = Omit<JournalEntry, "kind"> & { kind: JournalEntry["kind"] | "message" };

export const useMessages = create<{ messages: readonly ListEntry[] }>()(() => ({ messages: [] }));

/** These ids are below 0, because the host's are above. */
let nextId = -1;

/** Shows a message of this window and keeps it. */
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

/**
 * Returns both lists together, with the latest first. A message that repeats what the host's list says of a task which this window asked for is left
 * out.
 */
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
