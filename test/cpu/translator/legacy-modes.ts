/** The modes of a processor in which programs run for the comparison of translator and interpreter, with segments as they may be found there. */
import * as state from "../../../core/machine/cpu/state.ts";
import type { Machine } from "../machine.ts";
import type { Random } from "./assembler.ts";

/** Where code, data and stack lie: machine memory, and the linear addresses of the same three at which they are found in a mode. */
export interface Places {
  code: number;
  data: number;
  stack: number;
}
export const FRAMES: Places = { code: 0x3a00000, data: 0x3a10000, stack: 0x3a20000 };
export const HIGH: Places = { code: 0x40_0000, data: 0x60_0000, stack: 0x70_0000 };
/** Within the reach of real mode. */
export const LOW: Places = { code: 0x1_0000, data: 0x3_0000, stack: 0x5_0000 };
/** Code, or data and stack, up to the last byte that 32 bits can address. */
export const LAST_CODE: Places = { ...HIGH, code: 0xffff_e000 };
export const LAST_DATA: Places = { ...HIGH, data: 0xffff_e000, stack: 0xffff_d000 };

export interface Segment {
  base: number;
  limit: number;
  attributes: number;
}
/** By the number of the segment register: ES CS SS DS FS GS. */
export type Segments = readonly Segment[];

export interface LegacyMode {
  name: string;
  bits: 16 | 32 | 64;
  places: Places;
  cr0: bigint;
  efer: bigint;
  /** Whether CR3 points at the tables of 3 levels. */
  pae: boolean;
  virtual8086: boolean;
  cpl: 0 | 3;
  segments(random: Random, codeAt: number): Segments;
}

const PAGED = 0x80050033n;
const REAL = 0x32n;
const LONG = 0xd01n;
const NXE = 0x800n;
/** Attributes of segments of CPL 3, accessed: data, expand-down data, read-only data, code; with bits B or D, and G where the limit is not in bytes. */
const DATA = 0xf3;
const EXPAND_DOWN = 0xf7;
const READ_ONLY = 0xf1;
const CODE = 0xfb;
const BIG = 0x400;
const UNUSABLE = 0x8000;
const ALL = 0xffffffff;

const flat = (attributes: number): Segment => ({ base: 0, limit: ALL, attributes });

/** FS and GS as programs have them: thread-local data, or nothing. */
function threadSegment(random: Random, { data }: Places): Segment {
  const kind = random.below(4);
  if (kind === 0) return { base: 0, limit: 0, attributes: UNUSABLE };
  if (kind === 1)
    return { base: data - random.below(0x300), limit: 0xfff + random.below(0x800), attributes: DATA | BIG };
  return { base: data - random.below(0x300), limit: ALL, attributes: DATA | BIG };
}

function flatSegments(random: Random, places: Places): Segments {
  const data = flat(DATA | BIG);
  return [data, flat(CODE | BIG), data, data, threadSegment(random, places), threadSegment(random, places)];
}

/** A data segment around two pages at a linear address: most often all of them and more, sometimes with an end in them, rarely of another kind. */
function dataSegment(random: Random, linear: number, big: number): Segment {
  const before = random.pick([0, 0x10, 0x123, 0x1000]);
  const base = linear - before;
  if (random.chance(6)) return { base, limit: before + random.below(0x400), attributes: EXPAND_DOWN | big };
  if (random.chance(4)) return { base, limit: 0xffff, attributes: READ_ONLY | big };
  if (random.chance(2)) return { base, limit: 0xffff, attributes: UNUSABLE | DATA };
  if (random.chance(15)) return { base, limit: before + 0x200 + random.below(0x1e00), attributes: DATA | big };
  return { base, limit: big && random.chance(50) ? ALL : 0xffff, attributes: DATA | big };
}

