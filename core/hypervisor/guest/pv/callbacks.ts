/** Where the guest's kernel wants to be entered: trap table, callbacks, NMI, kernel stack. */
import { EFAULT, EINVAL, ENOSYS } from "../../abi/errno";
import * as abi from "../../abi/arch_x86";
import {
  GUEST_FAILSAFE_DISABLES_EVENTS,
  GUEST_SYSCALL_DISABLES_EVENTS,
  TRAP_INFO_CS,
  VCPU_TRAPS,
  Vcpu,
  currentVcpu,
  trapInfo,
  vcpuOf,
} from "../../domain/domain";
import { clearGuestFault, copyFromGuest, guestFault, readGuest16, readGuest64 } from "../../hypercall/guest_access";
import { continueWith, preemptCheck } from "../../hypercall/continuation";
import { isCanonical } from "../../../machine/cpu/paging/format";
import { threadScratch } from "../../sched/pcpu";

const VECTORS: u32 = 256;
const VECTOR_NMI: u32 = 2;

/** A selector as the guest may have it: ring 3. */
export function ring3Selector(selector: u32): u32 {
  return selector & 0xfffc ? selector | 3 : selector;
}

/** HYPERVISOR_set_trap_table: entries up to one with address 0; a null pointer empties the table. */
export function doSetTrapTable(v: Vcpu, table: u64): i64 {
  if (!table) {
    memory.fill(changetype<usize>(v) + VCPU_TRAPS, 0, VECTORS * abi.TRAP_INFO_SIZE);
    return 0;
  }
  const entry = threadScratch();
  let at = table;
  while (true) {
    if (at != table && preemptCheck()) return continueWith(at, 0);
    if (!copyFromGuest(entry, at, abi.TRAP_INFO_SIZE)) return -EFAULT;
    const address = load<u64>(entry, 8);
    if (!address) return 0;
    if (!isCanonical(address)) return -EINVAL;
    store<u16>(entry, <u16>ring3Selector(load<u16>(entry, TRAP_INFO_CS)), TRAP_INFO_CS);
    memory.copy(trapInfo(v, load<u8>(entry)), entry, abi.TRAP_INFO_SIZE);
    at += abi.TRAP_INFO_SIZE;
  }
}

/** HYPERVISOR_set_callbacks. */
export function doSetCallbacks(v: Vcpu, event: u64, failsafe: u64, syscall: u64): i64 {
  v.eventCallback = event;
  v.failsafeCallback = failsafe;
  v.syscallCallback = syscall;
  return 0;
}

/** HYPERVISOR_stack_switch. */
export function doStackSwitch(v: Vcpu, ss: u64, sp: u64): i64 {
  v.kernelSs = ring3Selector((<u32>ss) & 0xffff);
  v.kernelSp = sp;
  return 0;
}

/** HYPERVISOR_callback_op. */
export function doCallbackOp(v: Vcpu, cmd: u64, arg: u64): i64 {
  clearGuestFault();
  const type = readGuest16(arg);
  const flags = readGuest16(arg + 2);
  if (cmd == abi.CALLBACKOP_register) {
    const address = readGuest64(arg + 8);
    if (guestFault) return -EFAULT;
    if (!isCanonical(address)) return -EINVAL;
    return register(v, type, flags, address);
  }
  if (cmd != abi.CALLBACKOP_unregister) return -ENOSYS;
  if (guestFault) return -EFAULT;
  if (type == <u32>abi.CALLBACKTYPE_nmi) {
    v.nmiCallback = 0;
    return 0;
  }
  switch (type) {
    case abi.CALLBACKTYPE_event:
    case abi.CALLBACKTYPE_failsafe:
    case abi.CALLBACKTYPE_syscall:
    case abi.CALLBACKTYPE_sysenter:
    case abi.CALLBACKTYPE_syscall32:
      // These cannot be taken back.
      return -EINVAL;
    default:
      return -ENOSYS;
  }
}

function register(v: Vcpu, type: u32, flags: u32, address: u64): i64 {
  const masks: u32 = flags & abi.CALLBACKF_mask_events ? 1 : 0;
  switch (type) {
    case abi.CALLBACKTYPE_event:
      v.eventCallback = address;
      return 0;
    case abi.CALLBACKTYPE_failsafe:
      v.failsafeCallback = address;
      if (masks) v.guestFlags |= GUEST_FAILSAFE_DISABLES_EVENTS;
      else v.guestFlags &= ~GUEST_FAILSAFE_DISABLES_EVENTS;
      return 0;
    case abi.CALLBACKTYPE_syscall:
      v.syscallCallback = address;
      if (masks) v.guestFlags |= GUEST_SYSCALL_DISABLES_EVENTS;
      else v.guestFlags &= ~GUEST_SYSCALL_DISABLES_EVENTS;
      return 0;
    case abi.CALLBACKTYPE_syscall32:
      v.syscall32Callback = address;
      v.syscall32DisablesEvents = masks;
      return 0;
    case abi.CALLBACKTYPE_sysenter:
      v.sysenterCallback = address;
      v.sysenterDisablesEvents = masks;
      return 0;
    case abi.CALLBACKTYPE_nmi:
      return registerNmi(v, address);
    default:
      return -ENOSYS;
  }
}

/** NMIs go to the domain's boot vCPU; each vCPU has its own handler. */
function registerNmi(v: Vcpu, address: u64): i64 {
  if (!isCanonical(address)) return -EINVAL;
  v.nmiCallback = address;
  const info = trapInfo(v, VECTOR_NMI);
  store<u8>(info, <u8>VECTOR_NMI);
  store<u8>(info, <u8>abi.TI_IF, 1);
  store<u16>(info, <u16>abi.FLAT_RING3_CS64, TRAP_INFO_CS);
  store<u64>(info, address, 8);
  return 0;
}

/** HYPERVISOR_nmi_op: struct xennmi_callback is a handler address and padding. */
export function doNmiOp(cmd: u64, arg: u64): i64 {
  const d = currentVcpu.domain;
  const boot = vcpuOf(d, 0);
  if (!boot) return -EINVAL;
  if (cmd == abi.XENNMI_register_callback) {
    clearGuestFault();
    const address = readGuest64(arg);
    if (guestFault) return -EFAULT;
    return currentVcpu.vcpuId == 0 ? registerNmi(boot, address) : -EINVAL;
  }
  if (cmd == abi.XENNMI_unregister_callback) {
    boot.nmiCallback = 0;
    return 0;
  }
  return -ENOSYS;
}
