/**
 * Reads and changes single keys in the text of an xl.cfg. What the user wrote around a key (comments, order, other keys, unknown keys) stays. The
 * functions are pure and run in browsers too. What values mean and allow is for the toolstack to say (xlcfg.ts).
 */
import { parseSyntax, type ConfigValue, type PlacedSetting, type SyntaxProblem } from "./xlcfg-syntax.ts";

/** The order of keys. A key that was not there is put after the nearest of those that come before it here. */
const ORDER = [
  ...[
    "name",
    "uuid",
    "type",
    "builder",
    "bootloader",
    "kernel",
    "ramdisk",
    "cmdline",
    "root",
    "extra",
    "memory",
    "maxmem",
  ],
  ...[
    "vcpus",
    "maxvcpus",
    "cpus",
    "cpu_weight",
    "cap",
    "disk",
    "vif",
    "p9",
    "vfb",
    "vnc",
    "on_poweroff",
    "on_reboot",
    "on_crash",
  ],
];

export interface ConfigText {
  /** The text of each key's value as a form shows it: strings without their quotes, and lists as they are written. */
  values: ReadonlyMap<string, string>;
  /** For each key whose value is a list: its items, as text. */
  lists: ReadonlyMap<string, readonly string[]>;
  /** The line (from 1) of the setting that counts. */
  lines: ReadonlyMap<string, number>;
  problems: SyntaxProblem[];
}

export function readConfig(text: string): ConfigText {
  const { settings, problems } = parseSyntax(text);
  const values = new Map<string, ConfigValue>();
  const lines = new Map<string, number>();
  for (const { key, value, append, line } of settings) {
    const before = append ? values.get(key) : undefined;
    if (before?.kind === "list" && value.kind === "list")
      values.set(key, { ...value, items: [...before.items, ...value.items] });
    else if (before && before.kind !== "list" && value.kind !== "list")
      values.set(key, { ...value, kind: "string", text: before.text + value.text });
    else values.set(key, value);
    lines.set(key, line);
  }
  const lists = new Map<string, string[]>();
  for (const [key, value] of values)
    if (value.kind === "list")
      lists.set(
        key,
        value.items.map((item) => (item.kind === "list" ? shown(item) : item.text)),
      );
  return { values: new Map([...values].map(([key, value]) => [key, shown(value)])), lists, lines, problems };
}

/**
 * Returns the text with that string as an item of a list. null removes the item, and the key with its last item. An `index` that is one behind the
 * last adds an item. The other items stay as they are written.
 */
export function withItem(text: string, key: string, index: number, item: string | null): string {
  const mine = parseSyntax(text).settings.filter((each) => each.key === key);
  const first = Math.max(
    0,
    mine.findLastIndex(({ append }) => !append),
  );
  const lists = mine.slice(first).filter(({ value }) => value.kind === "list");
  const all = lists.flatMap((list) => list.items.map((place, i) => ({ list, place, i })));
  const found = all[index];
  if (!found) {
    const last = lists.at(-1);
    if (item === null) return text;
    if (!last) return withValue(text, key, `[ ${quoted(item)} ]`);
    const end = last.items.at(-1)?.to ?? last.valueFrom + 1;
    return splice(text, end, end, `${last.items.length ? ", " : ""}${quoted(item)}`);
  }
  const { list, place, i } = found;
  if (item !== null) return splice(text, place.from, place.to, written(item, text[place.from]!));
  if (all.length === 1) return withValue(text, key, null);
  const [before, after] = [list.items[i - 1], list.items[i + 1]];
  if (after) return splice(text, place.from, after.from, "");
  return splice(text, before?.to ?? place.from, place.to, "");
}

function shown(value: ConfigValue): string {
  return value.kind === "list" ? `[${value.items.map(source).join(", ")}]` : value.text;
}
function source(value: ConfigValue): string {
  return value.kind === "string" ? quoted(value.text) : shown(value);
}

