/** struct hvm_start_info and what it points at: module list, command line, memory map (public/arch-x86/hvm/start_info.h). */
import * as info from "../../../abi/hvm_start_info.ts";
import type { MemoryRegion } from "../../kernel/hypercalls/frames.ts";

const MODLIST = info.HVM_START_INFO_SIZE;
const MEMMAP = MODLIST + info.HVM_MODLIST_ENTRY_SIZE;
const REGIONS = 3;
const CMDLINE = MEMMAP + REGIONS * info.HVM_MEMMAP_TABLE_ENTRY_SIZE;

/** Bytes of it all. */
export function startInfoBytes(cmdline: string): number {
  return CMDLINE + Buffer.byteLength(cmdline) + 1;
}

/** As it is to stand at guest-physical address `at`. */
export function startInfo(
  at: number,
  cmdline: string,
  rsdp: number,
  ramdisk: { at: number; bytes: number } | null,
  map: readonly MemoryRegion[],
): Buffer {
  const bytes = Buffer.alloc(startInfoBytes(cmdline));
  const put = (offset: number, value: number): number => bytes.writeBigUInt64LE(BigInt(value), offset);
  bytes.writeUInt32LE(info.XEN_HVM_START_MAGIC_VALUE, info.HVM_START_INFO_MAGIC);
  bytes.writeUInt32LE(1, info.HVM_START_INFO_VERSION);
  bytes.writeUInt32LE(ramdisk ? 1 : 0, info.HVM_START_INFO_NR_MODULES);
  put(info.HVM_START_INFO_MODLIST_PADDR, ramdisk ? at + MODLIST : 0);
  put(info.HVM_START_INFO_CMDLINE_PADDR, at + CMDLINE);
  put(info.HVM_START_INFO_RSDP_PADDR, rsdp);
  put(info.HVM_START_INFO_MEMMAP_PADDR, at + MEMMAP);
  bytes.writeUInt32LE(map.length, info.HVM_START_INFO_MEMMAP_ENTRIES);
  if (ramdisk) {
    put(MODLIST + info.HVM_MODLIST_ENTRY_PADDR, ramdisk.at);
    put(MODLIST + info.HVM_MODLIST_ENTRY_SIZE_MEMBER, ramdisk.bytes);
  }
  map.forEach(({ start, bytes: length, type }, i) => {
    const entry = MEMMAP + i * info.HVM_MEMMAP_TABLE_ENTRY_SIZE;
    put(entry + info.HVM_MEMMAP_TABLE_ENTRY_ADDR, start);
    put(entry + info.HVM_MEMMAP_TABLE_ENTRY_SIZE_MEMBER, length);
    bytes.writeUInt32LE(type, entry + info.HVM_MEMMAP_TABLE_ENTRY_TYPE);
  });
  bytes.write(cmdline, CMDLINE, "utf8");
  return bytes;
}
