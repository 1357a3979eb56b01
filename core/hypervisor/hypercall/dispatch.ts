/**
 * From hypercall number to handler. The arguments are the guest's registers RDI RSI RDX R10 R8 R9 in this order, or those
 * of native_hypercall; handlers return the result (negative: errno) or HYPERCALL_CONTINUE.
 */
import { CPU_GPR, CPU_RIP } from "../../machine/cpu/state";
import { EFAULT, EINVAL, ENOSYS, EPERM } from "../../abi/errno";
import * as nr from "../../abi/xen";
import { NR_HYPERCALLS } from "../abi/native";
import { TRACE_FLAG_continued, TRACE_FLAG_member, TRACE_FLAG_no_result } from "../abi/trace";
import { doDomctl } from "../control/domctl";
import { doSysctl } from "../control/sysctl";
import { DOMAIN_HYPERCALL_COUNTS, Vcpu, currentVcpu, isNative, isPrivileged } from "../domain/domain";
import { doEventChannelOp, doEventChannelOpCompat } from "../event/channels";
import { doGrantTableOp } from "../grant/grant_op";
import { doMemoryOp } from "../memory/memory_op";
import { doMmuUpdate, doUpdateVaMapping, doUpdateVaMappingOtherdomain } from "../memory/mmu_update";
import { doMmuextOp } from "../memory/mmuext";
import { pvOnlyHypercall } from "../pv/hypercalls";
import {
  HYPERCALL_CONTINUE,
  beginHypercall,
  continueWith,
  nextArg0,
  nextArg1,
  nextArg2,
  nextArg3,
  nextArg4,
  nextArg5,
  preemptCheck,
  registersReplaced,
} from "./continuation";
import { doConsoleIo } from "./console_io";
import { copyFromGuest, guestRangeOk, writeGuest64, copyToGuest } from "./guest_access";
import { doNativeOp } from "./native_op";
import { doPhysdevOp } from "./physdev_op";
import { traceArguments, traceHasRoom, traceRecord, traceWritten } from "./trace";
import { doSchedOp, doSchedOpCompat } from "./sched_op";
import { doSetTimerOp, doVcpuOp } from "./vcpu_op";
import { doVmAssist } from "./vm_assist";
import { doXenVersion } from "./xen_version";
import { systemTime } from "../sched/clock";
import { threadScratch } from "../sched/pcpu";

/** Bytes of a guest's word. */
const WORD: usize = 8;

const RDX: usize = 16;
const RSI: usize = 48;
const RDI: usize = 56;
const R8: usize = 64;
const R9: usize = 72;
const R10: usize = 80;
/** Length of SYSCALL, which a continuation steps back over. */
const SYSCALL_LENGTH: u64 = 2;

/** The next hypercall is an entry of a multicall. */
let multicallMember: bool = false;

function count(number: u32): void {
  const v = currentVcpu;
  v.hypercalls++;
  const d = v.domain;
  d.hypercalls++;
  const at = changetype<usize>(d) + DOMAIN_HYPERCALL_COUNTS + (number << 3);
  store<u64>(at, load<u64>(at) + 1);
}

/** One hypercall of the current vCPU. */
export function hypercall(number: u64, a0: u64, a1: u64, a2: u64, a3: u64, a4: u64, a5: u64): i64 {
  if (currentVcpu.domain.traced) {
    if (traceHasRoom()) return tracedHypercall(number, a0, a1, a2, a3, a4, a5);
    currentVcpu.traceLost++;
  }
  return perform(number, a0, a1, a2, a3, a4, a5);
}

function tracedHypercall(number: u64, a0: u64, a1: u64, a2: u64, a3: u64, a4: u64, a5: u64): i64 {
  const v = currentVcpu;
  const rip = isNative(v.domain) ? 0 : load<u64>(v.cpu, CPU_RIP);
  const lost = <u32>v.traceLost;
  let flags: u32 = multicallMember ? TRACE_FLAG_member : 0;
  multicallMember = false;
  const began = systemTime();
  const result = perform(number, a0, a1, a2, a3, a4, a5);
  const took = systemTime() - began;
  if (registersReplaced) flags |= TRACE_FLAG_no_result;
  if (result == HYPERCALL_CONTINUE) flags |= TRACE_FLAG_continued;
  // A multicall's entries may have filled the ring.
  const record = traceRecord(began, took, number, rip, result, lost, flags);
  if (!record) v.traceLost++;
  else {
    traceArguments(record, number, a0, a1, a2, a3, a4, a5);
    traceWritten();
  }
  return result;
}

