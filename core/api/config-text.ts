/**
 * One key of an xl.cfg's text, read and changed in place: what the person wrote around it (comments, order, other keys, keys
 * that nobody knows) stays. Pure, and for browsers too. What values mean and allow is the toolstack's to say (xlcfg.ts).
 */
import { parseSyntax, type ConfigValue, type PlacedSetting, type SyntaxProblem } from "../toolstack/xlcfg-syntax.ts";

/** Where a key is put that was not there: after the nearest of those before it. */
const ORDER = [
  ...["name", "uuid", "type", "builder", "kernel", "ramdisk", "cmdline", "root", "extra", "memory", "maxmem"],
  ...["vcpus", "maxvcpus", "cpus", "cpu_weight", "cap", "vnc", "on_poweroff", "on_reboot", "on_crash"],
];

export interface ConfigText {
  /** Text of each key's value as a form shows it: strings without quotes, lists as they are written. */
  values: ReadonlyMap<string, string>;
  /** Line (from 1) of the setting that counts. */
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
  return { values: new Map([...values].map(([key, value]) => [key, shown(value)])), lines, problems };
}

function shown(value: ConfigValue): string {
  return value.kind === "list" ? `[${value.items.map(source).join(", ")}]` : value.text;
}
function source(value: ConfigValue): string {
  return value.kind === "string" ? quoted(value.text) : shown(value);
}

/** xl.cfg's strings have backslash escapes, and end with their line. */
export function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&").replace(/[\r\n]+/g, " ")}"`;
}

/**
 * The text with that value for the key; null takes the key out. Digits become a number and what stands in brackets a list, unless
 * a string stood there; anything else is a string, for the parser to judge.
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
  // From the end on, so that what comes before keeps its place. What is appended later is part of the value.
  for (const each of mine.toReversed()) {
    if (each.from < counts.from && value !== null) continue;
    if (each !== counts || value === null) result = without(result, each);
    else if (each.append)
      result = splice(result, each.from, each.to, `${key} = ${written(value, text[each.valueFrom]!)}`);
    else result = splice(result, each.valueFrom, each.to, written(value, text[each.valueFrom]!));
  }
  return result;
}

/** `before`: the first character of the value that stood there. */
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

/** A line that was to set the key and is no setting. */
function brokenLine(text: string, key: string, problems: SyntaxProblem[]): { from: number; to: number } | null {
  let from = 0;
  for (const [i, line] of text.split("\n").entries()) {
    if (problems.some((problem) => problem.line === i + 1) && new RegExp(`^\\s*${key}(?!\\w)`).test(line))
      return { from, to: from + line.length };
    from += line.length + 1;
  }
  return null;
}

/** Its line goes too when nothing else stands there. */
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
