/** Where disks have their boot configuration, in the order in which it is looked for. */
import { BootDisk, readText, type Place, type Volume } from "./disk.ts";
import { BootError } from "./error.ts";
import { readBls } from "./configs/bls.ts";
import { MOST_CONFIG_BYTES, type BootMenu, type MenuEntry } from "./configs/entry.ts";
import { readGrub } from "./configs/grub.ts";
import { readGrubLegacy } from "./configs/grub-legacy.ts";
import { readSyslinux } from "./configs/syslinux.ts";

type Read = (disk: BootDisk, place: Place, text: string) => BootMenu | Promise<BootMenu>;

/** Paths with and without /boot: a partition of its own for /boot has the files at its root. */
const FILES: readonly [Read, readonly string[]][] = [
  [readGrub, [..."/boot/grub/grub.cfg /grub/grub.cfg /boot/grub2/grub.cfg /grub2/grub.cfg".split(" ")]],
  [readGrubLegacy, [..."/boot/grub/menu.lst /grub/menu.lst /boot/grub/grub.conf /grub/grub.conf".split(" ")]],
  [
    (_, place, text) => readSyslinux(place, text),
    [
      ..."/boot/extlinux/extlinux.conf /extlinux/extlinux.conf /boot/extlinux.conf /extlinux.conf".split(" "),
      ..."/boot/syslinux/syslinux.cfg /syslinux/syslinux.cfg /boot/syslinux.cfg /syslinux.cfg".split(" "),
      ..."/isolinux/isolinux.cfg /boot/isolinux/isolinux.cfg /isolinux.cfg".split(" "),
    ],
  ],
];
const EFI = "debian ubuntu fedora centos redhat rocky almalinux opensuse sles alpine arch BOOT".split(" ");
const EFI_FILES = EFI.map((vendor) => `/EFI/${vendor}/grub.cfg`);

/** Returns the first configuration that has an entry which starts a kernel. Throws BootError that says what was found instead. */
export async function findMenu(disk: BootDisk): Promise<BootMenu> {
  const volumes = [...disk.volumes].sort((a, b) => Number(b.active) - Number(a.active));
  const troubles: string[] = [];
  const attempt = async (read: () => Promise<BootMenu | null>): Promise<BootMenu | null> => {
    try {
      const menu = await read();
      if (!menu || hasKernel(menu.entries)) return menu;
      troubles.push(`${menu.source} has no entry that starts a kernel`);
    } catch (error) {
      if (!(error instanceof BootError)) throw error;
      troubles.push(error.message.replace(/\.$/, ""));
    }
    return null;
  };
  const inFiles = async (volume: Volume, files: readonly [Read, readonly string[]][]): Promise<BootMenu | null> => {
    for (const [read, paths] of files)
      for (const path of paths) {
        const place = { volume, path };
        const menu = await attempt(async () => {
          const text = await readText(place, MOST_CONFIG_BYTES);
          return text === null ? null : { ...(await read(disk, place, text)), source: path };
        });
        if (menu) return menu;
      }
    return null;
  };
  for (const volume of volumes) {
    const menu =
      (await inFiles(volume, FILES)) ??
      (await attempt(() => readBls({ volume, path: "" }))) ??
      (await attempt(() => readBls({ volume, path: "/boot" })));
    if (menu) return menu;
  }
  for (const volume of volumes) {
    const menu = await inFiles(volume, [[readGrub, EFI_FILES]]);
    if (menu) return menu;
  }
  throw new BootError(nothingFound(disk, troubles));
}

function hasKernel(entries: readonly MenuEntry[]): boolean {
  return entries.some(({ kernel, children }) => kernel !== null || (children !== null && hasKernel(children)));
}

function nothingFound({ volumes, unreadable }: BootDisk, troubles: readonly string[]): string {
  if (volumes.length === 0 && unreadable.length === 0)
    return "There is no file system on the disk that can be read: ext2, ext3, ext4, FAT and ISO 9660 can.";
  const systems = volumes.map(({ partition, system }) =>
    partition === 0 ? `${system.type} on the whole disk` : `${system.type} on partition ${partition}`,
  );
  const looked =
    systems.length > 0
      ? `There is no boot configuration on the disk (${systems.join(", ")}): grub.cfg, menu.lst, extlinux.conf, syslinux.cfg and loader/entries were looked for`
      : "There is no file system on the disk that can be read";
  return `${[looked, ...unreadable, ...troubles].join("; ")}.`;
}
