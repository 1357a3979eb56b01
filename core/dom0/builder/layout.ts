/**
 * Where everything goes in a new 64-bit PV domain, in the order and with the roundings of libxenguest: kernel, ramdisk, P2M list, start_info,
 * xenstore, console, page tables, boot stack. All of it is mapped, up to a multiple of 4 MiB that leaves at least 512 KiB free. This is pure
 * arithmetic: pages are pfns, addresses are virtual, as bigint.
 */
import { ImageError } from "./elf.ts";
import type { PvParameters } from "./notes.ts";

const PAGE = 4096n;
const FOUR_MIB = 1n << 22n;
const SLACK = 512n * 1024n;
/** How many address bits one entry of a table of level 1 to 4 spans. */
const LEVEL_SHIFT: readonly bigint[] = [12n, 21n, 30n, 39n];

/** Pages `pfn` to `pfn + pages - 1`. `address` is null where nothing maps them. */
export interface Segment {
  pfn: number;
  pages: number;
  address: bigint | null;
}

/** A page with a page table, which maps the addresses from `base` on. Level 1 is the lowest. */
export interface PageTable {
  level: 1 | 2 | 3 | 4;
  base: bigint;
  pfn: number;
}

export interface PvLayout {
  kernel: Segment;
  ramdisk: Segment | null;
  p2m: Segment;
  /** Number of pages of the P2M with the page tables that map them, if INIT_P2M has it elsewhere; otherwise 0. */
  p2mFrames: number;
  startInfo: Segment;
  xenstore: Segment;
  console: Segment;
  pageTables: Segment;
  bootStack: Segment;
  /** Every table, with the L4 first. */
  tables: PageTable[];
  /** The ranges that the tables map: pages from `pfn` on, at `start` up to `end` (exclusive). */
  mappings: { start: bigint; end: bigint; pfn: number }[];
}

/** Lays out a domain of `totalPages`. `ramdiskBytes` is null for none. Throws ImageError when it does not fit. */
export function layoutPv(parameters: PvParameters, totalPages: number, ramdiskBytes: number | null): PvLayout {
  const { virtBase } = parameters;
  let nextPfn = 0;
  const addressOf = (pfn: number): bigint => virtBase + BigInt(pfn) * PAGE;
  const take = (bytes: bigint | number, mapped = true): Segment => {
    const pages = Number((BigInt(bytes) + PAGE - 1n) / PAGE);
    const segment = { pfn: nextPfn, pages, address: mapped ? addressOf(nextPfn) : null };
    nextPfn += pages;
    return segment;
  };

  // The pages below the kernel belong to the initial mapping too.
  nextPfn = Number((parameters.kernelStart - virtBase) / PAGE);
  const kernel = take(parameters.kernelEnd - (parameters.kernelStart & ~(PAGE - 1n)));
  const unmappedRamdisk = ramdiskBytes !== null && parameters.modStartPfn;
  let ramdisk = ramdiskBytes !== null && !unmappedRamdisk ? take(ramdiskBytes) : null;
  const p2mBytes = totalPages * 8;
  let p2m = parameters.initP2m === null ? take(p2mBytes) : null;
  const startInfo = take(PAGE);
  const xenstore = take(PAGE);
  const console = take(PAGE);

  // The tables map themselves, so their number and the end of the mapping are determined together.
  const firstTable = nextPfn;
  let tables: PageTable[] = [];
  let end = 0n;
  for (let pages = 1n + SLACK / PAGE; ; pages = BigInt(tables.length) + 1n + SLACK / PAGE) {
    end = roundUp(addressOf(firstTable) + pages * PAGE, FOUR_MIB);
    tables = tablesFor([], virtBase, end, firstTable);
    if (addressOf(firstTable) + (BigInt(tables.length) + 1n + SLACK / PAGE) * PAGE <= end) break;
  }
  const pageTables = take(tables.length * 4096);
  const bootStack = take(PAGE);
  nextPfn = Number((end - virtBase) / PAGE);

  if (unmappedRamdisk) ramdisk = take(ramdiskBytes, false);
  const mappings = [{ start: virtBase, end, pfn: 0 }];
  let p2mFrames = 0;
  if (!p2m) {
    const start = parameters.initP2m!;
    p2m = { ...take(p2mBytes, false), address: start };
    const p2mEnd = start + BigInt(p2m.pages) * PAGE;
    const more = tablesFor(tables, start, p2mEnd, nextPfn);
    p2mFrames = p2m.pages + more.length;
    take(more.length * 4096, false);
    tables = [...tables, ...more];
    mappings.push({ start, end: p2mEnd, pfn: p2m.pfn });
  }
  if (nextPfn > totalPages) {
    const need = Math.ceil(nextPfn / 256);
    throw new ImageError(
      `The domain's ${Math.floor(totalPages / 256)} MiB of memory are too few: kernel, ramdisk and page tables need ${need} MiB.`,
    );
  }
  return { kernel, ramdisk, p2m, p2mFrames, startInfo, xenstore, console, pageTables, bootStack, tables, mappings };
}

