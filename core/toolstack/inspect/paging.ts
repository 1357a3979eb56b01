/**
 * Walks through page tables in words (Intel SDM 3A 4.5; bit 52 is Xen's mark of a PV kernel's own pages): those of a PV guest, and the two stages of
 * a PVH guest.
 */
import type { WalkedEntry } from "../../dom0/kernel/inspector.ts";
import {
  ADDRESS,
  COMMON,
  LEVEL_SHIFT,
  PRESENT,
  WRITABLE,
  flagsOf,
  sizeText,
  type FlagMeanings,
} from "./entry-words.ts";
import { frameFacts } from "./frame-facts.ts";
import { hex64, isCanonical } from "./hex.ts";
import type { GuestTables, TableFormat } from "./guest-tables.ts";
import type { SecondWalk, WalkReport, WalkStep } from "./report.ts";
import { secondWalk } from "./second-stage.ts";

export type Walked = Pick<
  WalkReport,
  "root" | "rootSecond" | "parts" | "steps" | "end" | "machine" | "pageBytes" | "rights"
>;

const USER = 4n;
const GUEST_KERNEL = 1n << 52n;
const NO_EXECUTE = 1n << 63n;

const PV_FLAGS: FlagMeanings = [
  ...COMMON,
  [USER, "U/S", "For ring 3, where a PV kernel runs too"],
  [0x100n, "G", "Global: Xen sets it on user pages"],
  [0x200n, "AVL9", "Available to software"],
  [0x400n, "AVL10", "Available to software"],
  [0x800n, "AVL11", "Available to software"],
  [GUEST_KERNEL, "GK", "Xen’s mark: the guest’s kernel kept the page for itself"],
  [NO_EXECUTE, "XD", "Execute disable"],
];
const GUEST_FLAGS: FlagMeanings = [
  ...COMMON,
  [USER, "U/S", "For user mode"],
  [0x100n, "G", "Global: it stays when CR3 is loaded"],
  [0x200n, "AVL9", "Available to software"],
  [0x400n, "AVL10", "Available to software"],
  [0x800n, "AVL11", "Available to software"],
  [NO_EXECUTE, "XD", "Execute disable"],
];
const FOUR_LEVELS = ([4, 3, 2, 1] as const).map((level) => ({ level, shift: LEVEL_SHIFT[level], bits: 9n }));

/** Returns the parts of a linear address as a walk in that format takes it apart. */
function partsOf(address: bigint, levels: TableFormat["levels"], linearBits: bigint): WalkReport["parts"] {
  const parts: WalkReport["parts"] = [];
  if (linearBits === 48n)
    parts.push({ name: "63–48", text: (address >> 48n).toString(16).padStart(4, "0"), kind: "sign" });
  for (const { level, shift, bits } of levels)
    parts.push({
      name: `L${level} index`,
      text: ((address >> shift) & ((1n << bits) - 1n)).toString(),
      kind: "index",
    });
  const below = levels.length ? 12n : linearBits;
  const offset = address & ((1n << below) - 1n);
  parts.push({ name: "Offset", text: offset.toString(16).padStart(Number(below) / 4, "0"), kind: "offset" });
  return parts;
}
const NOT_CANONICAL =
  "The address is not canonical: bits 48 to 63 are not as bit 47 is, so the processor walks no tables.";

/** For a PVH vCPU: each entry of its own tables, together with the way through the second stage of the address that the entry names. */
export function twoStageWalk(address: bigint, tables: GuestTables): Walked {
  const { levels, linearBits } = tables.format;
  const second = (physical: bigint): SecondWalk =>
    secondWalk(physical, tables.second(physical), (mfn) => tables.sharers(physical, mfn));
  /** For a large page, the words in the walk are those of its first frame. */
  const frameBehind = ({ machine }: SecondWalk): WalkStep["frame"] => {
    const mfn = machine === null ? 0 : Number(BigInt(machine) >> 12n);
    const words = machine === null ? null : tables.frame(mfn);
    return words && frameFacts(mfn, words);
  };
  const { root: rootAt } = tables;
  const rootSecond = second(rootAt ?? address & ((1n << linearBits) - 1n));
  const parts = partsOf(address, levels, linearBits);
  const root = rootAt === null ? null : frameBehind(rootSecond);
  const nowhere = (end: string, steps: WalkStep[] = []): Walked => ({
    ...{ root, rootSecond, parts, steps, end },
    ...{ machine: null, pageBytes: null, rights: null },
  });
  if (linearBits === 48n && !isCanonical(address)) return nowhere(NOT_CANONICAL);
  if (linearBits < 48n && address >> linearBits !== 0n)
    return nowhere("The address is beyond 4 GiB: outside of long mode, linear addresses have 32 bits.");
  const walked = tables.walk(address);
  const { leads, missing } = walked;
  const steps = walked.steps.map(({ level, index, address: at, value, names, isLeaf }): WalkStep => {
    const behind = names === null ? null : second(isLeaf && leads ? leads.physical : names);
    return {
      ...{ level, index, address: hex64(at), value: hex64(value) },
      flags: value & PRESENT ? flagsOf(level, value, GUEST_FLAGS) : [],
      frame: behind && frameBehind(behind),
      second: behind,
    };
  });
  const step = steps.at(-1);
  if (missing !== null)
    return nowhere(`The guest’s table has no memory: its entry would be at guest-physical ${hex64(missing)}.`, steps);
  if (!leads) return nowhere(`Nothing is mapped: L${step!.level} entry ${step!.index} is not present.`, steps);
  const behind = step?.second ?? rootSecond;
  const { writable, user, executable } = walked;
  return {
    ...{ root, rootSecond, parts, steps },
    end: step
      ? `Mapped by L${step.level} entry ${step.index}: a page of ${sizeText(leads.pageBytes)}, guest-physical ${hex64(leads.physical)}.`
      : `Paging is off: the address is guest-physical ${hex64(leads.physical)}.`,
    machine: behind.machine,
    pageBytes: leads.pageBytes,
    rights: { writable, user, executable },
  };
}

/** For a PV vCPU: `entries` as the hypervisor has read them, from L4 on. */
export function pvWalk(address: bigint, entries: readonly WalkedEntry[]): Omit<Walked, "root"> {
  const steps = entries.map(({ address: at, value, frame }, n): WalkStep => {
    const level = (4 - n) as WalkStep["level"];
    const named = (value & PRESENT) !== 0n && frame.count !== 0n;
    return {
      level,
      index: Number((address >> LEVEL_SHIFT[level]) & 511n),
      address: hex64(at),
      value: hex64(value),
      flags: value & PRESENT ? flagsOf(level, value, PV_FLAGS) : [],
      second: null,
      frame: named ? frameFacts(Number((value & ADDRESS) >> 12n), frame) : null,
    };
  });
  const common = { rootSecond: null, parts: partsOf(address, FOUR_LEVELS, 48n) };
  const nowhere = (end: string) => ({ ...common, steps, end, machine: null, pageBytes: null, rights: null });
  if (!isCanonical(address)) return { ...nowhere(NOT_CANONICAL), steps: [] };
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
  return {
    ...common,
    steps,
    end: `Mapped by ${name}: a page of ${sizeText(pageBytes)}, byte 0x${(address & mask).toString(16)} of it.`,
    machine: hex64(machine),
    pageBytes,
    rights: {
      writable: all(WRITABLE),
      user: all(USER) && !(last.value & GUEST_KERNEL),
      executable: !entries.some(({ value }) => (value & NO_EXECUTE) !== 0n),
    },
  };
}
