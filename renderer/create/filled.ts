/** The xl.cfg of a new domain when files come: what they are decides which of its keys are filled in. */
import { readConfig } from "../../core/api/config-text.ts";
import { baseName, DISK_BOOT, diskOf, disksOf, vifsOf, withDisk, withVif } from "./devices.ts";
import type { TakenDisk } from "./disk-images.ts";
import { fieldsOf, withField, type FieldName } from "./fields.ts";
import type { TakenFile } from "./intake.ts";

const LINUX_CONSOLE = "console=hvc0";

/** A file name as a domain's name. */
function nameFrom(file: string, taken: ReadonlySet<string>): string {
  const base =
    file
      .replace(/^vmlinuz-?/, "linux-")
      .replace(/\.(elf|bin|gz|img|cfg|raw|qcow2|iso)$/i, "")
      .replace(/[^\w.+-]/g, "-")
      .slice(0, 40)
      .replace(/^-+|-+$/g, "") || "guest";
  if (!taken.has(base)) return base;
  for (let n = 2; ; n++) if (!taken.has(`${base}-${n}`)) return `${base}-${n}`;
}

/** With a kernel and a RAM disk among `taken`, if there are some. `names`: of domains, which the new one can't have. */
export function withFiles(
  text: string,
  taken: readonly Pick<TakenFile, "name" | "description">[],
  names: ReadonlySet<string>,
): string {
  const kernel = taken.find(({ description }) => description.bootable);
  const ramdisk = taken.find(({ description }) => !description.bootable && description.ramdisk);
  let after = text;
  const fill = (field: FieldName, value: string): void => {
    if (fieldsOf(readConfig(after))[field] === "") after = withField(after, field, value);
  };
  if (kernel) {
    after = withField(after, "kernel", kernel.name);
    fill("name", nameFrom(baseName(kernel.name), names));
    // Linux shows nothing on the PV console unless it is told to.
    if (kernel.description.kind === "bzimage") fill("cmdline", LINUX_CONSOLE);
  }
  return ramdisk ? withField(after, "ramdisk", ramdisk.name) : after;
}

/** With these disks behind those that it has; the first of them in the place of number `at`, where one is given. */
export function withDisks(
  text: string,
  taken: readonly TakenDisk[],
  at: number | null,
  names: ReadonlySet<string>,
): string {
  let after = text;
  taken.forEach((image, i) => {
    const rows = disksOf(readConfig(after));
    const there = i === 0 && at !== null ? rows[at]?.value : null;
    const { path: target, format } = image;
    const used = rows.flatMap(({ value }) => value?.vdev ?? []);
    after = there
      ? withDisk(after, at!, { ...there, target, format })
      : withDisk(after, rows.length, diskOf(image, used));
    const config = readConfig(after);
    const now = fieldsOf(config);
    if (!now.name) after = withField(after, "name", nameFrom(image.name, names));
    // What is installed on it is what boots, and it wants a network as any computer has one.
    if (rows.length > 0 || now.kernel || now.bootloader) return;
    after = withField(after, "bootloader", DISK_BOOT);
    if (vifsOf(config).length === 0) after = withVif(after, 0, new Map([["bridge", "xenbr0"]]));
  });
  return after;
}
