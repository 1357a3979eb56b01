/** pygrub's role: its arguments, and what it finds on a disk. */
import type { BlockStore } from "../storage/block-store.ts";
import { BootDisk, type Place } from "./disk.ts";
import { bootList, type BootEntry, type BootList } from "./entries.ts";
import { BootError } from "./error.ts";
import { lookUp } from "./filesystems/filesystem.ts";
import { findMenu } from "./find.ts";

export interface PygrubOptions {
  /** Paths on the disk that replace those of the configuration. */
  kernel: string | null;
  ramdisk: string | null;
  /** Text that is added to the command line of the entry. */
  args: string;
  /** Number or title of the entry; null is the default. */
  entry: string | null;
  /** Whether no menu is shown. */
  quiet: boolean;
}

const TAKES_VALUE = ["kernel", "ramdisk", "args", "entry"] as const;

/** Throws BootError that names what is not known. */
export function parsePygrubArguments(words: readonly string[]): PygrubOptions {
  const options: PygrubOptions = { kernel: null, ramdisk: null, args: "", entry: null, quiet: false };
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === "-q" || word === "--quiet") {
      options.quiet = true;
      continue;
    }
    const [, name, attached] = /^--([a-z]+)(?:=(.*))?$/s.exec(word) ?? [];
    const known = TAKES_VALUE.find((each) => each === name);
    if (!known)
      throw new BootError(
        `"${word}" is no argument that pygrub takes here; allowed: --kernel=PATH, --ramdisk=PATH, --args=TEXT, --entry=NUMBER or TITLE, -q.`,
      );
    const value = attached ?? words[++i];
    if (value === undefined) throw new BootError(`--${known} is the last of the arguments: its value is missing.`);
    options[known] = value;
  }
  return options;
}

/** Returns the entries of a disk. With `kernel` there is only one, which does not depend on the configuration. Throws BootError. */
export async function listEntries(store: BlockStore, options: PygrubOptions): Promise<BootList> {
  return entriesOf(await BootDisk.open(store), options);
}

/** The same for a disk that is open. */
export async function entriesOf(disk: BootDisk, { kernel, ramdisk, args, entry }: PygrubOptions): Promise<BootList> {
  if (kernel !== null) {
    const place = await placeOf(disk, kernel);
    const initrds = ramdisk === null ? [] : [await placeOf(disk, ramdisk)];
    return {
      source: "--kernel",
      entries: [{ title: kernel, kernel: place, initrds, cmdline: args }],
      default: 0,
      timeout: null,
    };
  }
  const list = bootList(await findMenu(disk));
  const initrds = ramdisk === null ? null : [await placeOf(disk, ramdisk)];
  const entries = list.entries.map((each): BootEntry => ({
    ...each,
    ...(initrds && { initrds }),
    cmdline: [each.cmdline, args].filter(Boolean).join(" "),
  }));
  return { ...list, entries, default: entry === null ? list.default : chosen(entries, entry) };
}

function chosen(entries: readonly BootEntry[], wanted: string): number {
  const titled = entries.findIndex(({ title }) => title === wanted);
  const index = titled >= 0 ? titled : /^\d{1,6}$/.test(wanted) ? Number(wanted) : -1;
  if (index >= 0 && index < entries.length) return index;
  throw new BootError(
    `There is no entry ${wanted} in the disk's boot menu, which has: ${entries
      .slice(0, 20)
      .map(({ title }, i) => `${i} "${title}"`)
      .join(", ")}.`,
  );
}

/** Returns the file's place on the first volume that has it. */
async function placeOf(disk: BootDisk, path: string): Promise<Place> {
  for (const volume of disk.volumes) if ((await lookUp(volume.system, path))?.kind === "file") return { volume, path };
  const others = disk.unreadable.length > 0 ? ` (${disk.unreadable.join(", ")})` : "";
  throw new BootError(`There is no ${path} on the disk${others}.`);
}
