import type { HostPower } from "../../core/api/schema.ts";

/** Firmware, boot menu, hypervisor, dom0, xenstored, toolstack, autostart: core/toolstack/power.ts and dom0.ts tell of each. */
export const POWER_ON_STAGES = 7;

/** "The host is running"; no full stop, so that it may be a title. */
export function hostIs(power: HostPower): string {
  return power === "crashed" ? "The host has crashed" : `The host is ${power}`;
}
