/** The disks and networks of an xl.cfg's text as rows of the dialog. They are read from the text and written into it one at a time. */
import { withItem, type ConfigText } from "../../core/api/config-text.ts";
import {
  readDisk,
  readFolder,
  readVif,
  SpecError,
  vdevNumber,
  writeDisk,
  writeFolder,
  writeVif,
  type Disk,
} from "../../core/api/device-text.ts";

export type { Disk };

/** A row of a list: its value, or the reason why its text is not understood. */
export type Row<T> = { text: string; value: T; problem: null } | { text: string; value: null; problem: string };
export type DiskRow = Row<Disk>;
export type VifRow = Row<ReadonlyMap<string, string>>;
export type FolderRow = Row<ReadonlyMap<string, string>>;

function rowsOf<T>({ lists }: ConfigText, key: string, read: (text: string) => T): Row<T>[] {
  return (lists.get(key) ?? []).map((text) => {
    try {
      return { text, value: read(text), problem: null };
    } catch (error) {
      if (!(error instanceof SpecError)) throw error;
      return { text, value: null, problem: error.message };
    }
  });
}

export function disksOf(config: ConfigText): DiskRow[] {
  return rowsOf(config, "disk", readDisk);
}
export function vifsOf(config: ConfigText): VifRow[] {
  return rowsOf(config, "vif", readVif);
}

export function foldersOf(config: ConfigText): FolderRow[] {
  return rowsOf(config, "p9", readFolder);
}

/** null removes the disk; an index one past the last adds one. */
export function withDisk(text: string, index: number, disk: Disk | null): string {
  return withItem(text, "disk", index, disk && writeDisk(disk));
}
export function withVif(text: string, index: number, vif: ReadonlyMap<string, string> | null): string {
  return withItem(text, "vif", index, vif && writeVif(vif));
}

export function withFolder(text: string, index: number, folder: ReadonlyMap<string, string> | null): string {
  return withItem(text, "p9", index, folder && writeFolder(folder));
}

/** Shares a folder that the guest mounts by a name like the folder's own. */
export function folderAt(path: string, taken: Iterable<string>): ReadonlyMap<string, string> {
  const others = new Set(taken);
  const plain = baseName(path).replace(/[^\w.-]+/g, "-") || "share";
  let tag = plain;
  for (let i = 2; others.has(tag); i++) tag = `${plain}-${i}`;
  return new Map([
    ["tag", tag],
    ["security_model", "none"],
    ["path", path],
  ]);
}

export const EMPTY_DISK: Disk = {
  target: "",
  format: "",
  vdev: "",
  access: "",
  devtype: "",
  backend: "",
  discard: true,
  trusted: true,
  script: "",
  disposable: false,
};

/** Returns the first free name of a disk: xvda, xvdb, … */
export function freeVdev(taken: Iterable<string>): string {
  const numbers = new Set([...taken].map(vdevNumber));
  for (let i = 0; i < 26; i++) {
    const name = `xvd${String.fromCharCode(97 + i)}`;
    if (!numbers.has(vdevNumber(name))) return name;
  }
  return "";
}

/** A new disk of an image, as a disk or in a CD drive according to its kind. */
export function diskOf(image: { path: string; format: string; isCd: boolean }, taken: Iterable<string>): Disk {
  const { path: target, format, isCd } = image;
  const vdev = freeVdev(taken);
  const base = { ...EMPTY_DISK, target, format, vdev };
  return isCd ? { ...base, devtype: "cdrom" } : { ...base, access: isForeign(image) ? "ro" : "rw" };
}

/** Whether an image has a format of other hypervisors, which is only read here. */
export function isForeign({ format }: { format: string }): boolean {
  return format === "vhd" || format === "vmdk";
}

/** Whether another domain than dom0 holds a disk. */
export function isHeldElsewhere({ backend }: { backend: string }): boolean {
  return !["", "0", "Domain-0"].includes(backend);
}

export const isCd = ({ devtype }: Disk): boolean => devtype === "cdrom";
export function isReadOnly({ access }: Pick<Disk, "access">): boolean {
  return access === "r" || access === "ro";
}

/** Returns the value without its folder. */
export function baseName(path: string): string {
  return path.split(/[\\/]/).at(-1) ?? path;
}

/** The value of the dialog's choice of what a domain boots. */
export const DISK_BOOT = "pygrub";
