/**
 * The platform's MSRs that are the same for all types of guests: what they read, and what writing them does. Each type's own `msr.ts` has what it
 * adds or wants otherwise, and asks here for the rest. Numbers: Intel's manual, volume 4. Which exist: Xen 4.17's policy on an Intel processor.
 */
import { Vcpu } from "../domain/domain";
import { writeHypercallPage } from "./hypercall_page";

export const MSR_TSC: u32 = 0x10;
const MSR_PLATFORM_ID: u32 = 0x17;
export const MSR_APIC_BASE: u32 = 0x1b;
const MSR_FEATURE_CONTROL: u32 = 0x3a;
export const MSR_UCODE_REV: u32 = 0x8b;
export const MSR_MCG_CAP: u32 = 0x179;
const MSR_MCG_STATUS: u32 = 0x17a;
const MSR_MCG_CTL: u32 = 0x17b;
export const MSR_MISC_ENABLE: u32 = 0x1a0;
const MSR_MC0_CTL2: u32 = 0x280;
const MSR_MC0_CTL: u32 = 0x400;
const MSR_HYPERCALL_PAGE: u32 = 0x40000000;

/** FEATURE_CONTROL: locked, with no feature enabled. */
const LOCKED: u64 = 1;
const MICROCODE: u64 = (<u64>1) << 32;
/** Two banks, CMCI, threshold-based status, recovery: what Xen's virtual machine check reports on Intel. */
const MCG_CAP: u64 = 0x1000c02;
const MC_BANKS: u32 = 2;
/** Each bank has four registers: control, status, address and details of an error. */
const BANK_MSRS: u32 = 4;

/** The value read by the last readPlatformMsr() that returned true. */
export let platformValue: u64 = 0;

/** Whether `msr` is one of `count` registers from `first` on. */
// @ts-ignore: decorator
@inline
export function among(msr: u32, first: u32, count: u32): bool {
  return msr - first < count;
}

/**
 * `banks` is the number of machine-check banks that the type of guest can name; those after the second one read as zero. Returns false if the
 * register is none of these.
 */
export function readPlatformMsr(v: Vcpu, msr: u32, banks: u32): bool {
  platformValue = 0;
  switch (msr) {
    case MSR_PLATFORM_ID:
    case MSR_MCG_CTL:
    case MSR_HYPERCALL_PAGE:
      return true;
    case MSR_FEATURE_CONTROL:
      platformValue = LOCKED;
      return true;
    case MSR_UCODE_REV:
      platformValue = MICROCODE;
      return true;
    case MSR_MCG_CAP:
      platformValue = MCG_CAP;
      return true;
    case MSR_MCG_STATUS:
      platformValue = v.mcgStatus;
      return true;
    default:
      break;
  }
  if (among(msr, MSR_MC0_CTL2, banks)) return true;
  if (!among(msr, MSR_MC0_CTL, banks * BANK_MSRS)) return false;
  // The control registers read as "all errors are reported"; the other registers of the banks read as "none has happened".
  if (!(msr & 3) && msr - MSR_MC0_CTL < MC_BANKS * BANK_MSRS) platformValue = 0xffffffffffffffff;
  return true;
}

/** Results of writePlatformMsr(). */
export const MSR_WRITTEN: u32 = 0;
/** The guest gets #GP. */
const MSR_REFUSED: u32 = 1;
/** The register is none of these. */
export const MSR_OTHER: u32 = 2;

export function writePlatformMsr(v: Vcpu, msr: u32, value: u64, banks: u32): u32 {
  switch (msr) {
    case MSR_MCG_CTL:
      return MSR_WRITTEN;
    case MSR_MCG_STATUS:
      v.mcgStatus = value;
      return MSR_WRITTEN;
    case MSR_HYPERCALL_PAGE:
      // There is only one hypercall page, number 0, which the low bits name.
      return !(value & 4095) && writeHypercallPage(v.domain, value >> 12) ? MSR_WRITTEN : MSR_REFUSED;
    default:
      break;
  }
  if (among(msr, MSR_MC0_CTL2, banks)) return MSR_WRITTEN;
  if (!among(msr, MSR_MC0_CTL, banks * BANK_MSRS)) return MSR_OTHER;
  // Status, address and details of an error can only be cleared.
  return !(msr & 3) || value == 0 ? MSR_WRITTEN : MSR_REFUSED;
}
