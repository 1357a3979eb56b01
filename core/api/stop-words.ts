/** The words with which graphs and the journal describe a domain that stops or changes. */
import type { ToolstackEvents } from "../toolstack/messages.ts";

/** A guest brings its vCPUs up while it boots, which does not count as a change. */
export const BOOT_MS = 10_000;

/** What a domain did when it stopped, to follow its name. */
export const STOPS: Record<ToolstackEvents["stopped"]["reason"], string> = {
  poweroff: "powered off",
  reboot: "rebooted",
  crash: "crashed",
  suspend: "was saved",
  watchdog: "did not feed its watchdog",
  soft_reset: "was reset",
  unknown: "shut down for an unknown reason",
};
