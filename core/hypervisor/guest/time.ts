/** PV time: vcpu_time_info and the wall clock. */
import { CPU_TSC_OFFSET } from "../../machine/cpu/state";
import { BOOT_WALLCLOCK } from "../../machine/layout";
import {
  SHARED_INFO_WC_NSEC,
  SHARED_INFO_WC_SEC,
  SHARED_INFO_WC_SEC_HI,
  SHARED_INFO_WC_VERSION,
  VCPU_INFO_TIME,
  VCPU_TIME_INFO_FLAGS,
  VCPU_TIME_INFO_SIZE,
  VCPU_TIME_INFO_SYSTEM_TIME,
  VCPU_TIME_INFO_TSC_SHIFT,
  VCPU_TIME_INFO_TSC_TIMESTAMP,
  VCPU_TIME_INFO_TSC_TO_SYSTEM_MUL,
  VCPU_TIME_INFO_VERSION,
  XEN_PVCLOCK_TSC_STABLE_BIT,
} from "../../abi/xen";
import { Domain, Vcpu, currentVcpu } from "../domain/domain";
import { copyToGuest, writeGuest32 } from "../hypercall/guest_access";
import { systemTime } from "../sched/clock";
import { tscAt } from "./tsc";

const NS_PER_SECOND: u64 = 1_000_000_000;

/** Bytes of struct vcpu_time_info up to the end of its version, which is written separately. */
const BEHIND_VERSION: usize = 4;

/** Updates the vCPU's vcpu_time_info, and its copy in the guest's own memory if this pCPU runs the vCPU. */
export function updateVcpuTime(v: Vcpu): void {
  const info = v.vcpuInfo;
  if (!info) return;
  const time = info + VCPU_INFO_TIME;
  const now = systemTime();
  const version = load<u32>(time, VCPU_TIME_INFO_VERSION);
  // The version is odd while the structure changes. Readers on other pCPUs must see the stores in this order.
  atomic.store<u32>(time + VCPU_TIME_INFO_VERSION, version | 1);
  // A PVH guest may have set its TSC to another value.
  store<u64>(time, tscAt(v.domain, now) + load<u64>(v.cpu, CPU_TSC_OFFSET), VCPU_TIME_INFO_TSC_TIMESTAMP);
  store<u64>(time, now, VCPU_TIME_INFO_SYSTEM_TIME);
  store<u32>(time, v.domain.tscMultiplier, VCPU_TIME_INFO_TSC_TO_SYSTEM_MUL);
  store<u8>(time, <u8>v.domain.tscShift, VCPU_TIME_INFO_TSC_SHIFT);
  store<u8>(time, <u8>XEN_PVCLOCK_TSC_STABLE_BIT, VCPU_TIME_INFO_FLAGS);
  const next = (version | 1) + 1;
  atomic.store<u32>(time + VCPU_TIME_INFO_VERSION, next);
  const guest = v.timeInfoGuest;
  if (!guest || v != currentVcpu) return;
  if (!writeGuest32(guest, version | 1)) return;
  if (copyToGuest(guest + BEHIND_VERSION, time + BEHIND_VERSION, <u32>(VCPU_TIME_INFO_SIZE - BEHIND_VERSION)))
    writeGuest32(guest, next);
}

/** Fills in the wall clock of shared_info: the real time at system time 0. */
export function updateWallclock(d: Domain): void {
  const s = d.sharedInfo;
  const boot = load<u64>(BOOT_WALLCLOCK) + <u64>(d.timeOffsetSeconds * <i64>NS_PER_SECOND);
  const seconds = boot / NS_PER_SECOND;
  const version = load<u32>(s, SHARED_INFO_WC_VERSION);
  atomic.store<u32>(s + SHARED_INFO_WC_VERSION, version | 1);
  store<u32>(s, <u32>seconds, SHARED_INFO_WC_SEC);
  store<u32>(s, <u32>(boot % NS_PER_SECOND), SHARED_INFO_WC_NSEC);
  store<u32>(s, <u32>(seconds >> 32), SHARED_INFO_WC_SEC_HI);
  atomic.store<u32>(s + SHARED_INFO_WC_VERSION, (version | 1) + 1);
}