function roundUp(value: bigint, unit: bigint): bigint {
  return ((value + unit - 1n) / unit) * unit;
}

/** Returns the tables that mapping `start` to `end` needs besides the existing ones: top level first, in pages from `pfn` on. */
function tablesFor(existing: readonly PageTable[], start: bigint, end: bigint, pfn: number): PageTable[] {
  const tables: PageTable[] = [];
  let next = pfn;
  for (const level of [4, 3, 2, 1] as const) {
    // The L4 table spans all addresses.
    const span = level === 4 ? 1n << 64n : 1n << LEVEL_SHIFT[level]!;
    for (let base = (start / span) * span; base < end; base += span) {
      if (existing.some((table) => table.level === level && table.base === base)) continue;
      tables.push({ level, base, pfn: next++ });
    }
  }
  return tables;
}

export const PAGE_PRESENT = 1n;
export const PAGE_RW = 2n;
export const PAGE_USER = 4n;
export const PAGE_ACCESSED = 0x20n;
export const PAGE_DIRTY = 0x40n;

/** Fills the page of one table, 512 entries. Pages of tables are mapped read-only, as Xen demands of a PV domain. */
export function fillTable(
  layout: PvLayout,
  table: PageTable,
  mfnOf: (pfn: number) => number,
  put: (index: number, entry: bigint) => void,
): void {
  const shift = LEVEL_SHIFT[table.level - 1]!;
  const entryFor = (pfn: number, flags: bigint): bigint => (BigInt(mfnOf(pfn)) << 12n) | flags;
  if (table.level > 1) {
    for (const child of layout.tables) {
      if (child.level !== table.level - 1) continue;
      if (table.level < 4 && child.base >> LEVEL_SHIFT[table.level]! !== table.base >> LEVEL_SHIFT[table.level]!)
        continue;
      const index = Number((child.base >> shift) & 511n);
      put(index, entryFor(child.pfn, PAGE_PRESENT | PAGE_RW | PAGE_USER | PAGE_ACCESSED | PAGE_DIRTY));
    }
    return;
  }
  const { pageTables } = layout;
  for (const { start, end, pfn } of layout.mappings) {
    const from = start > table.base ? start : table.base;
    const spanEnd = table.base + (PAGE << 9n);
    const to = end < spanEnd ? end : spanEnd;
    for (let address = from; address < to; address += PAGE) {
      const page = pfn + Number((address - start) / PAGE);
      const isTable = page >= pageTables.pfn && page < pageTables.pfn + pageTables.pages;
      const flags = PAGE_PRESENT | PAGE_ACCESSED | (isTable ? 0n : PAGE_RW);
      put(Number((address >> shift) & 511n), entryFor(page, flags));
    }
  }
}
