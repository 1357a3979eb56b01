/**
 * The model-specific registers that the engine itself has: those used by SYSCALL, SYSENTER and segments, EFER, PAT and TSC_AUX. All others belong to
 * the platform.
 */
import { cpu } from "./machine";
import { isCanonical } from "./paging/format";
import {
  CPU_CSTAR,
  CPU_EFER,
  CPU_FMASK,
  CPU_KERNEL_GS_BASE,
  CPU_LSTAR,
  CPU_PAT,
  CPU_SEG,
  CPU_STAR,
  CPU_SYSENTER_CS,
  CPU_SYSENTER_EIP,
  CPU_SYSENTER_ESP,
  CPU_TSC_AUX,
  FS,
  GS,
  SEG_BASE,
  SEG_SIZE,
} from "./state";
import { writeEfer } from "./control_registers";

export const MSR_SYSENTER_CS: u32 = 0x174;
const MSR_SYSENTER_ESP: u32 = 0x175;
export const MSR_SYSENTER_EIP: u32 = 0x176;
export const MSR_PAT: u32 = 0x277;
export const MSR_EFER: u32 = 0xc0000080;
export const MSR_STAR: u32 = 0xc0000081;
const MSR_LSTAR: u32 = 0xc0000082;
const MSR_CSTAR: u32 = 0xc0000083;
export const MSR_FMASK: u32 = 0xc0000084;
export const MSR_FS_BASE: u32 = 0xc0000100;
export const MSR_GS_BASE: u32 = 0xc0000101;
export const MSR_KERNEL_GS_BASE: u32 = 0xc0000102;
export const MSR_TSC_AUX: u32 = 0xc0000103;

/** Returns the offset of the register in the vCPU's state, 0 if the engine does not have it. */
function placeOf(number: u32): usize {
  switch (number) {
    case MSR_SYSENTER_CS:
      return CPU_SYSENTER_CS;
    case MSR_SYSENTER_ESP:
      return CPU_SYSENTER_ESP;
    case MSR_SYSENTER_EIP:
      return CPU_SYSENTER_EIP;
    case MSR_PAT:
      return CPU_PAT;
    case MSR_EFER:
      return CPU_EFER;
    case MSR_STAR:
      return CPU_STAR;
    case MSR_LSTAR:
      return CPU_LSTAR;
    case MSR_CSTAR:
      return CPU_CSTAR;
    case MSR_FMASK:
      return CPU_FMASK;
    case MSR_FS_BASE:
      return CPU_SEG + FS * SEG_SIZE + SEG_BASE;
    case MSR_GS_BASE:
      return CPU_SEG + GS * SEG_SIZE + SEG_BASE;
    case MSR_KERNEL_GS_BASE:
      return CPU_KERNEL_GS_BASE;
    case MSR_TSC_AUX:
      return CPU_TSC_AUX;
    default:
      return 0;
  }
}

export function hasMsr(number: u32): bool {
  return placeOf(number) != 0;
}

/** The engine must have the register. */
export function readMsr(number: u32): u64 {
  const place = placeOf(number);
  return number == MSR_TSC_AUX ? load<u32>(cpu + place) : load<u64>(cpu + place);
}

/** Returns false for a value that is not allowed (#GP(0)). The engine must have the register. */
export function writeMsr(number: u32, value: u64): bool {
  switch (number) {
    case MSR_EFER:
      return writeEfer(value);
    case MSR_SYSENTER_ESP:
    case MSR_SYSENTER_EIP:
    case MSR_LSTAR:
    case MSR_CSTAR:
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case MSR_KERNEL_GS_BASE:
      if (!isCanonical(value)) return false;
      break;
    case MSR_FMASK:
      if (value >> 32) return false;
      break;
    case MSR_TSC_AUX:
      if (value >> 32) return false;
      store<u32>(cpu, <u32>value, CPU_TSC_AUX);
      return true;
    case MSR_PAT:
      if (!isPat(value)) return false;
      break;
    default:
      break;
  }
  store<u64>(cpu + placeOf(number), value);
  return true;
}

/** The register has eight memory types, of which 2 and 3 are invalid. */
export function isPat(value: u64): bool {
  for (let i: u64 = 0; i < 64; i += 8) {
    const type = (<u32>(value >> i)) & 0xff;
    if (type > 7 || type == 2 || type == 3) return false;
  }
  return true;
}
