/** Entries of page tables in words, of whatever stage. */
import type { WalkStep } from "./report.ts";

export const ADDRESS = 0x000ffffffffff000n;
export const PRESENT = 1n;
export const WRITABLE = 2n;
const LARGE = 0x80n;

export type FlagMeanings = readonly (readonly [bit: bigint, name: string, meaning: string])[];
export const COMMON: FlagMeanings = [
  [PRESENT, "P", "Present"],
  [WRITABLE, "R/W", "Writable"],
  [8n, "PWT", "Write-through"],
  [0x10n, "PCD", "Cache disable"],
  [0x20n, "A", "Accessed"],
  [0x40n, "D", "Dirty"],
];
export const LEVEL_SHIFT = { 4: 39n, 3: 30n, 2: 21n, 1: 12n } as const;

export function flagsOf(level: number, value: bigint, meanings: FlagMeanings): WalkStep["flags"] {
  const found = meanings.filter(([bit]) => (value & bit) !== 0n).map(([, name, meaning]) => ({ name, meaning }));
  if (value & LARGE)
    found.push(
      level === 1
        ? { name: "PAT", meaning: "Page attribute table" }
        : { name: "PS", meaning: "Page size: the entry maps a large page" },
    );
  return found;
}

export function sizeText(bytes: number): string {
  return { 4096: "4 KiB", [2 ** 21]: "2 MiB", [2 ** 22]: "4 MiB", [2 ** 30]: "1 GiB" }[bytes] ?? `${bytes} B`;
}
