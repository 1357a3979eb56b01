/** RDMSR and WRMSR of a PV kernel. Numbers: SDM volume 4; what is allowed: Xen's policy for PV guests. */
import { isCanonical } from "../../machine/cpu/mmu";
import { CPU_EFER, CPU_KERNEL_GS_BASE, CPU_PAT, CPU_TSC_AUX, FS, GS, SEG_BASE } from "../../machine/cpu/state";
import { Vcpu } from "../domain/domain";
import { segmentOf } from "./segments";
import { readDomainTsc } from "./tsc";

const MSR_TSC: u32 = 0x10;
const MSR_APIC_BASE: u32 = 0x1b;
const MSR_UCODE_WRITE: u32 = 0x79;
const MSR_UCODE_REV: u32 = 0x8b;
const MSR_PLATFORM_INFO: u32 = 0xce;
const MSR_MISC_ENABLE: u32 = 0x1a0;
const MSR_PAT: u32 = 0x277;
const MSR_EFER: u32 = 0xc0000080;
const MSR_FS_BASE: u32 = 0xc0000100;
const MSR_GS_BASE: u32 = 0xc0000101;
const MSR_KERNEL_GS_BASE: u32 = 0xc0000102;
const MSR_TSC_AUX: u32 = 0xc0000103;

/** Enabled, at the usual address; bit 8 on the boot processor. */
const APIC_BASE: u64 = 0xfee00800;
/** Fast strings; no BTS, no PEBS. */
const MISC_ENABLE: u64 = 1 | (1 << 11) | (1 << 12);

/** Value of the last readMsr that returned true. */
export let msrValue: u64 = 0;

/** Reads into msrValue; false: there is no such register (#GP). */
export function readMsr(v: Vcpu, msr: u32): bool {
  const c = v.cpu;
  switch (msr) {
    case MSR_TSC:
      msrValue = readDomainTsc(v.domain);
      return true;
    case MSR_APIC_BASE:
      msrValue = APIC_BASE | (v.vcpuId == 0 ? 0x100 : 0);
      return true;
    case MSR_UCODE_REV:
      msrValue = (<u64>1) << 32;
      return true;
    case MSR_PLATFORM_INFO:
      msrValue = 0;
      return true;
    case MSR_MISC_ENABLE:
      msrValue = MISC_ENABLE;
      return true;
    case MSR_PAT:
      msrValue = load<u64>(c, CPU_PAT);
      return true;
    case MSR_EFER:
      msrValue = load<u64>(c, CPU_EFER);
      return true;
    case MSR_FS_BASE:
      msrValue = load<u64>(segmentOf(c, FS), SEG_BASE);
      return true;
    case MSR_GS_BASE:
      msrValue = load<u64>(segmentOf(c, GS), SEG_BASE);
      return true;
    case MSR_KERNEL_GS_BASE:
      msrValue = load<u64>(c, CPU_KERNEL_GS_BASE);
      return true;
    case MSR_TSC_AUX:
      msrValue = load<u32>(c, CPU_TSC_AUX);
      return true;
    default:
      return false;
  }
}

/** False: #GP. */
export function writeMsr(v: Vcpu, msr: u32, value: u64): bool {
  const c = v.cpu;
  switch (msr) {
    case MSR_FS_BASE:
      if (!isCanonical(value)) return false;
      store<u64>(segmentOf(c, FS), value, SEG_BASE);
      return true;
    case MSR_GS_BASE:
      if (!isCanonical(value)) return false;
      store<u64>(segmentOf(c, GS), value, SEG_BASE);
      return true;
    case MSR_KERNEL_GS_BASE:
      if (!isCanonical(value)) return false;
      store<u64>(c, value, CPU_KERNEL_GS_BASE);
      return true;
    case MSR_TSC_AUX:
      if (value >> 32) return false;
      store<u32>(c, <u32>value, CPU_TSC_AUX);
      return true;
    case MSR_UCODE_REV:
      // Written with 0 before it is read.
      return value == 0;
    case MSR_UCODE_WRITE:
    case MSR_PLATFORM_INFO:
      return false;
    default:
      // Xen's registers stay as they are; writing what is there already is no change.
      return readMsr(v, msr) && msrValue == value;
  }
}
