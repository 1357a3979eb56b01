/** Makes struct hvm_start_info and what it points at: module list, memory map, command lines (public/arch-x86/hvm/start_info.h). */
import * as info from "../../../abi/hvm_start_info.ts";
import type { MemoryRegion } from "../../kernel/hypercalls/frames.ts";
import type { Module } from "../build.ts";

const MODLIST = info.HVM_START_INFO_SIZE;

interface Places {
  map: number;
  /** Address of the kernel's command line, and of each module's if it has one. */
  cmdline: number;
  cmdlines: (number | null)[];
  end: number;
}

const textBytes = (text: string): number => Buffer.byteLength(text) + 1;

function placesOf(cmdline: string, modules: readonly Pick<Module, "cmdline">[], regions: number): Places {
  const map = MODLIST + modules.length * info.HVM_MODLIST_ENTRY_SIZE;
  const first = map + regions * info.HVM_MEMMAP_TABLE_ENTRY_SIZE;
  let end = first + textBytes(cmdline);
  const cmdlines = modules.map(({ cmdline: text }) => {
    if (text === null) return null;
    const at = end;
    end += textBytes(text);
    return at;
  });
  return { map, cmdline: first, cmdlines, end };
}

/** Returns the size of all of it in bytes, with a memory map of so many regions. */
export function startInfoBytes(cmdline: string, modules: readonly Pick<Module, "cmdline">[], regions: number): number {
  return placesOf(cmdline, modules, regions).end;
}

/** Returns its content for guest-physical address `at`. */
export function startInfo(
  at: number,
  cmdline: string,
  rsdp: number,
  modules: readonly (Module & { at: number })[],
  map: readonly MemoryRegion[],
): Buffer {
  const places = placesOf(cmdline, modules, map.length);
  const bytes = Buffer.alloc(places.end);
  const put = (offset: number, value: number): number => bytes.writeBigUInt64LE(BigInt(value), offset);
  bytes.writeUInt32LE(info.XEN_HVM_START_MAGIC_VALUE, info.HVM_START_INFO_MAGIC);
  bytes.writeUInt32LE(1, info.HVM_START_INFO_VERSION);
  bytes.writeUInt32LE(modules.length, info.HVM_START_INFO_NR_MODULES);
  put(info.HVM_START_INFO_MODLIST_PADDR, modules.length > 0 ? at + MODLIST : 0);
  put(info.HVM_START_INFO_CMDLINE_PADDR, at + places.cmdline);
  put(info.HVM_START_INFO_RSDP_PADDR, rsdp);
  put(info.HVM_START_INFO_MEMMAP_PADDR, at + places.map);
  bytes.writeUInt32LE(map.length, info.HVM_START_INFO_MEMMAP_ENTRIES);
  modules.forEach((module, i) => {
    const entry = MODLIST + i * info.HVM_MODLIST_ENTRY_SIZE;
    put(entry + info.HVM_MODLIST_ENTRY_PADDR, module.at);
    put(entry + info.HVM_MODLIST_ENTRY_SIZE_MEMBER, module.bytes.length);
    const text = places.cmdlines[i] ?? null;
    put(entry + info.HVM_MODLIST_ENTRY_CMDLINE_PADDR, text === null ? 0 : at + text);
    if (text !== null) bytes.write(module.cmdline!, text, "utf8");
  });
  map.forEach(({ start, bytes: length, type }, i) => {
    const entry = places.map + i * info.HVM_MEMMAP_TABLE_ENTRY_SIZE;
    put(entry + info.HVM_MEMMAP_TABLE_ENTRY_ADDR, start);
    put(entry + info.HVM_MEMMAP_TABLE_ENTRY_SIZE_MEMBER, length);
    bytes.writeUInt32LE(type, entry + info.HVM_MEMMAP_TABLE_ENTRY_TYPE);
  });
  bytes.write(cmdline, places.cmdline, "utf8");
  return bytes;
}
