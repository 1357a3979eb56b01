/** The xl.cfg of a new domain when files arrive. What the files are decides which of its keys are filled in. */
import { readConfig } from "../../core/api/config-text.ts";
import {
  baseName,
  DISK_BOOT,
  diskOf,
  disksOf,
  isForeign,
  isReadOnly,
  vifsOf,
  withDisk,
  withVif,
  type Disk,
} from "./devices.ts";
import type { TakenDisk } from "./disk-images.ts";
import { fieldsOf, NATIVE, withField, type FieldName } from "./fields.ts";
import type { TakenFile } from "./intake.ts";
import { diskOffers } from "./served-disks.ts";

const LINUX_CONSOLE = "console=hvc0";

/** Makes a domain's name from a file name. */
function nameFrom(file: string, taken: ReadonlySet<string>): string {
  const base =
    file
      .replace(/^vmlinuz-?/, "linux-")
      .replace(/\.(elf|bin|gz|img|cfg|raw|qcow2|iso|vhd|vmdk)$/i, "")
      .replace(/[^\w.+-]/g, "-")
      .slice(0, 40)
      .replace(/^-+|-+$/g, "") || "guest";
  if (!taken.has(base)) return base;
  for (let n = 2; ; n++) if (!taken.has(`${base}-${n}`)) return `${base}-${n}`;
}

/** Uses the first kernel and the first RAM disk in `taken`, if there are any. `names` are names of domains, which the new one can't have. */
export function withFiles(
  text: string,
  taken: readonly Pick<TakenFile, "name" | "description">[],
  names: ReadonlySet<string>,
): string {
  const kernel = taken.find(({ description }) => description.bootable);
  const ramdisk = taken.find(({ description }) => !description.bootable && description.ramdisk);
  let after = text;
  const fill = (field: Exclude<FieldName, "type">, value: string): void => {
    if (fieldsOf(readConfig(after))[field] === "") after = withField(after, field, value);
  };
  if (kernel) {
    after = withField(after, "kernel", kernel.name);
    fill("name", nameFrom(baseName(kernel.name), names));
    // Linux writes nothing to the PV console unless it is told to.
    if (kernel.description.kind === "bzimage") fill("cmdline", LINUX_CONSOLE);
  }
  return ramdisk ? withField(after, "ramdisk", ramdisk.name) : after;
}

/** An image that can only be read takes the place of one that is written as a disk that is only read. */
function withMedium(disk: Disk, target: string, format: string): Disk {
  const isWritten = disk.devtype === "" && !isReadOnly(disk) && !disk.disposable;
  return { ...disk, target, format, ...(isForeign({ format }) && isWritten && { access: "ro" }) };
}

/** Adds these disks after the present ones. If `at` is given, the first of them replaces disk number `at`. */
export function withDisks(
  text: string,
  taken: readonly TakenDisk[],
  at: number | null,
  names: ReadonlySet<string>,
): string {
  let after = text;
  taken.forEach((image, i) => {
    const rows = disksOf(readConfig(after));
    const offers = diskOffers(fieldsOf(readConfig(after)).type);
    const there = i === 0 && at !== null ? rows[at]?.value : null;
    const { path: target, format } = image;
    const used = rows.flatMap(({ value }) => value?.vdev ?? []);
    after = there
      ? withDisk(after, at!, offers.had(withMedium(there, target, format)))
      : withDisk(after, rows.length, offers.had(diskOf(image, used)));
    const config = readConfig(after);
    const now = fieldsOf(config);
    if (!now.name) after = withField(after, "name", nameFrom(image.name, names));
    // The system installed on the disk is what boots, and it expects a network as any computer has.
    if (rows.length > 0 || now.kernel || now.bootloader || now.type === NATIVE) return;
    after = withField(after, "bootloader", DISK_BOOT);
    if (vifsOf(config).length === 0) after = withVif(after, 0, new Map([["bridge", "xenbr0"]]));
  });
  return after;
}
