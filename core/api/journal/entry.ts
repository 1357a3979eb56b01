/** Tasks that clients asked the host for, and what happened to the host: one list for all windows. */

export interface JournalEntry {
  id: number;
  /** Milliseconds since 1970. */
  at: number;
  kind: "task" | "event";
  /** "ignored": a guest was asked for something and has not done it. */
  state: "running" | "done" | "failed" | "cancelled" | "ignored" | "info" | "warning" | "error";
  title: string;
  /** Why it happened, for those who did not ask for it. */
  cause: string;
  /** The client that asked for it, by the name that it has given itself; null where none did. */
  by: string | null;
  /** What came of it: an error's sentence, or what follows. */
  detail: string;
  domid: number | null;
  /** Duration of a task in milliseconds, once it has ended. */
  took: number | null;
  /** How much of a task under way is done, 0 to 1; null where nobody measures it. */
  progress: number | null;
  /** Whether `taskCancel` can end this task under way. */
  cancels: boolean;
  /** What else leads to the result where a guest has ignored the request; null where nothing is offered. */
  remedy: "destroy" | null;
}

/** Who asks: its own name for itself, and words for others. */
export interface Client {
  id: string;
  words: string;
}

/** How a task ended, if not successfully. */
export interface Failure {
  message: string;
  /** Whether somebody cancelled it. */
  cancelled: boolean;
}
