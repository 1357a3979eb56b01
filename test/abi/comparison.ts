/**
 * The record of what Xen's headers say (xen-4.17.txt), for machines without the headers. It has one line for each name: the 64-bit value, followed by
 * the 32-bit one if it differs; `-` means that the layout has no such thing. record.ts writes it.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { askHeaders, VERSION, type Answer } from "./headers.ts";
import type { AbiName } from "./names.ts";

export const RECORD = path.join(import.meta.dirname, `xen-${VERSION}.txt`);

export interface Recorded {
  64: Answer;
  32: Answer;
}

/** By name, without `_32`. */
export type Record = Map<string, Recorded>;

function parse(word: string): Answer {
  return word === "-" ? null : word.startsWith('"') ? (JSON.parse(word) as string) : Number(word);
}
const format = (answer: Answer): string =>
  answer === null ? "-" : typeof answer === "string" ? JSON.stringify(answer) : String(answer);

export function readRecord(text = readFileSync(RECORD, "utf8")): Record {
  const record: Record = new Map();
  for (const line of text.split("\n").filter(Boolean)) {
    const [name, wide, narrow] = line.split(" ") as [string, string, string | undefined];
    record.set(name, { 64: parse(wide), 32: parse(narrow ?? wide) });
  }
  return record;
}

export function formatRecord(record: Record): string {
  return [...record]
    .map(([name, { 64: wide, 32: narrow }]) =>
      wide === narrow ? `${name} ${format(wide)}\n` : `${name} ${format(wide)} ${format(narrow)}\n`,
    )
    .join("");
}

export function baseName({ name, bits }: AbiName): string {
  return bits === 32 ? name.slice(0, -"_32".length) : name;
}

/** Asks the headers about these names. Each column is asked by its own expression, or by that of its twin. */
export function askNames(names: readonly AbiName[]): Record {
  const texts = new Set(names.filter(({ value }) => typeof value === "string").map(({ expression }) => expression));
  const numbers = new Set(names.map(({ expression }) => expression).filter((expression) => !texts.has(expression)));
  const [wide, narrow] = ([64, 32] as const).map((bits) => askHeaders([...numbers], [...texts], bits)) as [
    ReturnType<typeof askHeaders>,
    ReturnType<typeof askHeaders>,
  ];
  const expressions = new Map<string, { 64: string; 32: string }>();
  for (const each of names) {
    const known = expressions.get(baseName(each)) ?? { 64: each.expression, 32: each.expression };
    expressions.set(baseName(each), { ...known, [each.bits]: each.expression });
  }
  return new Map(
    [...expressions].map(([name, { 64: of64, 32: of32 }]) => [
      name,
      { 64: wide.get(of64) ?? null, 32: narrow.get(of32) ?? null },
    ]),
  );
}

/** Returns sentences that say how the names differ from the record. */
export function differences(names: readonly AbiName[], record: Record): string[] {
  const found: string[] = [];
  const columns = new Map<string, Partial<globalThis.Record<64 | 32, AbiName>>>();
  for (const each of names) {
    const column = columns.get(baseName(each)) ?? {};
    if (column[each.bits]) found.push(`${each.name} stands twice: in ${column[each.bits]!.file} and ${each.file}`);
    column[each.bits] = each;
    columns.set(baseName(each), column);
  }
  for (const [name, column] of columns) {
    const said = record.get(name);
    if (!said || (said[64] === null && said[32] === null)) {
      found.push(`${name} is not in Xen's headers, or not in the record`);
      continue;
    }
    const wanted = { 64: said[64], 32: said[32] === said[64] ? null : said[32] };
    for (const bits of [64, 32] as const) {
      const full = bits === 32 ? `${name}_32` : name;
      const has = column[bits]?.value ?? null;
      if (has === wanted[bits]) continue;
      if (has === null) found.push(`${full} is missing: it is ${wanted[bits]}`);
      else if (wanted[bits] !== null) found.push(`${full} is ${has}; Xen's headers have ${wanted[bits]}`);
      else
        found.push(`${full} should not be: ${bits === 32 ? "32-bit guests have no other" : "64-bit guests have none"}`);
    }
  }
  for (const name of record.keys()) if (!columns.has(name)) found.push(`${name} is in the record only`);
  return found;
}
