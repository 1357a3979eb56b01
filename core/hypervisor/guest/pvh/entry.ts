/** A PVH vCPU on a pCPU: how it comes and goes, what is delivered before it runs, and what is done after. */
import { interruptible } from "../../../machine/cpu/exceptions";
import {
  EXIT_HALT,
  EXIT_OUTSIDE,
  EXIT_POLL,
  EXIT_PRIVILEGED,
  EXIT_SHUTDOWN,
  EXIT_VMCALL,
  EXIT_WINDOW,
} from "../../../machine/cpu/exits";
import { IF } from "../../../machine/cpu/flags";
import { VECTOR_DB, VECTOR_GP, clearFault, cpu, setCpu } from "../../../machine/cpu/machine";
import { refreshMode } from "../../../machine/cpu/mode";
import { setOutside } from "../../../machine/cpu/outside";
import { ACCESS_EXECUTE, ACCESS_WRITE } from "../../../machine/cpu/paging/format";
import { resetCpu, startAtPage } from "../../../machine/cpu/reset";
import {
  CPU_EXIT_ADDRESS,
  CPU_EXIT_ERROR,
  CPU_EXIT_VECTOR,
  CPU_NMI_BLOCKED,
  CPU_RFLAGS,
  CPU_WINDOW,
} from "../../../machine/cpu/state";
import { tlbFlushAll } from "../../../machine/cpu/tlb";
import { HVM_PARAM_TRIPLE_FAULT_REASON } from "../../../abi/hvm_params";
import { SHUTDOWN_MAX, SHUTDOWN_reboot } from "../../../abi/sched";
import { VCPU_INFO_EVTCHN_UPCALL_PENDING } from "../../../abi/xen";
import { LOG_G_ERR } from "../../abi/log";
import { logBegin, logDec, logEnd, logHex, logText, logVcpu } from "../../console/console";
import { showExecutionState } from "../../console/execution_state";
import { DOMAIN_HVM_PARAMS, Domain, GUEST_INITIALISED, VPF_down, Vcpu } from "../../domain/domain";
import { domainCrash, domainShutdown } from "../../domain/lifecycle";
import { vcpuDown } from "../../hypercall/vcpu_op";
import { P2M_ON_DEMAND, P2M_SHARED, entryType, isGrant } from "../../p2m/entry";
import { p2mLook } from "../../p2m/p2m";
import { DomainMemory } from "../../memory/domain_memory";
import { PTE_P } from "../../memory/pte";
import { spinLock, spinUnlock } from "../../sched/lock";
import { self } from "../../sched/pcpu";
import { loadSecondStage, unloadSecondStage } from "../../sched/ipi";
import { vcpuRunnable } from "../../sched/runqueue";
import { vcpuBlock, vcpuUnblock } from "../../sched/vcpu";
import { vcpuSleepNosync } from "../../sched/wake";
import { updateVcpuTime } from "../time";
import { beginAccesses, endAccesses, executeAlone } from "./accesses";
import { acknowledge, apicPending, raiseVector } from "./apic";
import { resetApic } from "./apic_reset";
import { requestTick, tickTaken, timerWasDue } from "./apic_timer";
import { intercepted } from "./intercepted";
import { deliverInterruptTo, deliverNmiTo, injectExceptionInto, supplied } from "./on_demand";
import { allows, leftForMemory, outsideMiss, outsideRead, outsideWrite } from "./outside";
import { HvmVcpu, SIPI_CAME, callbackVector, hvm } from "./state";
import { vmcall } from "./vmcall";

export function pvhSwitchTo(v: Vcpu): void {
  setCpu(v.cpu);
  const memory = changetype<DomainMemory>(v.domain.memory);
  loadSecondStage(memory.p2mId, changetype<usize>(memory) + offsetof<DomainMemory>("p2mStale"));
  setOutside(outsideMiss, outsideRead, outsideWrite);
  // As for PV vCPUs, translations from an earlier time on this pCPU may be stale.
  if (v.lastRegion != self.region) {
    v.lastRegion = self.region;
    tlbFlushAll();
  }
  refreshMode();
  updateVcpuTime(v);
}

export function pvhSwitchFrom(v: Vcpu): void {
  unloadSecondStage();
  setCpu(0);
}

// ---- before it runs --------------------------------------------------------------------------------------------

