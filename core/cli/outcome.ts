/** How a run ended: the exit status of `xenarium run`, and what --json prints. */
import type { DomainStopped } from "../toolstack/messages.ts";
import {
  EXIT_CRASH,
  EXIT_FAILURE,
  EXIT_POWEROFF,
  EXIT_REBOOT,
  EXIT_TIMEOUT,
  EXIT_USAGE,
  SIGNAL_STATUS,
} from "./exit-status.ts";

export type EndingSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

export interface Outcome {
  /**
   * "stopped": the guest ended, and `reason` says how; "timeout": it still ran at --timeout; "signal": `signal` ended the run; "left": Ctrl+] did;
   * "refused": the arguments, or a file that they name, were wrong; "failed": anything else, which `messages` describe.
   */
  outcome: "stopped" | "timeout" | "signal" | "left" | "refused" | "failed";
  /** Exit status. */
  status: number;
  /** Xen's name for the reason of the guest's last stop. */
  reason: DomainStopped["reason"] | null;
  signal: EndingSignal | null;
}

const ended = (outcome: Outcome["outcome"], status: number, more: Partial<Outcome> = {}): Outcome => ({
  outcome,
  status,
  reason: null,
  signal: null,
  ...more,
});

export const FAILED = ended("failed", EXIT_FAILURE);
export const REFUSED = ended("refused", EXIT_USAGE);
export const TIMED_OUT = ended("timeout", EXIT_TIMEOUT);
export const LEFT = ended("left", EXIT_FAILURE);
export const signalled = (signal: EndingSignal): Outcome => ended("signal", SIGNAL_STATUS[signal], { signal });

export function stopped({ reason }: DomainStopped): Outcome {
  return ended("stopped", statusOf(reason), { reason });
}

function statusOf(reason: DomainStopped["reason"]): number {
  if (reason === "poweroff") return EXIT_POWEROFF;
  if (reason === "reboot") return EXIT_REBOOT;
  return reason === "crash" || reason === "watchdog" ? EXIT_CRASH : EXIT_FAILURE;
}

/** What is known of a run besides how it ended. */
export interface RunFacts {
  /** Name of the domain that ran last; null before one was created. */
  name: string | null;
  domid: number | null;
  /** How often on_reboot or another action has started the guest again. */
  restarts: number;
  /** Time since the guest was last started; null if it was not. */
  seconds: number | null;
  /** Bytes on the guest's console. */
  consoleBytes: number;
  /** The sentences that were written to standard error. */
  messages: readonly string[];
}

/** One line of JSON. */
export function outcomeText(outcome: Outcome, facts: RunFacts): string {
  const seconds = facts.seconds === null ? null : Math.round(facts.seconds * 1000) / 1000;
  return `${JSON.stringify({ ...outcome, ...facts, seconds })}\n`;
}
