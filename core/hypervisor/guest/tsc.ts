/**
 * A domain's TSC by its mode (XEN_DOMCTL_settscinfo, Xen's tsc_set_info). Native: RDTSC is executed and reads the host's TSC, which counts the
 * nanoseconds of system time. Emulated: CR4.TSD is set while its vCPUs run, so that RDTSC exits; the TSC counts from the domain's own zero with its
 * own frequency, and never reads the same twice.
 */
import { CPU_CR4 } from "../../machine/cpu/state";
import { EINVAL, EOPNOTSUPP } from "../../abi/errno";
import { TSC_MODE_ALWAYS_EMULATE, TSC_MODE_DEFAULT, TSC_MODE_NEVER_EMULATE } from "../abi/implied";
import { DOMAIN_HARDWARE, Domain, Vcpu, vcpuOf } from "../domain/domain";
import { systemTime } from "../sched/clock";
import { hasSecondStage } from "./type";

export const HOST_TSC_KHZ: u32 = 1_000_000;
export const CR4_TSD: u64 = 4;

/** struct xen_domctl_tsc_info */
const INFO_MODE: usize = 0;
const INFO_KHZ: usize = 4;
const INFO_INCARNATION: usize = 8;
const INFO_ELAPSED: usize = 16;

const KHZ_PER_GHZ: u64 = 1_000_000;
const NS_PER_SECOND: u64 = 1_000_000_000;

/** Sets the mode of a new domain, which is Xen's default mode. */
export function initTsc(d: Domain): void {
  d.tscZero = systemTime();
  d.tscIncarnation = 1;
  setFrequency(d, HOST_TSC_KHZ);
}

/**
 * Computes the factors of vcpu_time_info: nanoseconds = (ticks << shift) * multiplier / 2^32. The multiplier uses all of its 32 bits when the shifted
 * rate is above 1 and at most 2 GHz.
 */
function setFrequency(d: Domain, khz: u32): void {
  let rate = <u64>khz * 1000;
  let shift: i32 = 0;
  for (; rate > 2 * NS_PER_SECOND; rate >>= 1) shift--;
  for (; rate <= NS_PER_SECOND; rate <<= 1) shift++;
  d.tscKhz = khz;
  d.tscShift = shift;
  d.tscMultiplier = <u32>((NS_PER_SECOND << 32) / rate);
}

/** 0, or -EINVAL for a mode that does not exist, or no longer exists. The domain is paused. */
export function setTscInfo(d: Domain, info: usize): i32 {
  // The hardware domain's TSC is the host's.
  if (d.flags & DOMAIN_HARDWARE) return 0;
  const mode = load<u32>(info, INFO_MODE);
  if (mode != TSC_MODE_DEFAULT && mode != TSC_MODE_ALWAYS_EMULATE && mode != TSC_MODE_NEVER_EMULATE) return -EINVAL;
  const khz = load<u32>(info, INFO_KHZ);
  // The TSC of a guest that owns its CR4 can't be emulated yet.
  const wants = mode == TSC_MODE_ALWAYS_EMULATE || (mode != TSC_MODE_NEVER_EMULATE && khz && khz != HOST_TSC_KHZ);
  if (wants && hasSecondStage(d)) return -EOPNOTSUPP;
  d.tscEmulated = 0;
  if (mode != TSC_MODE_NEVER_EMULATE) {
    d.tscZero = systemTime() - load<u64>(info, INFO_ELAPSED);
    setFrequency(d, khz ? khz : HOST_TSC_KHZ);
    // The host's TSC is reliable, so by default only another frequency needs emulation.
    if (mode == TSC_MODE_ALWAYS_EMULATE || d.tscKhz != HOST_TSC_KHZ) d.tscEmulated = 1;
  }
  d.tscMode = mode;
  d.tscIncarnation = load<u32>(info, INFO_INCARNATION) + 1;
  for (let id: u32 = 0; id < d.maxVcpus; id++) {
    const v = vcpuOf(d, id);
    if (v && !hasSecondStage(d)) store<u64>(v.cpu, processorCr4(v, load<u64>(v.cpu, CPU_CR4)), CPU_CR4);
  }
  return 0;
}

export function getTscInfo(d: Domain, info: usize): void {
  store<u32>(info, d.tscMode, INFO_MODE);
  store<u32>(info, d.tscIncarnation, INFO_INCARNATION);
  let elapsed: u64 = 0;
  let khz: u32 = 0;
  if (d.tscMode != TSC_MODE_NEVER_EMULATE) {
    elapsed = d.tscEmulated ? systemTime() - d.tscZero : systemTime();
    khz = d.tscEmulated ? d.tscKhz : HOST_TSC_KHZ;
  }
  store<u32>(info, khz, INFO_KHZ);
  store<u64>(info, <i64>elapsed < 0 ? 0 : elapsed, INFO_ELAPSED);
}

/** Returns `cr4` with the TSD that the processor needs while the vCPU runs: set by the guest itself, or to make RDTSC exit. */
export function processorCr4(v: Vcpu, cr4: u64): u64 {
  return v.domain.tscEmulated ? cr4 | CR4_TSD : (cr4 & ~CR4_TSD) | (v.cr4 & CR4_TSD);
}

/** Returns the value of the domain's TSC at a system time. */
export function tscAt(d: Domain, time: u64): u64 {
  if (!d.tscEmulated) return time;
  const elapsed = time - d.tscZero;
  if (d.tscKhz == HOST_TSC_KHZ) return elapsed;
  return (elapsed / KHZ_PER_GHZ) * <u64>d.tscKhz + ((elapsed % KHZ_PER_GHZ) * <u64>d.tscKhz) / KHZ_PER_GHZ;
}

/** RDTSC. If it is emulated, each reading within the domain is later than the one before. */
export function readDomainTsc(d: Domain): u64 {
  if (!d.tscEmulated) return systemTime();
  const last = changetype<usize>(d) + offsetof<Domain>("tscLast");
  let before: u64;
  let time: u64;
  do {
    before = atomic.load<u64>(last);
    time = systemTime();
    if (time <= before) time = before + 1;
  } while (atomic.cmpxchg<u64>(last, before, time) != before);
  return tscAt(d, time);
}