// A call more for each hypercall is what tracing would cost while it is off.
// @ts-ignore: decorator
@inline
function perform(number: u64, a0: u64, a1: u64, a2: u64, a3: u64, a4: u64, a5: u64): i64 {
  if (number >= <u64>NR_HYPERCALLS) return -ENOSYS;
  count(<u32>number);
  switch (<u32>number) {
    case nr.HYPERVISOR_mmu_update:
      return doMmuUpdate(a0, <u32>a1, a2, <u32>a3);
    case nr.HYPERVISOR_sched_op_compat:
      return doSchedOpCompat(a0, a1);
    case nr.HYPERVISOR_memory_op:
      return doMemoryOp(a0, a1);
    case nr.HYPERVISOR_multicall:
      return doMulticall(a0, <u32>a1);
    case nr.HYPERVISOR_update_va_mapping:
      return isNative(currentVcpu.domain) ? -ENOSYS : doUpdateVaMapping(a0, a1, a2);
    case nr.HYPERVISOR_update_va_mapping_otherdomain:
      return isNative(currentVcpu.domain) ? -ENOSYS : doUpdateVaMappingOtherdomain(a0, a1, a2, <u32>a3);
    case nr.HYPERVISOR_set_timer_op:
      return doSetTimerOp(a0);
    case nr.HYPERVISOR_event_channel_op_compat:
      return doEventChannelOpCompat(a0);
    case nr.HYPERVISOR_xen_version:
      return doXenVersion(a0, a1);
    case nr.HYPERVISOR_console_io:
      return doConsoleIo(a0, a1, a2);
    case nr.HYPERVISOR_grant_table_op:
      return doGrantTableOp(<u32>a0, a1, <u32>a2);
    case nr.HYPERVISOR_vm_assist:
      return doVmAssist(a0, a1);
    case nr.HYPERVISOR_vcpu_op:
      return doVcpuOp(a0, <u32>a1, a2);
    case nr.HYPERVISOR_mmuext_op:
      return doMmuextOp(a0, <u32>a1, a2, <u32>a3);
    case nr.HYPERVISOR_sched_op:
      return doSchedOp(a0, a1);
    case nr.HYPERVISOR_event_channel_op:
      return doEventChannelOp(<u32>a0, a1);
    case nr.HYPERVISOR_physdev_op:
      return doPhysdevOp(<u32>a0, a1);
    case nr.HYPERVISOR_domctl:
      return doDomctl(a0);
    case nr.HYPERVISOR_sysctl:
      return doSysctl(a0);
    case nr.HYPERVISOR_platform_op:
      // Only a control domain may, and this machine has nothing of what it asks for.
      return isPrivileged(currentVcpu.domain) ? -ENOSYS : -EPERM;
    case nr.HYPERVISOR_arch_7:
      return isNative(currentVcpu.domain) ? doNativeOp(a0, a1, a2) : -ENOSYS;
    case nr.HYPERVISOR_set_trap_table:
    case nr.HYPERVISOR_set_gdt:
    case nr.HYPERVISOR_stack_switch:
    case nr.HYPERVISOR_set_callbacks:
    case nr.HYPERVISOR_fpu_taskswitch:
    case nr.HYPERVISOR_set_debugreg:
    case nr.HYPERVISOR_get_debugreg:
    case nr.HYPERVISOR_update_descriptor:
    case nr.HYPERVISOR_iret:
    case nr.HYPERVISOR_set_segment_base:
    case nr.HYPERVISOR_nmi_op:
    case nr.HYPERVISOR_callback_op:
      return isNative(currentVcpu.domain) ? -ENOSYS : pvOnlyHypercall(<u32>number, a0, a1, a2);
    // Not there for a PV guest, as in a Xen built without them: hvm_op, xsm_op (no FLASK), dm_op, kexec, tmem, argo,
    // xenoprof, xenpmu, hypfs, physdev_op_compat.
    default:
      return -ENOSYS;
  }
}

/**
 * multicall(list, count): runs the calls in order and stores each result. Stops for other work, to be continued with
 * the rest of the list. An iret ends it.
 */
