/** Entries of the Boot Loader Specification: one file each in loader/entries, as GRUB of Fedora and systemd-boot read them. */
import { namesIn, readText, type Place } from "../disk.ts";
import { BootError } from "../error.ts";
import {
  commandOf,
  MOST_CONFIG_BYTES,
  MOST_ENTRIES,
  MOST_TEXT,
  seconds,
  type BootMenu,
  type MenuEntry,
} from "./entry.ts";
import { readEnvironment } from "./grubenv.ts";

/** The most lines with the same key in one entry. */
const MOST_LINES = 64;

/** Returns the entries, newest first. `variable` returns what $NAME in them stands for. Kernels whose entry has no options take `kernelopts`. */
export async function blsEntries(folder: Place, variable: (name: string) => string): Promise<MenuEntry[]> {
  const names = (await namesIn(folder)).filter((name) => name.endsWith(".conf")).slice(0, MOST_ENTRIES);
  const found: MenuEntry[] = [];
  for (const name of names.sort((a, b) => compareVersions(b, a))) {
    const text = await readText({ ...folder, path: `${folder.path}/${name}` }, MOST_CONFIG_BYTES);
    if (text !== null) found.push(entryOf(folder, name.replace(/\.conf$/, ""), text, variable));
  }
  return found;
}

/** Reads the menu of a disk that systemd-boot boots, or of a Fedora whose grub.cfg says no more than that; null when there are no entries. */
export async function readBls(root: Place): Promise<BootMenu | null> {
  const { volume } = root;
  const file = (path: string): Promise<string | null> =>
    readText({ volume, path: root.path + path }, MOST_CONFIG_BYTES);
  const environment = readEnvironment((await file("/grub2/grubenv")) ?? (await file("/grub/grubenv")) ?? "");
  const entries = await blsEntries(
    { volume, path: `${root.path}/loader/entries` },
    (name) => environment.get(name) ?? "",
  );
  if (entries.length === 0) return null;
  const settings = keys((await file("/loader/loader.conf")) ?? "");
  const wanted = settings.get("default")?.[0];
  return {
    source: "loader/entries",
    entries,
    default: matching(entries, wanted) ?? environment.get("saved_entry") ?? null,
    timeout: seconds(settings.get("timeout")?.[0]),
  };
}

/** `default` of systemd-boot may be a pattern with * and ?. */
function matching(entries: readonly MenuEntry[], pattern: string | undefined): string | null {
  if (pattern === undefined || pattern.length > 256) return null;
  const wanted = pattern.replace(/\.conf$/, "");
  return entries.find(({ ids }) => globMatches(wanted, ids[0]!))?.ids[0] ?? null;
}

/** Takes time proportional to the product of the lengths at most, because a pattern from a disk may be made to be slow. */
function globMatches(pattern: string, text: string): boolean {
  let [p, t, star, mark] = [0, 0, -1, 0];
  while (t < text.length) {
    if (pattern[p] === "*") [star, mark] = [p++, t];
    else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === text[t])) [p, t] = [p + 1, t + 1];
    else if (star >= 0) [p, t] = [star + 1, ++mark];
    else return false;
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}

function entryOf({ volume, path }: Place, id: string, text: string, variable: (name: string) => string): MenuEntry {
  const values = keys(text);
  let left = MOST_TEXT;
  const expanded = (value: string): string => {
    if (value.length > MOST_TEXT) throw new BootError(`A line of ${id}.conf is too long.`);
    return value.replace(/\$(?:\{(\w+)\}|(\w+))/g, (_, braced: string | undefined, bare: string | undefined) => {
      const text = variable(braced ?? bare!);
      left -= text.length;
      if (left < 0) throw new BootError(`A line of ${id}.conf is too long.`);
      return text;
    });
  };
  // Paths begin at the root of the partition that has the entries; or, as Fedora's GRUB has it where /boot is on the root file system, with /boot.
  const place = (name: string): Place => ({ volume, path: name });
  const options = (values.get("options") ?? ["$kernelopts"]).slice(0, MOST_LINES);
  const kernel = values.get("linux")?.[0];
  const initrds = (values.get("initrd") ?? [])
    .slice(0, MOST_LINES)
    .flatMap((line) => expanded(line).split(/\s+/).filter(Boolean));
  const version = values.get("version")?.[0];
  return {
    title: values.get("title")?.[0] ?? version ?? id,
    ids: [id, `${path}/${id}.conf`],
    children: null,
    kernel: kernel === undefined ? null : place(kernel),
    initrds: initrds.map(place),
    cmdline: options.map(expanded).join(" ").replace(/\s+/g, " ").trim(),
  };
}

function keys(text: string): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [key, value] = commandOf(line) ?? ["", ""];
    if (!/^[a-z][\w-]*$/.test(key) || value === "") continue;
    const others = values.get(key);
    if (others) others.push(value);
    else values.set(key, [value]);
  }
  return values;
}

/** Compares versions as RPM does: runs of digits by their number, letters by their order, and digits come after letters. */
export function compareVersions(a: string, b: string): number {
  const parts = (text: string): string[] => text.match(/\d+|[a-zA-Z]+/g) ?? [];
  const [left, right] = [parts(a), parts(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const [one, other] = [left[i], right[i]];
    if (one === undefined) return -1;
    if (other === undefined) return 1;
    const [isNumber, isOtherNumber] = [/\d/.test(one), /\d/.test(other)];
    if (isNumber !== isOtherNumber) return isNumber ? 1 : -1;
    const [x, y] = isNumber ? [one.replace(/^0+/, ""), other.replace(/^0+/, "")] : [one, other];
    if (isNumber && x.length !== y.length) return x.length - y.length;
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}
