/** Which configurations run as two domains at the same time, and what keeps one from that. */
import { readConfig } from "../../core/api/config-text.ts";
import type { ParsedConfig } from "../../core/api/schema.ts";
import { vifsOf } from "../create/devices.ts";
import { NATIVE } from "../create/fields.ts";

/** Returns the reason why two domains can't have what it says, as a sentence; null if they can. `config` is null if it is not understood. */
export function whyNotTwice(text: string, config: ParsedConfig["config"]): string | null {
  const devices = config?.devices ?? [];
  const disk = devices.find(({ kind, back }) => kind === "vbd" && back.mode === "w" && !back.disposable);
  if (disk)
    return `Both domains would write to the disk ${String(disk.back.dev)}; allowed both ways: disks that are read-only or disposable, or none.`;
  const mac = vifsOf(readConfig(text)).flatMap(({ value }) => value?.get("mac") ?? [])[0];
  if (mac !== undefined)
    return `Both domains would have the MAC address ${mac}; allowed both ways: network interfaces without an address of their own (no mac=).`;
  const isFixed = devices.some(({ kind, back }) => kind === "vfb" && back.vnc === 1 && back.vncunused === 0);
  if (isFixed)
    return "Both domains would listen on the same VNC port; allowed both ways: vncunused=1, with which each takes a free one.";
  return null;
}

/** Whether a draft of this type is a guest's, and its kernel's file says that it starts both ways. A native domain boots no kernel. */
export function startsBothWays(type: string, notes: readonly { name: string }[]): boolean {
  const names = new Set(notes.map(({ name }) => name));
  const isPv = ["ENTRY", "HYPERCALL_PAGE", "VIRT_BASE"].some((name) => names.has(name));
  return type !== NATIVE && isPv && names.has("PHYS32_ENTRY");
}

export const WAYS = ["pv", "pvh"] as const;
export type WayType = (typeof WAYS)[number];

/** Returns what the two are called: NAME-pv and NAME-pvh, or NAME-2-pv and NAME-2-pvh and so on if one of them is taken by some domain, running or not. */
export function pairNames(name: string, taken: ReadonlySet<string>): Record<WayType, string> {
  for (let n = 1; ; n++) {
    const stem = n === 1 ? name : `${name}-${n}`;
    const [pv, pvh] = WAYS.map((type) => `${stem}-${type}`) as [string, string];
    if (!taken.has(pv) && !taken.has(pvh)) return { pv, pvh };
  }
}
