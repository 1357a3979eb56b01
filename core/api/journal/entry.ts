/** Tasks that clients asked the host for, and what happened to it: one list for all windows. */

export interface JournalEntry {
  id: number;
  /** Milliseconds since 1970. */
  at: number;
  kind: "task" | "event";
  /** "ignored": a guest was asked for something and does nothing of the kind. */
  state: "running" | "done" | "failed" | "cancelled" | "ignored" | "info" | "warning" | "error";
  title: string;
  /** Why it came about, for who did not ask for it. */
  cause: string;
  /** The client that asked for it, as it has named itself; null where none did. */
  by: string | null;
  /** What came of it: an error's sentence, what follows. */
  detail: string;
  domid: number | null;
  /** A task's duration in milliseconds, once it has ended. */
  took: number | null;
  /** Of a task under way: how much is done, 0 to 1; null where nobody measures it. */
  progress: number | null;
  /** A task under way that `taskCancel` ends. */
  cancels: boolean;
  /** What else leads to what was asked for, where a guest has ignored it; null where nothing is offered. */
  remedy: "destroy" | null;
}

/** Who asks: by what it calls itself, and in the words of others. */
export interface Client {
  id: string;
  words: string;
}

/** How a task ended, if not as it was meant to. */
export interface Failure {
  message: string;
  /** Somebody wanted it to end. */
  cancelled: boolean;
}
