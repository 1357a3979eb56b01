/**
 * The machine-to-physical table: a u64 for each machine frame, in 2 MiB aligned frames of its own. Every PV domain sees it read-only at
 * HYPERVISOR_VIRT_START, through one shared L3 table.
 */
import { FIRST_RESERVED_GDT_BYTE, FLAT_RING3_CS32, FLAT_RING3_CS64, FLAT_RING3_SS32 } from "../../abi/arch_x86";
import {
  PAGE_SHIFT,
  ROOT_GDT_FRAME,
  ROOT_M2P,
  ROOT_M2P_FRAMES,
  ROOT_M2P_L3,
  ROOT_ZERO_FRAME,
  frameAddress,
  totalFrames,
} from "./frames";
import { PTE_A, PTE_D, PTE_NX, PTE_P, PTE_US } from "./pte";

export const INVALID_M2P_ENTRY: u64 = 0xffffffffffffffff;
export const MACH2PHYS_VIRT_START: u64 = 0xffff800000000000;
const LARGE: usize = 0x200000;

/** Places the table and what belongs to it from `start` on. Returns the first address after it. Called during boot only. */
export function m2pInit(start: usize): usize {
  let at = start;
  store<u32>(ROOT_M2P_L3, <u32>(at >> PAGE_SHIFT));
  const l3 = at;
  const l2 = at + 4096;
  store<u32>(ROOT_GDT_FRAME, <u32>((at + 8192) >> PAGE_SHIFT));
  store<u32>(ROOT_ZERO_FRAME, <u32>((at + 12288) >> PAGE_SHIFT));
  gdtPageInit(at + 8192);
  // L1 tables are used rather than 2 MiB entries, because INVLPG of the engine has to flush everything while there is a large translation.
  const l1 = at + 16384;
  const bytes = (<usize>totalFrames() * 8 + LARGE - 1) & ~(LARGE - 1);
  at = l1 + (bytes / LARGE) * 4096;
  const table = (at + LARGE - 1) & ~(LARGE - 1);
  store<u32>(ROOT_M2P, <u32>table);
  store<u32>(ROOT_M2P_FRAMES, <u32>(bytes >> PAGE_SHIFT));
  memory.fill(table, 0xff, <usize>totalFrames() * 8);
  store<u64>(l3, (<u64>l2) | PTE_P | PTE_US | PTE_A);
  for (let offset: usize = 0; offset < bytes; offset += LARGE)
    store<u64>(l2 + (offset / LARGE) * 8, (<u64>(l1 + (offset / LARGE) * 4096)) | PTE_P | PTE_US | PTE_A);
  for (let offset: usize = 0; offset < bytes; offset += 4096)
    store<u64>(l1 + (offset / 4096) * 8, (<u64>(table + offset)) | PTE_P | PTE_US | PTE_A | PTE_D | PTE_NX);
  return table + bytes;
}

/** Xen's own selectors: code, data, and code of its compatibility mode (xen/arch/x86/include/asm/desc.h). */
const HYPERVISOR_CS: usize = 0xe008;
const HYPERVISOR_DS: usize = 0xe010;
const HYPERVISOR_CS32: usize = 0xe038;

// @ts-ignore: decorator
@inline
function describe(page: usize, selector: usize, descriptor: u64): void {
  store<u64>(page + ((selector & ~7) - FIRST_RESERVED_GDT_BYTE), descriptor);
}

/** Fills page FIRST_RESERVED_GDT_PAGE of every vCPU's GDT. */
function gdtPageInit(page: usize): void {
  describe(page, HYPERVISOR_CS, 0x00af9b000000ffff);
  describe(page, HYPERVISOR_DS, 0x00cf93000000ffff);
  describe(page, FLAT_RING3_CS32, 0x00cffb000000ffff);
  describe(page, FLAT_RING3_SS32, 0x00cff3000000ffff);
  describe(page, FLAT_RING3_CS64, 0x00affb000000ffff);
  describe(page, HYPERVISOR_CS32, 0x00cf9b000000ffff);
}

// @ts-ignore: decorator
@inline
export function m2pAddress(mfn: u32): usize {
  return <usize>load<u32>(ROOT_M2P) + <usize>mfn * 8;
}
/** `mfn` must be valid. */
// @ts-ignore: decorator
@inline
export function m2pSet(mfn: u32, gpfn: u64): void {
  store<u64>(m2pAddress(mfn), gpfn);
}
// @ts-ignore: decorator
@inline
export function m2pGet(mfn: u32): u64 {
  return load<u64>(m2pAddress(mfn));
}

/** The first mfn and the number of frames of the table itself. */
export function m2pFirstFrame(): u32 {
  return load<u32>(ROOT_M2P) >> PAGE_SHIFT;
}
export function m2pFrames(): u32 {
  return load<u32>(ROOT_M2P_FRAMES);
}

/** Returns the L4 entry for slot 256. */
export function m2pL4Entry(): u64 {
  return (<u64>frameAddress(load<u32>(ROOT_M2P_L3))) | PTE_P | PTE_US | PTE_A;
}
/** The frame with Xen's reserved descriptors, and the frame of zeros. */
export function reservedGdtFrame(): u32 {
  return load<u32>(ROOT_GDT_FRAME);
}
export function zeroFrame(): u32 {
  return load<u32>(ROOT_ZERO_FRAME);
}
