/**
 * The way of a guest-physical address through a PVH domain's second stage, in words. What an entry is for has the names of Xen's types of guest frames
 * (p2m_type_t in its asm-x86/p2m.h, without "p2m_").
 */
import type { WalkedEntry } from "../../dom0/kernel/inspector.ts";
import { ADDRESS, COMMON, LEVEL_SHIFT, PRESENT, flagsOf, sizeText } from "./entry-words.ts";
import { frameFacts } from "./frame-facts.ts";
import { hex64 } from "./hex.ts";
import type { SecondWalk, WalkStep } from "./report.ts";

/** By bits 9 to 11 of an entry (core/hypervisor/p2m/entry.ts). */
const KINDS: readonly (readonly [name: string, meaning: string])[] = [
  ["table", "Leads to another table"],
  ["ram_rw", "Memory of the domain’s own, or of Xen’s that is shared with it"],
  ["grant_map_rw", "Another domain’s grant, which may be written"],
  ["grant_map_ro", "Another domain’s grant, which may be read"],
  ["populate_on_demand", "Memory that the domain gets when it is first touched"],
  ["ram_shared", "Memory that copies of a domain share, read-only, until one of them writes to it"],
];
const ON_DEMAND = 4;
const SHARED = 5;

function kindOf(entry: bigint): number {
  return Number((entry >> 9n) & 7n);
}
/** The level of the last entry of a walk. */
function lastLevel(entries: readonly WalkedEntry[]): WalkStep["level"] {
  return (5 - entries.length) as WalkStep["level"];
}

/** Returns the machine address that a walk leads to; null if nothing is mapped. */
export function machineAddress(address: bigint, entries: readonly WalkedEntry[]): bigint | null {
  const last = entries.at(-1);
  if (!last || !(last.value & PRESENT)) return null;
  const mask = (1n << LEVEL_SHIFT[lastLevel(entries)]) - 1n;
  return (last.value & ADDRESS & ~mask) + (address & mask);
}

function domains(domids: readonly number[]): string {
  if (domids.length === 1) return `domain ${domids[0]}`;
  return `domains ${domids.slice(0, -1).join(", ")} and ${domids.at(-1)}`;
}

/**
 * Returns the way of an address, as the hypervisor has read it. `sharers` returns the other domains that have a shared machine frame at the same
 * address.
 */
export function secondWalk(
  address: bigint,
  entries: readonly WalkedEntry[],
  sharers: (mfn: number) => readonly number[],
): SecondWalk {
  const steps = entries.map(({ address: at, value, frame }, n): WalkStep => {
    const level = (4 - n) as WalkStep["level"];
    const [name, meaning] = KINDS[kindOf(value)] ?? ["?", "A kind that is none"];
    const present = (value & PRESENT) !== 0n;
    const flags = flagsOf(level, value, COMMON).filter((flag) => ["P", "R/W", "PS"].includes(flag.name));
    return {
      level,
      index: Number((address >> LEVEL_SHIFT[level]) & 511n),
      address: hex64(at),
      value: hex64(value),
      flags: present || kindOf(value) === ON_DEMAND ? [...flags, { name, meaning }] : [],
      frame: present && frame.count !== 0n ? frameFacts(Number((value & ADDRESS) >> 12n), frame) : null,
      second: null,
    };
  });
  const last = entries.at(-1);
  const step = steps.at(-1);
  const machine = machineAddress(address, entries);
  const walk = (end: string): SecondWalk => ({
    ...{ address: hex64(address), steps, end },
    machine: machine === null ? null : hex64(machine),
  });
  if (!last || !step) return walk("The address is beyond all that a second stage could map.");
  const place = `L${step.level} entry ${step.index}`;
  const size = sizeText(2 ** Number(LEVEL_SHIFT[step.level]));
  if (kindOf(last.value) === ON_DEMAND)
    return walk(`Populated on demand, by ${place} for ${size}: the domain gets memory here when it is first touched.`);
  if (machine === null) return walk(`No memory: ${place} is not present, and whoever touches it leaves the guest.`);
  if (kindOf(last.value) !== SHARED) return walk(`Mapped by ${place}: a page of ${size}.`);
  const others = sharers(Number(machine >> 12n));
  const whom = others.length ? `shared with ${domains(others)}` : "which other domains had too";
  return walk(`Mapped by ${place}: a page of ${size}, ${whom}; whoever writes to it gets a copy.`);
}
