/** A walk through the page tables in words (Intel SDM 3A 4.5; Xen's mark of a PV kernel's own pages: bit 52). */
import type { WalkedEntry } from "../../dom0/kernel/inspector.ts";
import { frameFacts } from "./frame-facts.ts";
import { hex64, isCanonical } from "./hex.ts";
import type { WalkReport, WalkStep } from "./report.ts";

const ADDRESS = 0x000ffffffffff000n;
const PRESENT = 1n;
const WRITABLE = 2n;
const USER = 4n;
const LARGE = 0x80n;
const GUEST_KERNEL = 1n << 52n;
const NO_EXECUTE = 1n << 63n;

const FLAGS: readonly (readonly [bit: bigint, name: string, meaning: string])[] = [
  [PRESENT, "P", "Present"],
  [WRITABLE, "R/W", "Writable"],
  [USER, "U/S", "For ring 3, where a PV kernel runs too"],
  [8n, "PWT", "Write-through"],
  [0x10n, "PCD", "Cache disable"],
  [0x20n, "A", "Accessed"],
  [0x40n, "D", "Dirty"],
  [0x100n, "G", "Global: Xen sets it on user pages"],
  [0x200n, "AVL9", "Available to software"],
  [0x400n, "AVL10", "Available to software"],
  [0x800n, "AVL11", "Available to software"],
  [GUEST_KERNEL, "GK", "Xen’s mark: the guest’s kernel kept the page for itself"],
  [NO_EXECUTE, "XD", "Execute disable"],
];
const LEVEL_SHIFT = { 4: 39n, 3: 30n, 2: 21n, 1: 12n } as const;

function flagsOf(level: number, value: bigint): WalkStep["flags"] {
  const found = FLAGS.filter(([bit]) => (value & bit) !== 0n).map(([, name, meaning]) => ({ name, meaning }));
  if (value & LARGE)
    found.push(
      level === 1
        ? { name: "PAT", meaning: "Page attribute table" }
        : { name: "PS", meaning: "Page size: the entry maps a large page" },
    );
  return found;
}

/** `entries` as the hypervisor read them, from L4 on. */
export function walkOf(
  address: bigint,
  entries: readonly WalkedEntry[],
): Pick<WalkReport, "steps" | "end" | "machine" | "pageBytes" | "rights"> {
  const steps = entries.map(({ address: at, value, frame }, n): WalkStep => {
    const level = (4 - n) as WalkStep["level"];
    const named = (value & PRESENT) !== 0n && frame.count !== 0n;
    return {
      level,
      index: Number((address >> LEVEL_SHIFT[level]) & 511n),
      address: hex64(at),
      value: hex64(value),
      flags: value & PRESENT ? flagsOf(level, value) : [],
      frame: named ? frameFacts(Number((value & ADDRESS) >> 12n), frame) : null,
    };
  });
  const nowhere = (end: string) => ({ steps, end, machine: null, pageBytes: null, rights: null });
  if (!isCanonical(address))
    return {
      ...nowhere("The address is not canonical: bits 48 to 63 are not as bit 47 is, so the processor walks no tables."),
      steps: [],
    };
  const last = entries.at(-1);
  const step = steps.at(-1);
  if (!last || !step) return nowhere("No entry was read.");
  const name = `L${step.level} entry ${step.index}`;
  if (!(last.value & PRESENT))
    return nowhere(
      last.value === 0n
        ? `Nothing is mapped: ${name} is not present.`
        : `Nothing is mapped: ${name} is not present; its other bits are the guest’s own.`,
    );
  if (!step.frame) return nowhere(`${name} names no frame of the host’s memory.`);
  const shift = LEVEL_SHIFT[step.level];
  const mask = (1n << shift) - 1n;
  const machine = (last.value & ADDRESS & ~mask) + (address & mask);
  const all = (bit: bigint): boolean => entries.every(({ value }) => (value & bit) !== 0n);
  const pageBytes = 2 ** Number(shift);
  const size = { 4096: "4 KiB", [2 ** 21]: "2 MiB", [2 ** 30]: "1 GiB" }[pageBytes] ?? `${pageBytes} B`;
  return {
    steps,
    end: `Mapped by ${name}: a page of ${size}, byte 0x${(address & mask).toString(16)} of it.`,
    machine: hex64(machine),
    pageBytes,
    rights: {
      writable: all(WRITABLE),
      user: all(USER) && !(last.value & GUEST_KERNEL),
      executable: !entries.some(({ value }) => (value & NO_EXECUTE) !== 0n),
    },
  };
}
