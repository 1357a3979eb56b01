import type { DomainInfo } from "../../core/api/schema.ts";

export type DomainState =
  | "running"
  | "idle"
  | "paused"
  | "crashed"
  | "shutdown"
  | "suspended"
  | "dying"
  | "saved"
  | "halted"
  | "template"
  | "ended";

/** One word for the flags of `xl list`. A blocked domain waits for something to do. */
export const STATE_WORDS: Record<DomainState, string> = {
  running: "Running",
  idle: "Idle (blocked)",
  paused: "Paused",
  crashed: "Crashed",
  shutdown: "Shut down",
  suspended: "Suspended",
  dying: "Dying",
  saved: "Saved",
  halted: "Halted",
  template: "Template",
  ended: "Ended",
};

export function stateOf({ state, shutdownReason }: DomainInfo): DomainState {
  if (state.dying) return "dying";
  if (state.crashed) return "crashed";
  // The domain has stopped so that it can be saved. It continues after that, here or when it is restored.
  if (state.shutdown) return shutdownReason === "suspend" ? "suspended" : "shutdown";
  if (state.paused) return "paused";
  return state.running ? "running" : "idle";
}

/** The state word of a domain that does not run. */
export function endOf({
  reason,
  kept = null,
}: {
  reason: string;
  kept?: { saved: unknown; template: boolean } | null;
}): DomainState {
  if (kept?.saved) return "saved";
  if (kept?.template) return "template";
  if (reason === "crash" || reason === "watchdog") return "crashed";
  return kept ? "halted" : "ended";
}
