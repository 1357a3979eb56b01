/** A PV vCPU on a pCPU: coming, going, what is delivered before it runs and what is done after. */
import {
  EXIT_EXCEPTION,
  EXIT_POLL,
  EXIT_PRIVILEGED,
  EXIT_SOFTWARE_INTERRUPT,
  EXIT_SYSCALL,
  EXIT_SYSENTER,
} from "../../machine/cpu/exits";
import { refreshMode } from "../../machine/cpu/mode";
import { cpu, setCpu } from "../../machine/cpu/machine";
import { CPU_EXIT_VECTOR, CPU_RIP, CPU_SEG, CS, SEG_ATTR, SEG_SIZE } from "../../machine/cpu/state";
import { tlbFlushAll } from "../../machine/cpu/tlb";
import { VCPU_INFO_UPCALL_MASK, VCPU_INFO_UPCALL_PENDING } from "../abi/xen";
import { GUEST_SYSCALL_DISABLES_EVENTS, Vcpu } from "../domain/domain";
import { domainCrash } from "../domain/lifecycle";
import { pvHypercall } from "../hypercall/dispatch";
import { vcpuRunnable } from "../sched/credit";
import { self } from "../sched/pcpu";
import { FRAME_MASKS_EVENTS, bounceTo, injectGp, injectUd } from "./bounce";
import { guestException, softwareInterrupt } from "./exception";
import { inKernelMode } from "./mode";
import { privilegedInstruction } from "./privileged";
import { loadAllSegments } from "./segments";
import { updateVcpuTime } from "./time";
import { GUEST_SEGMENTS_STALE } from "./vcpu";

const ATTR_LONG: u32 = 0x200;
const SYSCALL_LENGTH: u64 = 2;

export function pvSwitchTo(v: Vcpu): void {
  setCpu(v.cpu);
  // What it changed while it ran elsewhere was flushed there only: translations from an earlier time here may be old.
  if (v.lastRegion != self.region) {
    v.lastRegion = self.region;
    tlbFlushAll();
  }
  refreshMode();
  updateVcpuTime(v);
}

export function pvSwitchFrom(v: Vcpu): void {
  setCpu(0);
}

/** Delivers what waits for the vCPU. False: it may not run now (its domain has just crashed). */
export function pvBeforeEnter(v: Vcpu): bool {
  if (v.guestFlags & GUEST_SEGMENTS_STALE) {
    v.guestFlags &= ~GUEST_SEGMENTS_STALE;
    refreshMode();
    if (!loadAllSegments(v)) domainCrash(v.domain);
    refreshMode();
  }
  if (v.nmiPending && !v.nmiMasked && v.nmiCallback) {
    v.nmiPending = 0;
    v.nmiMasked = 1;
    bounceTo(v, v.nmiCallback, FRAME_MASKS_EVENTS, 0);
  }
  const info = v.vcpuInfo;
  if (info && load<u8>(info, VCPU_INFO_UPCALL_PENDING) && !load<u8>(info, VCPU_INFO_UPCALL_MASK)) {
    v.upcalls++;
    bounceTo(v, v.eventCallback, FRAME_MASKS_EVENTS, 0);
  }
  return vcpuRunnable(v);
}

export function pvHandleExit(v: Vcpu, reason: i32): void {
  switch (reason) {
    case EXIT_POLL:
      return;
    case EXIT_SYSCALL:
      if (inKernelMode(v)) pvHypercall(v);
      else userSyscall(v);
      return;
    case EXIT_EXCEPTION:
      guestException(v);
      return;
    case EXIT_PRIVILEGED:
      privilegedInstruction(v);
      return;
    case EXIT_SOFTWARE_INTERRUPT:
      softwareInterrupt(v, load<u32>(cpu, CPU_EXIT_VECTOR));
      return;
    case EXIT_SYSENTER:
      if (!v.sysenterCallback) injectGp(v);
      else bounceTo(v, v.sysenterCallback, v.sysenterDisablesEvents ? FRAME_MASKS_EVENTS : 0, 0);
      return;
    default:
      domainCrash(v.domain);
  }
}

/** SYSCALL from user mode: to the guest's kernel. A guest that has no entry for it sees #UD. */
function userSyscall(v: Vcpu): void {
  const long = load<u16>(cpu, CPU_SEG + CS * SEG_SIZE + SEG_ATTR) & ATTR_LONG;
  const address = long ? v.syscallCallback : v.syscall32Callback;
  const masks = long ? v.guestFlags & GUEST_SYSCALL_DISABLES_EVENTS : v.syscall32DisablesEvents;
  if (!address) {
    store<u64>(cpu, load<u64>(cpu, CPU_RIP) - SYSCALL_LENGTH, CPU_RIP);
    injectUd(v);
    return;
  }
  bounceTo(v, address, masks ? FRAME_MASKS_EVENTS : 0, 0);
}
