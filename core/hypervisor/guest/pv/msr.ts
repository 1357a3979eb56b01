/**
 * RDMSR and WRMSR of a PV kernel. Numbers: SDM volume 4. Which exist, and what writing them does: Xen 4.17's policy for PV guests on an Intel
 * processor.
 */
import {
  MSR_EFER,
  MSR_FS_BASE,
  MSR_GS_BASE,
  MSR_KERNEL_GS_BASE,
  MSR_TSC_AUX,
  MSR_SYSENTER_CS,
  MSR_SYSENTER_EIP,
  MSR_PAT,
  MSR_STAR,
  MSR_FMASK,
} from "../../../machine/cpu/msr";
import { isCanonical } from "../../../machine/cpu/paging/format";
import { CPU_EFER, CPU_KERNEL_GS_BASE, CPU_PAT, CPU_TSC_AUX, FS, GS, SEG_BASE } from "../../../machine/cpu/state";
import { Vcpu } from "../../domain/domain";
import {
  MSR_APIC_BASE,
  MSR_MCG_CAP,
  MSR_MISC_ENABLE,
  MSR_OTHER,
  MSR_TSC,
  MSR_UCODE_REV,
  MSR_WRITTEN,
  among,
  platformValue,
  readPlatformMsr,
  writePlatformMsr,
} from "../platform_msr";
import { segmentOf } from "./segments";
import { readDomainTsc } from "../tsc";

const MSR_P5_MC_ADDR: u32 = 0;
const MSR_P5_MC_TYPE: u32 = 1;
const MSR_PERFCTR0: u32 = 0xc1;
const MSR_PLATFORM_INFO: u32 = 0xce;
const MSR_MPERF: u32 = 0xe7;
const MSR_APERF: u32 = 0xe8;
const MSR_MISC_FEATURES_ENABLES: u32 = 0x140;
const MSR_EVNTSEL0: u32 = 0x186;
const MSR_PERF_STATUS: u32 = 0x198;
const MSR_PERF_CTL: u32 = 0x199;
const MSR_THERM_CONTROL: u32 = 0x19a;
const MSR_THERM_STATUS: u32 = 0x19c;
const MSR_ENERGY_PERF_BIAS: u32 = 0x1b0;
const MSR_DEBUGCTL: u32 = 0x1d9;
const MSR_FIXED_CTR0: u32 = 0x309;
const MSR_PERF_CAPABILITIES: u32 = 0x345;
const MSR_FIXED_CTR_CTRL: u32 = 0x38d;
const MSR_NB_CFG: u32 = 0xc001001f;

/** Enabled, at the usual address; bit 8 on the boot processor. */
const APIC_BASE: u64 = 0xfee00800;
/** Fast strings; no BTS, no PEBS, xTPR messages off. */
const MISC_ENABLE: u64 = 1 | (1 << 11) | (1 << 12) | (1 << 23);
/** The number of machine-check banks whose registers can be named. */
const BANKS: u32 = 32;

/** Performance counters and their controls, which read as zero and accept any value, since no domain has a virtual PMU. */
function isPmu(msr: u32): bool {
  return (
    among(msr, MSR_PERFCTR0, 8) ||
    among(msr, MSR_EVNTSEL0, 4) ||
    among(msr, MSR_FIXED_CTR0, 3) ||
    among(msr, MSR_FIXED_CTR_CTRL, 4)
  );
}

/** MSRs that this machine's processor has and Xen hides from PV guests: `msr_relaxed` is about these. */
function onlyOfTheHost(msr: u32): bool {
  return (
    among(msr, MSR_SYSENTER_CS, MSR_SYSENTER_EIP - MSR_SYSENTER_CS + 1) ||
    among(msr, MSR_STAR, MSR_FMASK - MSR_STAR + 1) ||
    msr == MSR_DEBUGCTL
  );
}

/** The value read by the last readMsr that returned true. */
export let msrValue: u64 = 0;

/** Reads into msrValue. Returns false if there is no such register, for which the guest gets #GP. */
export function readMsr(v: Vcpu, msr: u32): bool {
  const c = v.cpu;
  msrValue = 0;
  switch (msr) {
    case MSR_P5_MC_ADDR:
    case MSR_P5_MC_TYPE:
    case MSR_PLATFORM_INFO:
    case MSR_MISC_FEATURES_ENABLES:
    case MSR_PERF_STATUS:
    case MSR_PERF_CTL:
    case MSR_THERM_STATUS:
    case MSR_PERF_CAPABILITIES:
    case MSR_NB_CFG:
      return true;
    case MSR_TSC:
      msrValue = readDomainTsc(v.domain);
      return true;
    case MSR_APIC_BASE:
      msrValue = APIC_BASE | (v.vcpuId == 0 ? 0x100 : 0);
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
      break;
  }
  if (readPlatformMsr(v, msr, BANKS)) {
    msrValue = platformValue;
    return true;
  }
  if (isPmu(msr)) return true;
  return v.domain.msrRelaxed != 0 && onlyOfTheHost(msr);
}

/** Returns false if the guest gets #GP. What Xen ignores is ignored here too. */
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
    case MSR_EFER:
      // Writing back the value that was read is allowed, as Linux does.
      return value == load<u64>(c, CPU_EFER);
    case MSR_UCODE_REV:
    case MSR_MISC_FEATURES_ENABLES:
      return value == 0;
    case MSR_P5_MC_ADDR:
    case MSR_P5_MC_TYPE:
    case MSR_MCG_CAP:
    case MSR_MPERF:
    case MSR_APERF:
    case MSR_PERF_CTL:
    case MSR_THERM_CONTROL:
    case MSR_MISC_ENABLE:
    case MSR_ENERGY_PERF_BIAS:
    case MSR_NB_CFG:
      return true;
    default:
      break;
  }
  const platform = writePlatformMsr(v, msr, value, BANKS);
  if (platform != MSR_OTHER) return platform == MSR_WRITTEN;
  if (isPmu(msr)) return true;
  return v.domain.msrRelaxed != 0 && onlyOfTheHost(msr);
}