/** Delivers what waits for the vCPU. Returns false if it may not run now. */
export function pvhBeforeEnter(v: Vcpu): bool {
  endAccesses();
  const h = hvm(v);
  if (h.init || h.sipi || h.waitsForSipi) start(v, h);
  // Whoever sends a start-up IPI, or VCPUOP_up, may just have declared it up, which does not start it: start() is to look again.
  if (h.waitsForSipi || !vcpuRunnable(v)) return false;
  if (v.upcallRaised && h.upcallVector) {
    atomic.store<u32>(changetype<usize>(v) + offsetof<Vcpu>("upcallRaised"), 0);
    raiseVector(v, h.upcallVector);
  }
  if (v.apicTimerDue) timerWasDue(v);
  if (h.timerPending) requestTick(v);
  if (v.nmiPending || waitingVector(v) >= 0 || load<u32>(cpu, CPU_WINDOW)) deliver(v);
  beginAccesses(v);
  return vcpuRunnable(v);
}

/** Handles INIT and start-up IPIs that have come. A vCPU that waits for a start-up IPI is down. */
function start(v: Vcpu, h: HvmVcpu): void {
  const pauseFlags = changetype<usize>(v) + offsetof<Vcpu>("pauseFlags");
  if (atomic.xchg<u32>(changetype<usize>(h) + offsetof<HvmVcpu>("init"), 0)) {
    resetCpu();
    refreshMode();
    resetApic(v);
    atomic.store<u32>(changetype<usize>(h) + offsetof<HvmVcpu>("waitsForSipi"), 1);
    markInitialised(v, false);
  }
  // It is down before the start-up IPI is looked for, because the sender of one that comes later declares it up.
  if (h.waitsForSipi) atomic.or<u32>(pauseFlags, VPF_down);
  // A vCPU that already runs ignores it.
  const sipi = atomic.xchg<u32>(changetype<usize>(h) + offsetof<HvmVcpu>("sipi"), 0);
  if (sipi && h.waitsForSipi && markInitialised(v, true)) {
    atomic.store<u32>(changetype<usize>(h) + offsetof<HvmVcpu>("waitsForSipi"), 0);
    atomic.and<u32>(pauseFlags, ~VPF_down);
    startAtPage(sipi & ~SIPI_CAME);
    refreshMode();
  }
  if (v.pauseFlags & VPF_down) vcpuSleepNosync(v);
}

/**
 * Marks whether the vCPU is initialised, so that VCPUOP_initialise can't give it a state any more. Returns false if VCPUOP_initialise is just doing
 * that.
 */
function markInitialised(v: Vcpu, initialised: bool): bool {
  const lock = changetype<usize>(v.domain) + offsetof<Domain>("lock");
  spinLock(lock);
  const free = !v.pausedForContext;
  if (free && initialised) v.guestFlags |= GUEST_INITIALISED;
  else if (free) v.guestFlags &= ~GUEST_INITIALISED;
  spinUnlock(lock);
  return free;
}

/** Returns the vector of the interrupt that would be delivered if the guest allows it; -1 for none. */
function waitingVector(v: Vcpu): i32 {
  const h = hvm(v);
  if (!h.upcallVector && v.vcpuInfo && load<u8>(v.vcpuInfo, VCPU_INFO_EVTCHN_UPCALL_PENDING)) {
    const vector = callbackVector(v.domain);
    if (vector) return <i32>vector;
  }
  return apicPending(v);
}

function deliver(v: Vcpu): void {
  refreshMode();
  let alive = true;
  if (v.nmiPending && !load<u32>(cpu, CPU_NMI_BLOCKED)) {
    atomic.store<u32>(changetype<usize>(v) + offsetof<Vcpu>("nmiPending"), 0);
    alive = deliverNmiTo(v);
  }
  let vector = waitingVector(v);
  if (alive && vector >= 0 && interruptible()) {
    v.upcalls++;
    if (vector == apicPending(v)) {
      acknowledge(v, <u32>vector);
      tickTaken(v, <u32>vector);
    }
    alive = deliverInterruptTo(v, <u32>vector);
    vector = waitingVector(v);
  }
  store<u32>(cpu, vector >= 0 ? 1 : 0, CPU_WINDOW);
  if (!alive) shutDown(v);
}

// ---- after it has run ------------------------------------------------------------------------------------------

export function pvhHandleExit(v: Vcpu, reason: i32): void {
  settle(v, reason, endAccesses());
}

