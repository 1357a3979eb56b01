/** Where the guest's kernel wants to be entered: trap table, callbacks, NMI handler, kernel stack. */
import { TI_IF } from "../../abi/implied";
import { XENNMI_register_callback, XENNMI_unregister_callback } from "../../../abi/nmi";
import {
  CALLBACKF_mask_events,
  CALLBACKOP_register,
  CALLBACKOP_unregister,
  CALLBACKTYPE_event,
  CALLBACKTYPE_failsafe,
  CALLBACKTYPE_nmi,
  CALLBACKTYPE_syscall,
  CALLBACKTYPE_syscall32,
  CALLBACKTYPE_sysenter,
  CALLBACK_REGISTER_ADDRESS,
  CALLBACK_REGISTER_FLAGS,
  CALLBACK_REGISTER_TYPE,
} from "../../../abi/callback";
import {
  FLAT_RING3_CS64,
  TRAP_INFO_ADDRESS,
  TRAP_INFO_CS,
  TRAP_INFO_FLAGS,
  TRAP_INFO_SIZE,
  TRAP_INFO_VECTOR,
} from "../../../abi/arch_x86";
import { EFAULT, EINVAL, ENOSYS } from "../../../abi/errno";
import {
  GUEST_FAILSAFE_DISABLES_EVENTS,
  GUEST_SYSCALL_DISABLES_EVENTS,
  VCPU_TRAPS,
  Vcpu,
  currentVcpu,
  trapInfo,
  vcpuOf,
} from "../../domain/domain";
import { clearGuestFault, copyFromGuest, guestFault, readGuest16, readGuest64 } from "../../hypercall/guest_access";
import { continueWith, preemptCheck } from "../../hypercall/continuation";
import { VECTOR_NMI } from "../../../machine/cpu/machine";
import { isCanonical } from "../../../machine/cpu/paging/format";
import { threadScratch } from "../../sched/pcpu";

const VECTORS: u32 = 256;

/** Returns the selector as the guest may have it: with ring 3. */
export function ring3Selector(selector: u32): u32 {
  return selector & 0xfffc ? selector | 3 : selector;
}

/** HYPERVISOR_set_trap_table: takes entries up to one with address 0. A null pointer empties the table. */
export function doSetTrapTable(v: Vcpu, table: u64): i64 {
  if (!table) {
    memory.fill(changetype<usize>(v) + VCPU_TRAPS, 0, VECTORS * TRAP_INFO_SIZE);
    return 0;
  }
  const entry = threadScratch();
  let at = table;
  while (true) {
    if (at != table && preemptCheck()) return continueWith(at, 0);
    if (!copyFromGuest(entry, at, TRAP_INFO_SIZE)) return -EFAULT;
    const address = load<u64>(entry, TRAP_INFO_ADDRESS);
    if (!address) return 0;
    if (!isCanonical(address)) return -EINVAL;
    store<u16>(entry, <u16>ring3Selector(load<u16>(entry, TRAP_INFO_CS)), TRAP_INFO_CS);
    memory.copy(trapInfo(v, load<u8>(entry)), entry, TRAP_INFO_SIZE);
    at += TRAP_INFO_SIZE;
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
  const type = readGuest16(arg + CALLBACK_REGISTER_TYPE);
  const flags = readGuest16(arg + CALLBACK_REGISTER_FLAGS);
  if (cmd == CALLBACKOP_register) {
    const address = readGuest64(arg + CALLBACK_REGISTER_ADDRESS);
    if (guestFault) return -EFAULT;
    if (!isCanonical(address)) return -EINVAL;
    return register(v, type, flags, address);
  }
  if (cmd != CALLBACKOP_unregister) return -ENOSYS;
  if (guestFault) return -EFAULT;
  if (type == <u32>CALLBACKTYPE_nmi) {
    v.nmiCallback = 0;
    return 0;
  }
  switch (type) {
    case CALLBACKTYPE_event:
    case CALLBACKTYPE_failsafe:
    case CALLBACKTYPE_syscall:
    case CALLBACKTYPE_sysenter:
    case CALLBACKTYPE_syscall32:
      // These callbacks can't be unregistered.
      return -EINVAL;
    default:
      return -ENOSYS;
  }
}

function register(v: Vcpu, type: u32, flags: u32, address: u64): i64 {
  const masks: u32 = flags & CALLBACKF_mask_events ? 1 : 0;
  switch (type) {
    case CALLBACKTYPE_event:
      v.eventCallback = address;
      return 0;
    case CALLBACKTYPE_failsafe:
      v.failsafeCallback = address;
      if (masks) v.guestFlags |= GUEST_FAILSAFE_DISABLES_EVENTS;
      else v.guestFlags &= ~GUEST_FAILSAFE_DISABLES_EVENTS;
      return 0;
    case CALLBACKTYPE_syscall:
      v.syscallCallback = address;
      if (masks) v.guestFlags |= GUEST_SYSCALL_DISABLES_EVENTS;
      else v.guestFlags &= ~GUEST_SYSCALL_DISABLES_EVENTS;
      return 0;
    case CALLBACKTYPE_syscall32:
      v.syscall32Callback = address;
      v.syscall32DisablesEvents = masks;
      return 0;
    case CALLBACKTYPE_sysenter:
      v.sysenterCallback = address;
      v.sysenterDisablesEvents = masks;
      return 0;
    case CALLBACKTYPE_nmi:
      return registerNmi(v, address);
    default:
      return -ENOSYS;
  }
}

/** NMIs go to the domain's boot vCPU, but each vCPU has its own handler. */
function registerNmi(v: Vcpu, address: u64): i64 {
  if (!isCanonical(address)) return -EINVAL;
  v.nmiCallback = address;
  const info = trapInfo(v, VECTOR_NMI);
  store<u8>(info, <u8>VECTOR_NMI, TRAP_INFO_VECTOR);
  store<u8>(info, <u8>TI_IF, TRAP_INFO_FLAGS);
  store<u16>(info, <u16>FLAT_RING3_CS64, TRAP_INFO_CS);
  store<u64>(info, address, TRAP_INFO_ADDRESS);
  return 0;
}

/** HYPERVISOR_nmi_op: struct xennmi_callback consists of a handler address and padding. */
export function doNmiOp(cmd: u64, arg: u64): i64 {
  const d = currentVcpu.domain;
  const boot = vcpuOf(d, 0);
  if (!boot) return -EINVAL;
  if (cmd == XENNMI_register_callback) {
    clearGuestFault();
    const address = readGuest64(arg);
    if (guestFault) return -EFAULT;
    return currentVcpu.vcpuId == 0 ? registerNmi(boot, address) : -EINVAL;
  }
  if (cmd == XENNMI_unregister_callback) {
    boot.nmiCallback = 0;
    return 0;
  }
  return -ENOSYS;
}
