/** Makes one list of the menu: submenus are opened, and what starts no kernel is left out. */
import type { Place } from "./disk.ts";
import { MOST_ENTRIES, type BootMenu, type MenuEntry } from "./configs/entry.ts";

export interface BootEntry {
  title: string;
  kernel: Place;
  initrds: readonly Place[];
  cmdline: string;
}

interface Flat {
  entry: BootEntry;
  from: MenuEntry;
}

export interface BootList {
  /** Path of the configuration file. */
  source: string;
  entries: readonly BootEntry[];
  /** Index in `entries` of the default. */
  default: number;
  /** Seconds for which the menu is shown; null when the configuration does not say. */
  timeout: number | null;
}

export function bootList(menu: BootMenu): BootList {
  const flat: Flat[] = [];
  flatten(menu.entries, flat);
  const wanted = menu.default === null ? null : find(menu.entries, menu.default);
  const chosen = wanted && flat.findIndex(({ from }) => from === firstKernel([wanted]));
  return {
    source: menu.source,
    entries: flat.map(({ entry }) => entry),
    default: chosen !== null && chosen >= 0 ? chosen : 0,
    timeout: menu.timeout,
  };
}

function flatten(entries: readonly MenuEntry[], into: Flat[]): void {
  for (const from of entries) {
    const { title, kernel, initrds, cmdline, children } = from;
    if (into.length >= MOST_ENTRIES) return;
    if (kernel) into.push({ entry: { title, kernel, initrds, cmdline }, from });
    if (children) flatten(children, into);
  }
}

function firstKernel(entries: readonly MenuEntry[]): MenuEntry | null {
  for (const entry of entries) {
    const found = entry.kernel ? entry : entry.children && firstKernel(entry.children);
    if (found) return found;
  }
  return null;
}

/** Finds an entry by number, title or id; ">" stands between a submenu and what is in it. */
function find(entries: readonly MenuEntry[], name: string): MenuEntry | null {
  const named = (text: string): MenuEntry | undefined =>
    entries.find(({ title, ids }) => title === text || ids.includes(text)) ??
    (/^\d+$/.test(text) ? entries[Number(text)] : undefined);
  const whole = named(name);
  if (whole) return whole;
  for (let at = name.indexOf(">"); at >= 0; at = name.indexOf(">", at + 1)) {
    const submenu = named(name.slice(0, at));
    const found = submenu?.children && find(submenu.children, name.slice(at + 1));
    if (found) return found;
  }
  return null;
}
