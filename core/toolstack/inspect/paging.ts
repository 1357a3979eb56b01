/**
 * Walks through page tables in words (Intel SDM 3A 4.5; bit 52 is Xen's mark of a PV kernel's own pages): those of a PV guest, and the two stages of
 * a PVH guest.
 */
import type { WalkedEntry } from "../../dom0/kernel/inspector.ts";
import { frameFacts } from "./frame-facts.ts";
import { hex64, isCanonical } from "./hex.ts";
import type { GuestTables, TableFormat } from "./guest-tables.ts";
import type { SecondWalk, WalkReport, WalkStep } from "./report.ts";

export type Walked = Pick<
  WalkReport,
  "root" | "rootSecond" | "parts" | "steps" | "end" | "machine" | "pageBytes" | "rights"
>;

const ADDRESS = 0x000ffffffffff000n;
const PRESENT = 1n;
const WRITABLE = 2n;
const USER = 4n;
const LARGE = 0x80n;
const GUEST_KERNEL = 1n << 52n;
const NO_EXECUTE = 1n << 63n;

type FlagMeanings = readonly (readonly [bit: bigint, name: string, meaning: string])[];
const COMMON: FlagMeanings = [
  [PRESENT, "P", "Present"],
  [WRITABLE, "R/W", "Writable"],
  [8n, "PWT", "Write-through"],
  [0x10n, "PCD", "Cache disable"],
  [0x20n, "A", "Accessed"],
  [0x40n, "D", "Dirty"],
];
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
/** What bits 9 to 11 of an entry of a second stage say about the page that it maps (core/hypervisor/p2m/entry.ts). */
const SECOND_KINDS: readonly (readonly [name: string, meaning: string])[] = [
  ["table", "Leads to another table"],
  ["ram", "Memory of the domain’s own, or of Xen’s that is shared with it"],
  ["grant", "Another domain’s grant, which may be written"],
  ["grant read-only", "Another domain’s grant, which may be read"],
];
const LEVEL_SHIFT = { 4: 39n, 3: 30n, 2: 21n, 1: 12n } as const;

function flagsOf(level: number, value: bigint, meanings: FlagMeanings): WalkStep["flags"] {
  const found = meanings.filter(([bit]) => (value & bit) !== 0n).map(([, name, meaning]) => ({ name, meaning }));
  if (value & LARGE)
    found.push(
      level === 1
        ? { name: "PAT", meaning: "Page attribute table" }
        : { name: "PS", meaning: "Page size: the entry maps a large page" },
    );
  return found;
}

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
function sizeText(bytes: number): string {
  return { 4096: "4 KiB", [2 ** 21]: "2 MiB", [2 ** 22]: "4 MiB", [2 ** 30]: "1 GiB" }[bytes] ?? `${bytes} B`;
}
const NOT_CANONICAL =
  "The address is not canonical: bits 48 to 63 are not as bit 47 is, so the processor walks no tables.";

/** Returns the way of a guest-physical address through the second stage, as the hypervisor has read it. */
function secondWalk(address: bigint, entries: readonly WalkedEntry[]): SecondWalk {
  const steps = entries.map(({ address: at, value, frame }, n): WalkStep => {
    const level = (4 - n) as WalkStep["level"];
    const [name, meaning] = SECOND_KINDS[Number((value >> 9n) & 7n)] ?? ["?", "A kind that is none"];
    const present = (value & PRESENT) !== 0n;
    const flags = flagsOf(level, value, COMMON).filter((flag) => ["P", "R/W", "PS"].includes(flag.name));
    return {
      level,
      index: Number((address >> LEVEL_SHIFT[level]) & 511n),
      address: hex64(at),
      value: hex64(value),
      flags: present ? [...flags, { name, meaning }] : [],
      frame: present && frame.count !== 0n ? frameFacts(Number((value & ADDRESS) >> 12n), frame) : null,
      second: null,
    };
  });
  const last = entries.at(-1);
  const step = steps.at(-1);
  const none = (end: string): SecondWalk => ({ address: hex64(address), steps, end, machine: null });
  if (!last || !step) return none("The address is beyond all that a second stage could map.");
  if (!(last.value & PRESENT))
    return none(
      `No memory: L${step.level} entry ${step.index} is not present, and whoever touches it leaves the guest.`,
    );
  const mask = (1n << LEVEL_SHIFT[step.level]) - 1n;
  const machine = (last.value & ADDRESS & ~mask) + (address & mask);
  return {
    address: hex64(address),
    steps,
    end: `Mapped by L${step.level} entry ${step.index}: a page of ${sizeText(Number(mask + 1n))}.`,
    machine: hex64(machine),
  };
}

/** For a PVH vCPU: each entry of its own tables, together with the way through the second stage of the address that the entry names. */
export function twoStageWalk(address: bigint, tables: GuestTables): Walked {
  const { levels, linearBits } = tables.format;
  const second = (physical: bigint): SecondWalk => secondWalk(physical, tables.second(physical));
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
