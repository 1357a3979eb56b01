/** The disks of a domain as the `disk` key of its xl.cfg says them. */
import { diskText, isElsewhere } from "../dom0/backends/blk/config.ts";
import type { DeviceSpec } from "../dom0/xenbus/kind.ts";
import { quoted, withValue } from "./config-text.ts";

/** The text with these devices' disks as its only ones; what else stands there stays. */
export function withDisks(text: string, devices: readonly DeviceSpec[]): string {
  const disks = devices.filter(({ kind }) => kind === "vbd").map((spec) => quoted(diskText(spec)));
  return withValue(text, "disk", disks.length ? `[ ${disks.join(", ")} ]` : null);
}

/** A device whose guest may write its image, a file of this computer's, and keeps what it wrote. */
export function isKeptDisk(spec: DeviceSpec): boolean {
  const { kind, back } = spec;
  return kind === "vbd" && back.mode === "w" && !back.disposable && !isElsewhere(spec);
}
