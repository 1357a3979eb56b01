/** Why a domain has stopped, as the hypervisor reports it, and what its configuration says for that case. */
import { XEN_DOMINF_shutdown, XEN_DOMINF_shutdownshift } from "../abi/domctl.ts";
import {
  SHUTDOWN_crash,
  SHUTDOWN_poweroff,
  SHUTDOWN_reboot,
  SHUTDOWN_soft_reset,
  SHUTDOWN_suspend,
  SHUTDOWN_watchdog,
} from "../abi/sched.ts";
import type { DomainConfig, ShutdownAction, ShutdownReason } from "./messages.ts";

const REASONS: Record<number, ShutdownReason> = {
  [SHUTDOWN_poweroff]: "poweroff",
  [SHUTDOWN_reboot]: "reboot",
  [SHUTDOWN_suspend]: "suspend",
  [SHUTDOWN_crash]: "crash",
  [SHUTDOWN_watchdog]: "watchdog",
  [SHUTDOWN_soft_reset]: "soft_reset",
};

/** Takes the flags of a domain's record. Returns null while the domain has not stopped. */
export function shutdownReason(flags: number): ShutdownReason | null {
  const code = shutdownCode(flags);
  return code === null ? null : (REASONS[code] ?? "unknown");
}

/** Returns SHUTDOWN_* or whatever else the guest gave as its reason; null while it has not stopped. */
export function shutdownCode(flags: number): number | null {
  return flags & XEN_DOMINF_shutdown ? (flags >>> XEN_DOMINF_shutdownshift) & 0xff : null;
}

/** Returns on_poweroff, on_reboot and so on. A domain that stops for an unknown reason is destroyed, as by xl. */
export function actionFor(config: DomainConfig, reason: ShutdownReason): ShutdownAction {
  if (reason === "poweroff") return config.onPoweroff;
  if (reason === "reboot") return config.onReboot;
  if (reason === "soft_reset") return config.onSoftReset;
  if (reason === "watchdog") return config.onWatchdog;
  if (reason === "unknown") return "destroy";
  return config.onCrash;
}

/** Whether another domain is to take the place of the one that has stopped. */
export function isRestart(action: ShutdownAction): boolean {
  return !["destroy", "coredump-destroy", "preserve"].includes(action);
}