/** Strings of xl.cfg have backslash escapes, and end with their line. */
export function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&").replace(/[\r\n]+/g, " ")}"`;
}

/**
 * Returns the text with that value for the key. null removes the key. Digits become a number and text in brackets becomes a list, unless a string was
 * there. Anything else becomes a string, which the parser judges.
 */
export function withValue(text: string, key: string, value: string | null): string {
  const { settings, problems } = parseSyntax(text);
  const mine = settings.filter((each) => each.key === key);
  const counts = mine.findLast(({ append }) => !append) ?? mine[0];
  if (!counts) {
    const broken = brokenLine(text, key, problems);
    if (broken) return splice(text, broken.from, broken.to, value === null ? "" : `${key} = ${written(value, null)}`);
    return value === null ? text : inserted(text, settings, key, `${key} = ${written(value, null)}`);
  }
  let result = text;
  // This goes from the end to the beginning, so that everything before a change keeps its place. What is appended later is part of the value.
  for (const each of mine.toReversed()) {
    if (each.from < counts.from && value !== null) continue;
    if (each !== counts || value === null) result = without(result, each);
    else if (each.append)
      result = splice(result, each.from, each.to, `${key} = ${written(value, text[each.valueFrom]!)}`);
    else result = splice(result, each.valueFrom, each.to, written(value, text[each.valueFrom]!));
  }
  return result;
}

/** `before`: the first character of the value that was there. */
function written(value: string, before: string | null): string {
  const isString = before === '"' || before === "'";
  if (!isString && /^\d{1,15}$/.test(value)) return value;
  if (!isString && /^\[.*\]$/.test(value.trim())) return value;
  if (before === "'" && !/['\\\r\n]/.test(value)) return `'${value}'`;
  return quoted(value);
}

function splice(text: string, from: number, to: number, by: string): string {
  return text.slice(0, from) + by + text.slice(to);
}

/** Finds a line that was meant to set the key but is no setting. */
function brokenLine(text: string, key: string, problems: SyntaxProblem[]): { from: number; to: number } | null {
  let from = 0;
  for (const [i, line] of text.split("\n").entries()) {
    if (problems.some((problem) => problem.line === i + 1) && new RegExp(`^\\s*${key}(?!\\w)`).test(line))
      return { from, to: from + line.length };
    from += line.length + 1;
  }
  return null;
}

/** The line is removed too if nothing else is on it. */
function without(text: string, { from, to }: PlacedSetting): string {
  const lineFrom = text.lastIndexOf("\n", from - 1) + 1;
  const newline = text.indexOf("\n", to);
  const lineTo = newline < 0 ? text.length : newline;
  const before = text.slice(lineFrom, from);
  const after = text.slice(to, lineTo).replace(/^[ \t]*;[ \t]*/, "");
  if (!before.trim() && !after.trim()) return splice(text, lineFrom, newline < 0 ? lineTo : lineTo + 1, "");
  return splice(text, lineFrom, lineTo, before + after.trimStart());
}

function inserted(text: string, settings: PlacedSetting[], key: string, line: string): string {
  const rank = ORDER.indexOf(key);
  const before = settings
    .filter((each) => ORDER.includes(each.key) && ORDER.indexOf(each.key) < rank)
    .reduce<PlacedSetting | null>((best, each) => {
      return best && ORDER.indexOf(best.key) > ORDER.indexOf(each.key) ? best : each;
    }, null);
  const next = before ? null : settings.find((each) => ORDER.indexOf(each.key) > rank);
  if (next) {
    const at = text.lastIndexOf("\n", next.from - 1) + 1;
    return splice(text, at, at, `${line}\n`);
  }
  const newline = before ? text.indexOf("\n", before.to) : -1;
  if (newline >= 0) return splice(text, newline + 1, newline + 1, `${line}\n`);
  return `${text}${text && !text.endsWith("\n") ? "\n" : ""}${line}\n`;
}
