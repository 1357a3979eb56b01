/** A PV vCPU on a pCPU: how it comes and goes, what is delivered before it runs, and what is done after. */
import {
  EXIT_EXCEPTION,
  EXIT_POLL,
  EXIT_PRIVILEGED,
  EXIT_SOFTWARE_INTERRUPT,
  EXIT_SYSCALL,
  EXIT_SYSENTER,
} from "../../../machine/cpu/exits";
import { refreshMode } from "../../../machine/cpu/mode";
import { cpu, setCpu } from "../../../machine/cpu/machine";
import {
  CPU_EXIT_VECTOR,
  CPU_GPR,
  CPU_RFLAGS,
  CPU_RIP,
  CPU_SEG,
  CS,
  SEG_ATTR,
  SEG_SELECTOR,
  SEG_SIZE,
  SS,
} from "../../../machine/cpu/state";
import { tlbFlushAll } from "../../../machine/cpu/tlb";
import { FLAT_RING3_CS32, FLAT_RING3_CS64, FLAT_RING3_SS64 } from "../../../abi/arch_x86";
import { VCPU_INFO_EVTCHN_UPCALL_MASK, VCPU_INFO_EVTCHN_UPCALL_PENDING } from "../../../abi/xen";
import { GUEST_SYSCALL_DISABLES_EVENTS, Vcpu } from "../../domain/domain";
import { domainCrash } from "../../domain/lifecycle";
import { pvHypercall } from "./syscall";
import { beginFollowing } from "../../memory/downgrades";
import { registersReplaced } from "../../hypercall/continuation";
import { vcpuRunnable } from "../../sched/runqueue";
import { self } from "../../sched/pcpu";
import { FRAME_MASKS_EVENTS, RFLAGS_TF, bounceTo, injectGp, injectUd } from "./bounce";
import { guestException, softwareInterrupt } from "./exception";
import { failsafe, returnFailed, returnedByIret } from "./iret";
import { inKernelMode } from "./mode";
import { privilegedInstruction, singleStepTrap } from "./privileged";
import { loadCodeAndStack, loadDataSegments, setFlatKernelSegments } from "./segments";
import { updateVcpuTime } from "../time";
import { GUEST_SEGMENTS_STALE } from "./vcpu";

const ATTR_LONG: u32 = 0x200;
const CS_SELECTOR: usize = CPU_SEG + CS * SEG_SIZE + SEG_SELECTOR;
const SS_SELECTOR: usize = CPU_SEG + SS * SEG_SIZE + SEG_SELECTOR;
const SYSCALL_LENGTH: u64 = 2;

export function pvSwitchTo(v: Vcpu): void {
  setCpu(v.cpu);
  // What the vCPU changed while it ran elsewhere was flushed there only, so translations from its earlier time here may be stale.
  if (v.lastRegion != self.region) {
    v.lastRegion = self.region;
    beginFollowing(v);
    tlbFlushAll();
  }
  refreshMode();
  updateVcpuTime(v);
}

export function pvSwitchFrom(v: Vcpu): void {
  setCpu(0);
}

/** Delivers what waits for the vCPU. Returns false if it may not run now, because its domain has just crashed. */
export function pvBeforeEnter(v: Vcpu): bool {
  if (v.guestFlags & GUEST_SEGMENTS_STALE) {
    v.guestFlags &= ~GUEST_SEGMENTS_STALE;
    refreshMode();
    loadNewContext(v);
    refreshMode();
  }
  if (v.nmiPending && !v.nmiMasked && v.nmiCallback) {
    v.nmiPending = 0;
    v.nmiMasked = 1;
    bounceTo(v, v.nmiCallback, FRAME_MASKS_EVENTS, 0);
  }
  const info = v.vcpuInfo;
  if (info && load<u8>(info, VCPU_INFO_EVTCHN_UPCALL_PENDING) && !load<u8>(info, VCPU_INFO_EVTCHN_UPCALL_MASK)) {
    v.upcalls++;
    bounceTo(v, v.eventCallback, FRAME_MASKS_EVENTS, 0);
  }
  return vcpuRunnable(v);
}

/** Loads the selectors of a new context. Bad ones are reported to the guest. */
function loadNewContext(v: Vcpu): void {
  const code = load<u16>(cpu, CS_SELECTOR);
  const stack = load<u16>(cpu, SS_SELECTOR);
  if (!loadDataSegments(v)) failsafe(v);
  else if (!loadCodeAndStack(v, code, stack)) returnFailed(v, code, stack);
}

export function pvHandleExit(v: Vcpu, reason: i32): void {
  switch (reason) {
    case EXIT_POLL:
      return;
    case EXIT_SYSCALL:
      if (inKernelMode(v)) kernelSyscall(v);
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
      sysenter(v);
      return;
    default:
      domainCrash(v.domain);
  }
}

/** Loads CS and SS as SYSCALL does; most often they have these values already. `selectors` is CS | SS << 16. */
// @ts-ignore: decorator
@inline
function isFlat(): bool {
  return load<u16>(cpu, CS_SELECTOR) == <u16>FLAT_RING3_CS64 && load<u16>(cpu, SS_SELECTOR) == <u16>FLAT_RING3_SS64;
}

/** Handles SYSCALL from kernel mode, which is a hypercall. If the SYSRET at its end finds TF set, it traps at once. */
function kernelSyscall(v: Vcpu): void {
  if (!isFlat()) {
    setFlatKernelSegments();
    refreshMode();
  }
  pvHypercall(v);
  if (load<u64>(cpu, CPU_RFLAGS) & RFLAGS_TF && !(registersReplaced && returnedByIret)) singleStepTrap(v);
}

const RSP: usize = CPU_GPR + 4 * 8;

/** SYSENTER saves neither RIP nor RSP. The guest's kernel finds zeros, a null CS of ring 3, and Xen's flat SS. */
function sysenter(v: Vcpu): void {
  store<u64>(cpu, 0, CPU_RIP);
  store<u64>(cpu, 0, RSP);
  store<u16>(cpu, 3, CS_SELECTOR);
  store<u16>(cpu, <u16>FLAT_RING3_SS64, SS_SELECTOR);
  if (!v.sysenterCallback) injectGp(v);
  else bounceTo(v, v.sysenterCallback, v.sysenterDisablesEvents ? FRAME_MASKS_EVENTS : 0, 0);
}

/** Handles SYSCALL from user mode, which enters the guest's kernel. A guest that has no entry for it sees #UD. */
function userSyscall(v: Vcpu): void {
  const long = load<u16>(cpu, CPU_SEG + CS * SEG_SIZE + SEG_ATTR) & ATTR_LONG;
  const address = long ? v.syscallCallback : v.syscall32Callback;
  const masks = long ? v.guestFlags & GUEST_SYSCALL_DISABLES_EVENTS : v.syscall32DisablesEvents;
  if (!address) {
    store<u64>(cpu, load<u64>(cpu, CPU_RIP) - SYSCALL_LENGTH, CPU_RIP);
    injectUd(v);
    return;
  }
  // These are what the processor loads; code in compatibility mode gets a selector of its own.
  store<u16>(cpu, <u16>(long ? FLAT_RING3_CS64 : FLAT_RING3_CS32), CS_SELECTOR);
  store<u16>(cpu, <u16>FLAT_RING3_SS64, SS_SELECTOR);
  bounceTo(v, address, masks ? FRAME_MASKS_EVENTS : 0, 0);
}
