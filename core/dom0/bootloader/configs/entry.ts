/** What every format of boot configuration is converted to. */
import { BootError } from "../error.ts";
import type { Place } from "../disk.ts";

export interface MenuEntry {
  title: string;
  /** Other names by which `default` may name it. */
  ids: readonly string[];
  /** The entries of a submenu. */
  children: readonly MenuEntry[] | null;
  /** null for an entry that starts no kernel (a submenu, another loader, the firmware's settings). */
  kernel: Place | null;
  initrds: readonly Place[];
  cmdline: string;
}

export interface BootMenu {
  /** Name of the configuration for people, such as "grub.cfg". */
  source: string;
  entries: readonly MenuEntry[];
  /** Number, title or id; "1>2" leads into a submenu; null is the first entry. */
  default: string | null;
  /** Seconds; null when the configuration does not say. */
  timeout: number | null;
}

/** The most bytes of a configuration's text, more than anybody has. */
export const MOST_CONFIG_BYTES = 1 << 20;
export const MOST_ENTRIES = 1000;

/** The most characters of a command after its variables were replaced, far more than a kernel takes. */
export const MOST_TEXT = 8192;

/** Returns a line's first word and the rest; null for an empty line. A hostile disk may have any line, so no pattern goes over it more than once. */
export function commandOf(line: string): [word: string, rest: string] | null {
  const text = line.trim();
  const end = text.search(/\s/);
  if (text === "") return null;
  return end < 0 ? [text, ""] : [text.slice(0, end), text.slice(end).trimStart()];
}

export function checkCount(entries: readonly unknown[]): void {
  if (entries.length > MOST_ENTRIES) throw new BootError(`The boot menu has more than ${MOST_ENTRIES} entries.`);
}

/** Parses the seconds of a menu's time-out. A negative number or nonsense counts as not given. */
export function seconds(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : null;
}