function doMulticall(list: u64, calls: u32): i64 {
  const native = isNative(currentVcpu.domain);
  if (!native && !guestRangeOk(list, <u64>calls * nr.MULTICALL_ENTRY_SIZE)) return -EFAULT;
  for (let i: u32 = 0; i < calls; i++) {
    const at = list + <u64>i * nr.MULTICALL_ENTRY_SIZE;
    if (i && preemptCheck()) return continueWith(at, <u64>(calls - i));
    const entry = threadScratch();
    if (!copyFromGuest(entry, at, nr.MULTICALL_ENTRY_SIZE)) return -EFAULT;
    const number = load<u64>(entry, nr.MULTICALL_ENTRY_OP);
    multicallMember = true;
    let result: i64 = -EINVAL;
    if (number != <u64>nr.HYPERVISOR_multicall)
      result = hypercall(
        number,
        load<u64>(entry, nr.MULTICALL_ENTRY_ARGS),
        load<u64>(entry, nr.MULTICALL_ENTRY_ARGS + WORD),
        load<u64>(entry, nr.MULTICALL_ENTRY_ARGS + 2 * WORD),
        load<u64>(entry, nr.MULTICALL_ENTRY_ARGS + 3 * WORD),
        load<u64>(entry, nr.MULTICALL_ENTRY_ARGS + 4 * WORD),
        load<u64>(entry, nr.MULTICALL_ENTRY_ARGS + 5 * WORD),
      );
    if (registersReplaced) {
      // An iret: the guest is elsewhere now, where the list may not even be mapped.
      writeGuest64(at + nr.MULTICALL_ENTRY_RESULT, load<u64>(currentVcpu.cpu + CPU_GPR));
      return 0;
    }
    if (result == HYPERCALL_CONTINUE) {
      // The entry gets what is left, and the multicall is continued from it.
      const rest = threadScratch();
      store<u64>(rest, nextArg0);
      store<u64>(rest, nextArg1, WORD);
      store<u64>(rest, nextArg2, 2 * WORD);
      store<u64>(rest, nextArg3, 3 * WORD);
      store<u64>(rest, nextArg4, 4 * WORD);
      store<u64>(rest, nextArg5, 5 * WORD);
      if (!copyToGuest(at + nr.MULTICALL_ENTRY_ARGS, rest, 6 * WORD)) return -EFAULT;
      return continueWith(at, <u64>(calls - i));
    }
    if (!writeGuest64(at + nr.MULTICALL_ENTRY_RESULT, result)) return -EFAULT;
  }
  return 0;
}

/** The hypercall that a PV vCPU has just asked for by SYSCALL from kernel mode, number in RAX. */
export function pvHypercall(v: Vcpu): void {
  const gpr = v.cpu + CPU_GPR;
  beginHypercall();
  multicallMember = false;
  const number = load<u64>(gpr);
  const result = hypercall(
    number,
    load<u64>(gpr + RDI),
    load<u64>(gpr + RSI),
    load<u64>(gpr + RDX),
    load<u64>(gpr + R10),
    load<u64>(gpr + R8),
    load<u64>(gpr + R9),
  );
  if (registersReplaced) return;
  if (result == HYPERCALL_CONTINUE) {
    store<u64>(gpr, number);
    store<u64>(gpr + RDI, nextArg0);
    store<u64>(gpr + RSI, nextArg1);
    store<u64>(gpr + RDX, nextArg2);
    store<u64>(gpr + R10, nextArg3);
    store<u64>(gpr + R8, nextArg4);
    store<u64>(gpr + R9, nextArg5);
    store<u64>(v.cpu, load<u64>(v.cpu, CPU_RIP) - SYSCALL_LENGTH, CPU_RIP);
    return;
  }
  store<u64>(gpr, result);
}

/** A native domain's hypercall, carried to its end. */
export function nativeHypercall(number: u64, a0: u64, a1: u64, a2: u64, a3: u64, a4: u64): i64 {
  beginHypercall();
  let result = hypercall(number, a0, a1, a2, a3, a4, 0);
  while (result == HYPERCALL_CONTINUE)
    result = hypercall(number, nextArg0, nextArg1, nextArg2, nextArg3, nextArg4, nextArg5);
  return result;
}