/** Does what an exit asks for. `mayAlone`: accesses to devices have left run(), so their instructions are executed alone. */
function settle(v: Vcpu, reason: i32, mayAlone: bool): void {
  switch (reason) {
    case EXIT_POLL:
    case EXIT_WINDOW:
      return;
    case EXIT_VMCALL:
      if (vmcall(v) >= 0) shutDown(v);
      return;
    case EXIT_PRIVILEGED:
      if (!intercepted(v)) shutDown(v);
      return;
    case EXIT_HALT:
      halt(v);
      return;
    case EXIT_OUTSIDE:
      outside(v, mayAlone);
      return;
    case EXIT_SHUTDOWN:
      shutDown(v);
      return;
    default:
      domainCrash(v.domain);
  }
}

/** HLT waits until an interrupt comes. With interrupts off none will come, and the vCPU is as good as down. */
function halt(v: Vcpu): void {
  if (!(load<u64>(cpu, CPU_RFLAGS) & IF)) {
    if (!v.nmiPending) vcpuDown(v);
    return;
  }
  vcpuBlock(v);
  const h = hvm(v);
  if ((v.upcallRaised && h.upcallVector) || v.nmiPending || h.init || v.apicTimerDue || waitingVector(v) >= 0)
    vcpuUnblock(v);
}

/**
 * Handles an access that nothing answers: executing where there is no memory, page tables where there is none, or a write to a read-only grant. Of a
 * domain that was traced when it was entered it is also an access to where there is no memory: its instruction is executed alone (`mayAlone`), unless
 * that is what is being done already.
 */
function outside(v: Vcpu, mayAlone: bool): void {
  const address = load<u64>(cpu, CPU_EXIT_ADDRESS);
  const access = load<u32>(cpu, CPU_EXIT_ERROR);
  const entry = p2mLook(changetype<DomainMemory>(v.domain.memory), address >> 12);
  const allowed = allows(entry, access);
  const lacks = entryType(entry) == P2M_ON_DEMAND || (entryType(entry) == P2M_SHARED && !allowed);
  // If memory is there now, because another vCPU or we have just mapped it, the instruction is executed again; and also if there was some and another
  // vCPU has just taken it away, because nothing answers there from now on. A debug trap comes after its instruction, so it is delivered again.
  if (lacks || allowed || (leftForMemory && !(entry & PTE_P))) {
    if (lacks) supplied(v, address);
    trapAgain(v);
    return;
  }
  if (mayAlone && access != ACCESS_EXECUTE && !(entry & PTE_P)) {
    if (load<u32>(cpu, CPU_EXIT_VECTOR) == VECTOR_DB) trapAgain(v);
    else settle(v, executeAlone(v), false);
    return;
  }
  if (access == ACCESS_WRITE && isGrant(entry)) {
    if (!injectExceptionInto(v, VECTOR_GP)) shutDown(v);
    return;
  }
  logBegin(LOG_G_ERR);
  logVcpu(v.domid, v.vcpuId);
  logText(access == ACCESS_EXECUTE ? " executes" : access == ACCESS_WRITE ? " writes" : " reads");
  logText(" where it has no memory: guest-physical ");
  logHex(address);
  logEnd();
  domainCrash(v.domain);
}

/** Delivers a debug trap again that could not be delivered. Its instruction is done. */
function trapAgain(v: Vcpu): void {
  const trapped = load<u32>(cpu, CPU_EXIT_VECTOR) == VECTOR_DB && !v.domain.isShuttingDown;
  if (trapped && !injectExceptionInto(v, VECTOR_DB)) shutDown(v);
}

/** Handles a triple fault: the domain's own parameter says what it means. */
function shutDown(v: Vcpu): void {
  clearFault();
  const d = v.domain;
  // For example when the delivery found no more memory on demand, and the domain was crashed for it.
  if (d.isShuttingDown) return;
  const parameter = load<u64>(changetype<usize>(d) + DOMAIN_HVM_PARAMS + HVM_PARAM_TRIPLE_FAULT_REASON * 8);
  const reason: u32 = parameter <= <u64>SHUTDOWN_MAX ? <u32>parameter : SHUTDOWN_reboot;
  logBegin(LOG_G_ERR);
  logVcpu(v.domid, v.vcpuId);
  logText(" Triple fault - invoking HVM shutdown action ");
  logDec(reason);
  logEnd();
  showExecutionState(v);
  domainShutdown(d, reason);
}
