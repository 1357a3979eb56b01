import type { DomainInfo } from "../../core/api/schema.ts";

export type DomainState =
  "running" | "idle" | "paused" | "crashed" | "shutdown" | "suspended" | "dying" | "saved" | "ended";

/** One word for the flags of `xl list`; a blocked domain waits for something to do. */
export const STATE_WORDS: Record<DomainState, string> = {
  running: "Running",
  idle: "Idle (blocked)",
  paused: "Paused",
  crashed: "Crashed",
  shutdown: "Shut down",
  suspended: "Suspended",
  dying: "Dying",
  saved: "Saved",
  ended: "Ended",
};

/** What each means, for who meets Xen's words for the first time. */
export const STATE_MEANS: Record<DomainState, string> = {
  running: "One of its vCPUs runs on a pCPU now.",
  idle: "All of its vCPUs wait for an event, as an idle computer does; Xen calls that blocked.",
  paused: "Xen runs none of its vCPUs until it is unpaused.",
  crashed: "Its kernel gave up, or did what Xen ends a domain for.",
  shutdown: "Its kernel has powered off; what follows is its on_poweroff.",
  suspended: "It has stopped by itself so that it can be saved, and goes on afterwards, here or when it is restored.",
  dying: "It is being taken down; its memory is free when nobody maps any of it.",
  saved: "It is a file on disk, and goes on where it was when it is restored.",
  ended: "It is gone; its console is kept.",
};

export function stateOf({ state, shutdownReason }: DomainInfo): DomainState {
  if (state.dying) return "dying";
  if (state.crashed) return "crashed";
  // It has stopped so that it can be saved, and goes on after that, here or when it is restored.
  if (state.shutdown) return shutdownReason === "suspend" ? "suspended" : "shutdown";
  if (state.paused) return "paused";
  return state.running ? "running" : "idle";
}

/** Of a domain that is gone. */
export function endOf({ reason, saved = null }: { reason: string; saved?: unknown }): DomainState {
  if (saved) return "saved";
  return reason === "crash" || reason === "watchdog" ? "crashed" : "ended";
}
