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
