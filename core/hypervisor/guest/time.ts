/** PV time: vcpu_time_info and the wall clock. */
import { BOOT_WALLCLOCK } from "../../machine/layout";
import {
  TIME_FLAGS,
  TIME_INFO_SIZE,
  TIME_SYSTEM_TIME,
  TIME_TSC_SHIFT,
  TIME_TSC_TIMESTAMP,
  TIME_TSC_TO_SYSTEM_MUL,
  TIME_VERSION,
  XEN_PVCLOCK_TSC_STABLE_BIT,
} from "../abi/arch_x86";
import {
  SHARED_INFO_WC_NSEC,
  SHARED_INFO_WC_SEC,
  SHARED_INFO_WC_SEC_HI,
  SHARED_INFO_WC_VERSION,
  VCPU_INFO_TIME,
} from "../abi/xen";
import { Domain, Vcpu, currentVcpu } from "../domain/domain";
import { copyToGuest, writeGuest32 } from "../hypercall/guest_access";
import { systemTime } from "../sched/clock";
import { tscAt } from "./tsc";

const NS_PER_SECOND: u64 = 1_000_000_000;

/** Fills the vCPU's vcpu_time_info, and its copy in the guest's own memory if this pCPU runs the vCPU. */
export function updateVcpuTime(v: Vcpu): void {
  const info = v.vcpuInfo;
  if (!info) return;
  const time = info + VCPU_INFO_TIME;
  const now = systemTime();
  const version = load<u32>(time, TIME_VERSION);
  // Odd while it changes; readers on other pCPUs must see the stores in this order.
  atomic.store<u32>(time + TIME_VERSION, version | 1);
  store<u64>(time, tscAt(v.domain, now), TIME_TSC_TIMESTAMP);
  store<u64>(time, now, TIME_SYSTEM_TIME);
  store<u32>(time, v.domain.tscMultiplier, TIME_TSC_TO_SYSTEM_MUL);
  store<u8>(time, <u8>v.domain.tscShift, TIME_TSC_SHIFT);
  store<u8>(time, <u8>XEN_PVCLOCK_TSC_STABLE_BIT, TIME_FLAGS);
  const next = (version | 1) + 1;
  atomic.store<u32>(time + TIME_VERSION, next);
  const guest = v.timeInfoGuest;
  if (!guest || v != currentVcpu) return;
  if (!writeGuest32(guest, version | 1)) return;
  if (copyToGuest(guest + 4, time + 4, TIME_INFO_SIZE - 4)) writeGuest32(guest, next);
}

/** Fills the wall clock of shared_info: the real time at system time 0. */
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
