/**
 * Where everything goes in a new PVH domain, as in libxenguest: memory from 0 on, the kernel where its file says, then the ramdisk and
 * hvm_start_info; ACPI tables and the special pages are high up. This is pure arithmetic, in guest-physical bytes.
 */
import {
  XEN_HVM_MEMMAP_TYPE_ACPI,
  XEN_HVM_MEMMAP_TYPE_RAM,
  XEN_HVM_MEMMAP_TYPE_RESERVED,
} from "../../../abi/hvm_start_info.ts";
import type { MemoryRegion } from "../../kernel/hypercalls/frames.ts";
import { PAGE_SIZE } from "../../kernel/memory.ts";
import { ImageError, type ElfImage } from "../elf.ts";
import { ACPI_END, ACPI_START } from "./acpi.ts";

/** Pages that Xen and its tools share with the guest: the frame of the first one, and how many there are. */
export const SPECIAL_FIRST = 0xfeff8;
export const SPECIAL_PAGES = 8;
export const STORE_PAGE = SPECIAL_FIRST + 4;
export const CONSOLE_PAGE = SPECIAL_FIRST + 7;
/** The frame at which the builder maps something temporarily, or one below it where a guest has put its memory there. */
export const PASSING_PAGE = SPECIAL_FIRST - 1;
/** Memory ends below this and goes on at 4 GiB. The ACPI tables, the special pages and the local APIC lie in the hole between. */
const LOW_END = 0xf0000000;
const HIGH_START = 2 ** 32;

/** MiB that a domain may be told of (maxmem): four times what the largest host has. A guest keeps a 64th of it for its frames' own structures. */
export const MOST_MEMORY_MIB = 16384;
/** Frame numbers that a domain with so much has. */
export const MOST_GFNS = (MOST_MEMORY_MIB * 2 ** 20 + HIGH_START - LOW_END) / PAGE_SIZE;

/** Guest frames `first` to `first + count - 1`. */
export interface FrameRange {
  first: number;
  count: number;
}

/** Where the first `pages` of a domain's memory are, on both sides of the hole. */
export function memoryRanges(pages: number): FrameRange[] {
  const low = Math.min(pages, LOW_END / PAGE_SIZE);
  return [
    { first: 0, count: low },
    { first: HIGH_START / PAGE_SIZE, count: pages - low },
  ].filter(({ count }) => count > 0);
}

/** libxl's shadow memory: 1 MiB for each vCPU, and 8 KiB for each MiB of memory. */
const POOL_PER_VCPU = 2 ** 20;
const POOL_PER_MIB = 2 * PAGE_SIZE;

/** Returns how many bytes of tables the second stage of a domain with so many pages and vCPUs may have. */
export function pagingPool(pages: number, vcpus: number): number {
  return vcpus * POOL_PER_VCPU + Math.ceil(pages / 256) * POOL_PER_MIB;
}

/** Pages that a domain has besides its memory. */
export const EXTRA_PAGES = SPECIAL_PAGES + Math.ceil((ACPI_END - ACPI_START) / PAGE_SIZE);
/** Tables below 4 GiB: the first two, one for each GiB, those of the hole's pages, and some for memory that is not in pieces of 2 MiB. */
const LOW_TABLES = 16;
/** Guest frames of which one table of level 2 tells: 1 GiB. */
const TABLE_FRAMES = 512 * 512;

/**
 * Returns how many tables the second stage of a domain that may have so many pages comes to at least. A piece of 2 MiB of which the domain gives back
 * some frames needs one more, so a domain that gives memory back frame by frame comes to up to one for each 2 MiB of its maxmem.
 */
export function leastTables(mostPages: number): number {
  const [, high] = memoryRanges(mostPages);
  return LOW_TABLES + Math.ceil((high?.count ?? 0) / TABLE_FRAMES);
}

export interface PvhLayout {
  /** The kernel's segments: their place in the file, and the guest-physical address. */
  segments: { at: number; offset: number; length: number }[];
  /** Address of each module, in order. */
  modules: number[];
  startInfo: number;
}

/**
 * Lays out a domain whose initial content lies within its first `totalPages`. `startInfoBytes` is the size of hvm_start_info with all that it points
 * at. Throws ImageError when it does not fit.
 */
export function layoutPvh(
  kernel: ElfImage,
  totalPages: number,
  moduleBytes: readonly number[],
  startInfoBytes: number,
): PvhLayout {
  // All that it begins with is named by 32 bits, and lies below the hole.
  const end = Math.min(totalPages * PAGE_SIZE, LOW_END);
  if (kernel.segments.length === 0)
    throw new ImageError("This ELF file has nothing to load: no writable or executable segment.");
  let next = 0;
  const segments = kernel.segments.map(({ physicalAddress, memorySize, offset, fileSize }) => {
    const last = physicalAddress + memorySize;
    if (last > BigInt(end))
      throw new ImageError(
        `The kernel is to be loaded up to ${Math.ceil(Number(last) / 2 ** 20)} MiB, and the domain has ${Math.floor(end / 2 ** 20)} MiB of memory.`,
      );
    next = Math.max(next, Number(last));
    return { at: Number(physicalAddress), offset, length: fileSize };
  });
  const take = (bytes: number): number => {
    const at = Math.ceil(next / PAGE_SIZE) * PAGE_SIZE;
    next = at + bytes;
    return at;
  };
  const modules = moduleBytes.map(take);
  const startInfo = take(startInfoBytes);
  if (next > end)
    throw new ImageError(
      `The domain's ${Math.floor(end / 2 ** 20)} MiB of memory are too few: kernel and ramdisk need ${Math.ceil(next / 2 ** 20)} MiB.`,
    );
  return { segments, modules, startInfo };
}

/** The memory map that a PVH domain is told which may have so many pages, by hvm_start_info and by XENMEM_memory_map. */
export function pvhMemoryMap(mostPages: number): MemoryRegion[] {
  const ram = memoryRanges(mostPages).map(({ first, count }) => ({
    start: first * PAGE_SIZE,
    bytes: count * PAGE_SIZE,
    type: XEN_HVM_MEMMAP_TYPE_RAM,
  }));
  return [
    ...ram.slice(0, 1),
    { start: ACPI_START, bytes: ACPI_END - ACPI_START, type: XEN_HVM_MEMMAP_TYPE_ACPI },
    { start: SPECIAL_FIRST * PAGE_SIZE, bytes: SPECIAL_PAGES * PAGE_SIZE, type: XEN_HVM_MEMMAP_TYPE_RESERVED },
    ...ram.slice(1),
  ];
}
