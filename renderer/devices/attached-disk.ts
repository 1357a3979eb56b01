/** What the attach dialog asks for, as an xl.cfg's disk. */
import { writeDisk } from "../../core/api/device-text.ts";
import { EMPTY_DISK, isForeign } from "../create/devices.ts";
import type { TakenDisk } from "../create/disk-images.ts";

/** Places that are no drive of the domain's; a drive is named by its vdev. */
export const NEW_DISK = "disk";
export const NEW_DRIVE = "drive";

/** Of a disk; a CD is only read. */
export interface WriteMode {
  isReadOnly: boolean;
  /** What is written is thrown away at the end. */
  isDisposable: boolean;
}

/** Returns how an image can be attached. What another hypervisor's holds is only read, so it is read-only or disposable. */
export function possibleMode(image: { format: string } | null, mode: WriteMode): WriteMode {
  return image && isForeign(image) && !mode.isDisposable ? { isReadOnly: true, isDisposable: false } : mode;
}

export function attachedDisk(
  { path: target, format }: Pick<TakenDisk, "path" | "format">,
  place: string,
  vdev: string,
  { isReadOnly, isDisposable }: WriteMode,
): string {
  const base = { ...EMPTY_DISK, target, format, vdev };
  return writeDisk(
    place === NEW_DISK
      ? { ...base, access: isReadOnly ? "ro" : "rw", disposable: isDisposable && !isReadOnly }
      : { ...base, devtype: "cdrom" },
  );
}