/** Segments with bases and limits for 16- or 32-bit code, which begins at the linear address `codeAt`. */
function limitedSegments(random: Random, places: Places, codeAt: number, code: number): Segments {
  const data = dataSegment(random, places.data, random.chance(80) ? BIG : 0);
  const other = (): Segment =>
    random.chance(60) ? data : dataSegment(random, places.data, random.chance(50) ? BIG : 0);
  const base = codeAt - random.pick([0, 0x10, 0x7b, 0x800]);
  const limit = random.chance(10) ? codeAt - base + random.below(200) : code & BIG && random.chance(50) ? ALL : 0xffff;
  const stack = dataSegment(random, places.stack, random.chance(70) === ((code & BIG) !== 0) ? BIG : 0);
  return [other(), { base, limit, attributes: code }, stack, data, other(), other()];
}

/** Segments as real and virtual-8086 mode load them: 16 times the selector, 64 KiB. */
function realSegments(random: Random, { data, stack }: Places, codeAt: number): Segments {
  const at = (linear: number, before: number): Segment => ({
    base: (linear - before) & ~15,
    limit: 0xffff,
    attributes: DATA,
  });
  const other = (): Segment => at(data, random.below(0x400));
  return [other(), at(codeAt, random.below(0x800)), at(stack, 0), at(data, random.below(0x200)), other(), other()];
}

const common = { cr0: PAGED, efer: LONG, pae: false, virtual8086: false, cpl: 3 } as const;

export const LONG_MODE: LegacyMode = {
  ...common,
  name: "64-bit",
  bits: 64,
  places: HIGH,
  segments: () => {
    const data = flat(DATA | BIG);
    return [data, flat(0x2fb), data, data, data, data];
  },
};

export const LEGACY_MODES: readonly LegacyMode[] = [
  { ...common, name: "32-bit compatibility", bits: 32, places: HIGH, segments: (random) => flatSegments(random, HIGH) },
  {
    ...common,
    name: "32-bit protected",
    bits: 32,
    places: HIGH,
    efer: NXE,
    pae: true,
    segments: (random) => flatSegments(random, HIGH),
  },
  {
    ...common,
    name: "32-bit compatibility, code up to 4 GiB",
    bits: 32,
    places: LAST_CODE,
    segments: (random) => flatSegments(random, LAST_CODE),
  },
  {
    ...common,
    name: "32-bit protected, data up to 4 GiB",
    bits: 32,
    places: LAST_DATA,
    efer: NXE,
    pae: true,
    segments: (random) => flatSegments(random, LAST_DATA),
  },
  {
    ...common,
    name: "32-bit with bases and limits",
    bits: 32,
    places: HIGH,
    segments: (random, codeAt) => limitedSegments(random, HIGH, codeAt, CODE | BIG),
  },
  {
    ...common,
    name: "16-bit protected",
    bits: 16,
    places: HIGH,
    segments: (random, codeAt) => limitedSegments(random, HIGH, codeAt, CODE),
  },
  {
    ...common,
    name: "virtual-8086",
    bits: 16,
    places: LOW,
    efer: NXE,
    pae: true,
    virtual8086: true,
    segments: (random, codeAt) => realSegments(random, LOW, codeAt),
  },
  {
    ...common,
    name: "real",
    bits: 16,
    places: FRAMES,
    cr0: REAL,
    efer: 0n,
    cpl: 0,
    segments: (random, codeAt) => realSegments(random, FRAMES, codeAt),
  },
];

const VM = 1 << 17;

/** Puts the machine into a mode with these segments. `root` is what CR3 points at. */
export function enter(m: Machine, mode: LegacyMode, segments: Segments, root: number): void {
  m.set(state.CPU_CR0, mode.cr0);
  m.set(state.CPU_EFER, mode.efer);
  m.set(state.CPU_CR3, BigInt(root));
  m.view.setUint32(m.cpu + state.CPU_CPL, mode.cpl, true);
  segments.forEach(({ base, limit, attributes }, n) => m.segment(n, 0x2b, attributes, BigInt(base), limit));
  m.flags = (m.flags & ~VM) | (mode.virtual8086 ? VM : 0);
}
