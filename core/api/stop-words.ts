/** How graphs and the journal tell of a domain that stops or changes: the same words for both. */
import type { ToolstackEvents } from "../toolstack/messages.ts";

/** A guest brings its vCPUs up as it boots: that is no change. */
export const BOOT_MS = 10_000;

/** What a domain did when it stopped, after its name. */
export const STOPS: Record<ToolstackEvents["stopped"]["reason"], string> = {
  poweroff: "powered off",
  reboot: "rebooted",
  crash: "crashed",
  suspend: "was saved",
  watchdog: "did not feed its watchdog",
  soft_reset: "was reset",
  unknown: "shut down for an unknown reason",
};
