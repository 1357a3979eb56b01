/** The questions before the host is powered off, whether by button, menu or palette. */
import { act } from "../state/session.ts";
import { ask, useApp } from "../state/store.ts";

/** Says what becomes of the domains that run. */
function whatFollows(): string {
  const guests = useApp.getState().domains.length - 1;
  if (guests <= 0) return "No domain runs.";
  const asked = guests === 1 ? "One domain runs. It is asked" : `${guests} domains run. They are asked`;
  return `${asked} to shut down first; what has not after 10 seconds is ended.`;
}

/** A domain that could not be saved is not ended without another question. */
async function saveAndPowerOff(): Promise<void> {
  const saved = await act("saveAll", {});
  if (!saved) return;
  const { failed } = saved;
  if (failed.length === 0) {
    void act("hostPowerOff", {});
    return;
  }
  ask({
    title: failed.length === 1 ? "A domain could not be saved" : `${failed.length} domains could not be saved`,
    text: `${failed.slice(0, 4).join(" ")} What runs is asked to shut down when the host is powered off all the same.`,
    action: "Power off",
    onConfirm: () => void act("hostPowerOff", {}),
  });
}

export function askPowerOff(): void {
  const { kept, domains } = useApp.getState();
  // A host that keeps nothing has nowhere to save them.
  const canSave = domains.some(({ uuid }) => kept.some((each) => each.uuid === uuid));
  ask({
    title: "Power off the host",
    text: `${whatFollows()}${canSave ? " What is saved goes on where it is when it is started again." : ""}`,
    action: "Power off",
    onConfirm: () => void act("hostPowerOff", {}),
    ...(canSave && { instead: { action: "Save and power off", onConfirm: () => void saveAndPowerOff() } }),
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
