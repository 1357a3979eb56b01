/** Questions before the host goes off, by buttons, menus and the palette alike. */
import { act } from "../state/session.ts";
import { ask, useApp } from "../state/store.ts";

/** What becomes of the domains that run. */
function whatFollows(): string {
  const guests = useApp.getState().domains.length - 1;
  if (guests <= 0) return "No domain runs.";
  return `${guests === 1 ? "One domain runs" : `${guests} domains run`}. They are asked to shut down first; what has not after 10 seconds is ended.`;
}

export function askPowerOff(): void {
  ask({
    title: "Power off the host",
    text: whatFollows(),
    action: "Power off",
    onConfirm: () => void act("hostPowerOff", {}),
  });
}

export function askReboot(): void {
  ask({
    title: "Reboot the host",
    text: `${whatFollows()} The same boot entry is booted again.`,
    action: "Reboot",
    onConfirm: () => void act("hostReboot", {}),
  });
}
