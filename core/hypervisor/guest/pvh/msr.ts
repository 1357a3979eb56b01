/**
 * RDMSR and WRMSR of registers that the platform has and not the engine. Numbers: Intel's manual volume 4. Which exist, and what writing them does:
 * Xen 4.17's policy for HVM guests on an Intel processor.
 */
import { CPU_TSC_OFFSET } from "../../../machine/cpu/state";
import { Vcpu } from "../../domain/domain";
import {
  MSR_APIC_BASE,
  MSR_MISC_ENABLE,
  MSR_TSC,
  MSR_UCODE_REV,
  MSR_WRITTEN,
  among,
  platformValue,
  readPlatformMsr,
  writePlatformMsr,
} from "../platform_msr";
import { readDomainTsc } from "../tsc";
import { apicValue, readApicMsr, writeApicBase, writeApicMsr } from "./apic_registers";
import { tscDeadline, writeTscDeadline } from "./apic_timer";
import { hvm, mtrrFixed, mtrrVariable } from "./state";

const MSR_TSC_ADJUST: u32 = 0x3b;
const MSR_MTRR_CAP: u32 = 0xfe;
export const MSR_MTRR_VARIABLE: u32 = 0x200;
const MSR_MTRR_FIXED_64K: u32 = 0x250;
const MSR_MTRR_FIXED_16K: u32 = 0x258;
const MSR_MTRR_FIXED_4K: u32 = 0x268;
export const MSR_MTRR_DEF_TYPE: u32 = 0x2ff;
const MSR_TSC_DEADLINE: u32 = 0x6e0;
const MSR_X2APIC: u32 = 0x800;
const X2APIC_MSRS: u32 = 0x100;

/** The machine-check banks whose registers can be named: those that exist. */
const BANKS: u32 = 2;
export const VARIABLE_MTRRS: u32 = 16;
/** 8 variable ranges, fixed ranges, write-combining. */
export const MTRR_CAP: u64 = 0x508;
/** Write-back by default, and MTRRs on. */
const MTRR_DEFAULT: u64 = 0x806;
/** Fast strings; no BTS, no PEBS. */
const MISC_ENABLE: u64 = 1 | (1 << 11) | (1 << 12);

export function resetMsrs(v: Vcpu): void {
  hvm(v).mtrrDefault = MTRR_DEFAULT;
}

/** Returns the number of the fixed-range register, 0 to 10; -1 if it is none. */
function fixedRange(msr: u32): i32 {
  if (msr == MSR_MTRR_FIXED_64K) return 0;
  if (msr == MSR_MTRR_FIXED_16K || msr == MSR_MTRR_FIXED_16K + 1) return 1 + <i32>(msr - MSR_MTRR_FIXED_16K);
  return msr - MSR_MTRR_FIXED_4K < 8 ? 3 + <i32>(msr - MSR_MTRR_FIXED_4K) : -1;
}

/** The value read by the last readMsr() that returned true. */
export let msrValue: u64 = 0;

/** Returns false if there is no such register (#GP). */
export function readMsr(v: Vcpu, msr: u32): bool {
  const h = hvm(v);
  msrValue = 0;
  switch (msr) {
    case MSR_TSC:
      msrValue = readDomainTsc(v.domain) + load<u64>(v.cpu, CPU_TSC_OFFSET);
      return true;
    case MSR_APIC_BASE:
      msrValue = h.apicBase;
      return true;
    case MSR_TSC_DEADLINE:
      msrValue = tscDeadline(v);
      return true;
    case MSR_TSC_ADJUST:
      msrValue = h.tscAdjust;
      return true;
    case MSR_MTRR_CAP:
      msrValue = MTRR_CAP;
      return true;
    case MSR_MISC_ENABLE:
      msrValue = MISC_ENABLE;
      return true;
    case MSR_MTRR_DEF_TYPE:
      msrValue = h.mtrrDefault;
      return true;
    default:
      break;
  }
  const fixed = fixedRange(msr);
  if (fixed >= 0) msrValue = load<u64>(mtrrFixed(v, <u32>fixed));
  else if (among(msr, MSR_MTRR_VARIABLE, VARIABLE_MTRRS))
    msrValue = load<u64>(mtrrVariable(v, msr - MSR_MTRR_VARIABLE));
  else if (among(msr, MSR_X2APIC, X2APIC_MSRS)) {
    if (!readApicMsr(v, msr - MSR_X2APIC)) return false;
    msrValue = apicValue;
  } else {
    if (!readPlatformMsr(v, msr, BANKS)) return false;
    msrValue = platformValue;
  }
  return true;
}

function isMemoryType(type: u32): bool {
  return type < 7 && type != 2 && type != 3;
}
export function areMemoryTypes(value: u64): bool {
  for (let i: u64 = 0; i < 64; i += 8) if (!isMemoryType((<u32>(value >> i)) & 0xff)) return false;
  return true;
}

/** Moves the TSC. IA32_TSC_ADJUST holds by how much it was moved in total (Intel's manual volume 3, 18.17.3). */
function adjustTsc(v: Vcpu, by: u64): void {
  store<u64>(v.cpu, load<u64>(v.cpu, CPU_TSC_OFFSET) + by, CPU_TSC_OFFSET);
  hvm(v).tscAdjust += by;
}

/** Returns false for #GP. Memory types are stored, but make no difference to an engine without caches. */
export function writeMsr(v: Vcpu, msr: u32, value: u64): bool {
  const h = hvm(v);
  switch (msr) {
    case MSR_TSC:
      adjustTsc(v, value - readDomainTsc(v.domain) - load<u64>(v.cpu, CPU_TSC_OFFSET));
      return true;
    case MSR_TSC_ADJUST:
      adjustTsc(v, value - h.tscAdjust);
      return true;
    case MSR_APIC_BASE:
      return writeApicBase(v, value);
    case MSR_TSC_DEADLINE:
      writeTscDeadline(v, value);
      return true;
    case MSR_UCODE_REV:
    case MSR_MISC_ENABLE:
      return true;
    case MSR_MTRR_DEF_TYPE:
      if (value & ~(<u64>0xcff) || !isMemoryType((<u32>value) & 0xff)) return false;
      h.mtrrDefault = value;
      return true;
    default:
      break;
  }
  const fixed = fixedRange(msr);
  if (fixed >= 0) {
    if (!areMemoryTypes(value)) return false;
    store<u64>(mtrrFixed(v, <u32>fixed), value);
  } else if (among(msr, MSR_MTRR_VARIABLE, VARIABLE_MTRRS)) {
    // The lowest byte of a base is a type; bit 11 of a mask says whether the pair is valid.
    if (value >> 40 || value & (msr & 1 ? 0x7ff : 0xf00)) return false;
    if (!(msr & 1) && !isMemoryType((<u32>value) & 0xff)) return false;
    store<u64>(mtrrVariable(v, msr - MSR_MTRR_VARIABLE), value);
  } else if (among(msr, MSR_X2APIC, X2APIC_MSRS)) return writeApicMsr(v, msr - MSR_X2APIC, value);
  else return writePlatformMsr(v, msr, value, BANKS) == MSR_WRITTEN;
  return true;
}
