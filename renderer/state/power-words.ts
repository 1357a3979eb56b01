import type { HostPower } from "../../core/api/schema.ts";

/** "The host is running"; no full stop, so that it may be a title. */
export function hostIs(power: HostPower): string {
  return power === "crashed" ? "The host has crashed" : `The host is ${power}`;
}
