/** HYPERVISOR_iret: the guest's kernel returns, to itself or to user mode. The frame at RSP is struct iret_context. */
import { RFLAGS_VM, RFLAGS_IF, RFLAGS_IOPL } from "../../../machine/cpu/control_bits";
import { read64 } from "../../../machine/cpu/access";
import { setRflags } from "../../../machine/cpu/flags";
import { refreshMode } from "../../../machine/cpu/mode";
import { VECTOR_PF, clearFault, cpu, fault, faultAddress, faultError } from "../../../machine/cpu/machine";
import { CPU_DR, CPU_GPR, CPU_RIP, CS, SEG_SELECTOR, SS } from "../../../machine/cpu/state";
import {
  FLAT_RING3_CS32,
  FLAT_RING3_CS64,
  FLAT_RING3_SS64,
  IRET_CONTEXT_CS,
  IRET_CONTEXT_FLAGS,
  IRET_CONTEXT_R11,
  IRET_CONTEXT_RAX,
  IRET_CONTEXT_RCX,
  IRET_CONTEXT_RFLAGS,
  IRET_CONTEXT_RIP,
  IRET_CONTEXT_RSP,
  IRET_CONTEXT_SIZE,
  IRET_CONTEXT_SS,
  VGCF_in_syscall,
} from "../../../abi/arch_x86";
import { VMASST_TYPE_architectural_iopl } from "../../../abi/xen";
import { GUEST_FAILSAFE_DISABLES_EVENTS, Vcpu } from "../../domain/domain";
import { domainCrash } from "../../domain/lifecycle";
import { guestRangeOk } from "./address";
import { replaceRegisters } from "../../hypercall/continuation";
import { enterGuestTlb, leaveGuestTlb } from "../../sched/ipi";
import { FRAME_FAILSAFE, FRAME_MASKS_EVENTS, RFLAGS_RF, bounceTo, injectPageFault, injectTrap } from "./bounce";
import { setUpcallMask } from "./state";
import { toggleGuestMode } from "./mode";
import { ldtAddressOfGuest, loadCodeAndStack, segmentOf } from "./segments";

const RAX: usize = CPU_GPR;
const RCX: usize = CPU_GPR + 8;
const RSP: usize = CPU_GPR + 32;
const R11: usize = CPU_GPR + 88;
const DR7: usize = CPU_DR + 56;

export function doIret(v: Vcpu): i64 {
  replaceRegisters();
  const at = load<u64>(cpu, RSP);
  if (!guestRangeOk(at, IRET_CONTEXT_SIZE)) {
    domainCrash(v.domain);
    return 0;
  }
  enterGuestTlb();
  const rax = read64(at + IRET_CONTEXT_RAX);
  const r11 = read64(at + IRET_CONTEXT_R11);
  const rcx = read64(at + IRET_CONTEXT_RCX);
  const flags = read64(at + IRET_CONTEXT_FLAGS);
  const rip = read64(at + IRET_CONTEXT_RIP);
  const cs = (<u32>read64(at + IRET_CONTEXT_CS)) & 0xffff;
  const rflags = read64(at + IRET_CONTEXT_RFLAGS);
  const rsp = read64(at + IRET_CONTEXT_RSP);
  const ss = (<u32>read64(at + IRET_CONTEXT_SS)) & 0xffff;
  leaveGuestTlb();
  if (fault) {
    clearFault();
    domainCrash(v.domain);
    return 0;
  }
  if ((cs & 3) == 3) {
    if (!v.userCr3) {
      domainCrash(v.domain);
      return 0;
    }
    toggleGuestMode(v);
  }
  if ((v.domain.vmAssist >> (<u64>VMASST_TYPE_architectural_iopl)) & 1) v.iopl = (<u32>(rflags >> 12)) & 3;
  let newFlags = (rflags & ~(RFLAGS_IOPL | RFLAGS_VM)) | RFLAGS_IF | 2;
  // Without breakpoints RF only slows down the engine's next instruction, and the frame of every fault has it set.
  if (!(load<u64>(cpu, DR7) & 0xff)) newFlags &= ~RFLAGS_RF;
  const bySyscall = (flags & VGCF_in_syscall) != 0;
  store<u64>(cpu, rax, RAX);
  store<u64>(cpu, bySyscall ? rip : rcx, RCX);
  store<u64>(cpu, bySyscall ? newFlags : r11, R11);
  store<u64>(cpu, rsp, RSP);
  store<u64>(cpu, rip, CPU_RIP);
  setRflags(newFlags);
  setUpcallMask(v, rflags & RFLAGS_IF ? 0 : 1);
  v.nmiMasked = 0;
  refreshMode();
  // With the selectors that SYSRET loads the segments are what silicon would give; otherwise they are read from the guest's descriptors.
  let code = cs | 3;
  let stack = ss | 3;
  if (bySyscall) {
    if (code != <u32>FLAT_RING3_CS32) code = FLAT_RING3_CS64;
    else store<u64>(cpu, rip & 0xffffffff, CPU_RIP);
    stack = FLAT_RING3_SS64;
  }
  if (!loadCodeAndStack(v, code, stack)) returnFailed(v, code, stack);
  // SYSRET traps at once if it sets TF, IRET only after one more instruction.
  returnedByIret = !bySyscall;
  return 0;
}

/** Whether the hypercall just made was an iret that ended like IRET and not like SYSRET. */
export let returnedByIret: bool = false;

/**
 * The return to `code` and `stack` has raised the exception in `fault`. Since Xen 4.7 the guest gets it as if the code that it was to return to had
 * caused it; its failsafe callback is for data segments only.
 */
export function returnFailed(v: Vcpu, code: u32, stack: u32): void {
  store<u16>(segmentOf(cpu, CS), <u16>code, SEG_SELECTOR);
  store<u16>(segmentOf(cpu, SS), <u16>stack, SEG_SELECTOR);
  const vector = fault - 1;
  const error = faultError;
  const address = faultAddress;
  clearFault();
  if (vector == VECTOR_PF) injectPageFault(v, ldtAddressOfGuest(v, address), error);
  else injectTrap(v, vector, error, true);
}

/** A data segment of a new context could not be loaded. */
export function failsafe(v: Vcpu): void {
  const masks = v.guestFlags & GUEST_FAILSAFE_DISABLES_EVENTS ? FRAME_MASKS_EVENTS : 0;
  bounceTo(v, v.failsafeCallback, FRAME_FAILSAFE | masks, 0);
}
