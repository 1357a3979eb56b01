/** What every format of boot configuration comes to. */
import { BootError } from "../error.ts";
import type { Place } from "../disk.ts";

export interface MenuEntry {
  title: string;
  /** Other names by which `default` may mean it. */
  ids: readonly string[];
  /** Of a submenu: its entries. */
  children: readonly MenuEntry[] | null;
  /** null: it starts no kernel (a submenu, another loader, the firmware's settings). */
  kernel: Place | null;
  initrds: readonly Place[];
  cmdline: string;
}

export interface BootMenu {
  /** "grub.cfg", …: for people. */
  source: string;
  entries: readonly MenuEntry[];
  /** Number, title, id; "1>2" goes into submenus. null: the first. */
  default: string | null;
  /** Seconds; null when the configuration does not say. */
  timeout: number | null;
}

/** Texts of configuration; nobody's is larger. */
export const MOST_CONFIG_BYTES = 1 << 20;
export const MOST_ENTRIES = 1000;

/** Characters of one command after its variables are put in; far beyond what a kernel takes. */
export const MOST_TEXT = 8192;

/** A line's first word, and the rest; null for an empty line. No pattern looks at a line of a hostile disk more than once. */
export function commandOf(line: string): [word: string, rest: string] | null {
  const text = line.trim();
  const end = text.search(/\s/);
  if (text === "") return null;
  return end < 0 ? [text, ""] : [text.slice(0, end), text.slice(end).trimStart()];
}

export function checkCount(entries: readonly unknown[]): void {
  if (entries.length > MOST_ENTRIES) throw new BootError(`The boot menu has more than ${MOST_ENTRIES} entries.`);
}

/** Seconds of a menu's time-out; negative or nonsense counts as not said. */
export function seconds(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : null;
}
