/** The disks of a domain as the `disk` key of its xl.cfg names them. */
import { diskText, isElsewhere } from "../dom0/backends/blk/config.ts";
import type { DeviceSpec } from "../dom0/xenbus/kind.ts";
import { quoted, withValue } from "./config-text.ts";

/** Returns the text with the disks among these devices as its only disks. Everything else in it stays. */
export function withDisks(text: string, devices: readonly DeviceSpec[]): string {
  const disks = devices.filter(({ kind }) => kind === "vbd").map((spec) => quoted(diskText(spec)));
  return withValue(text, "disk", disks.length ? `[ ${disks.join(", ")} ]` : null);
}

/** Whether this is a disk that its guest may write and that keeps what is written, on an image that is a file of this computer. */
export function isKeptDisk(spec: DeviceSpec): boolean {
  const { kind, back } = spec;
  return kind === "vbd" && back.mode === "w" && !back.disposable && !isElsewhere(spec);
}
