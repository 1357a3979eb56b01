/**
 * Entry into the guest's kernel: pushes Xen's frame onto the kernel's stack and sets where it continues (create_bounce_frame). From low addresses the
 * frame is RCX R11 [DS ES FS GS] [error code] RIP CS RFLAGS RSP SS. The upper half of CS holds the event mask as it was, and CS has RPL 0 if the
 * kernel was interrupted.
 */
import { PF_USER, RFLAGS_IF, RFLAGS_IOPL } from "../../../machine/cpu/control_bits";
import { TRAP_INFO_ADDRESS, TRAP_INFO_FLAGS } from "../../../abi/arch_x86";
import { probeWrite, write64 } from "../../../machine/cpu/access";
import { getRflags, setRflags } from "../../../machine/cpu/flags";
import { refreshMode } from "../../../machine/cpu/mode";
import { clearFault, cpu, fault } from "../../../machine/cpu/machine";
import {
  CPU_GPR,
  CPU_RFLAGS,
  CPU_RIP,
  CPU_SHADOW,
  CS,
  DS,
  ES,
  FS,
  GS,
  SEG_SELECTOR,
  SS,
} from "../../../machine/cpu/state";
import { VCPU_INFO_CR2, VMASST_TYPE_architectural_iopl } from "../../../abi/xen";
import { TI_IF } from "../../abi/implied";
import { LOG_DEFAULT, LOG_G_ERR } from "../../abi/log";
import { logBegin, logDec, logEnd, logHex, logText, logVcpu } from "../../console/console";
import { VCPU_PAGE_FAULT_COUNT, Vcpu, trapInfo } from "../../domain/domain";
import { domainCrash } from "../../domain/lifecycle";
import { guestRangeOk } from "./address";
import { enterGuestTlb, leaveGuestTlb } from "../../sched/ipi";
import { inKernelMode, toggleGuestMode } from "./mode";
import { segmentOf, setFlatKernelSegments } from "./segments";
import { setUpcallMask, upcallMask } from "./state";

const RCX: usize = CPU_GPR + 8;
const RSP: usize = CPU_GPR + 32;
const R11: usize = CPU_GPR + 88;
export const RFLAGS_TF: u64 = 0x100;
export const RFLAGS_RF: u64 = 0x10000;
/** VM, RF, NT, TF and AC are cleared on every entry. */
const CLEARED: u64 = 0x20000 | 0x10000 | 0x4000 | 0x100 | 0x40000;

const FRAME_ERROR_CODE: u32 = 1;
export const FRAME_MASKS_EVENTS: u32 = 2;
export const FRAME_FAILSAFE: u32 = 4;

// @ts-ignore: decorator
@inline
function selector(n: usize): u64 {
  return load<u16>(segmentOf(cpu, n), SEG_SELECTOR);
}

/** Returns the virtual RFLAGS: IF is the inverse of the event mask, and IOPL is the virtual one where the guest asked for it. */
function guestRflags(v: Vcpu, mask: u32): u64 {
  let flags = getRflags() & ~(RFLAGS_IF | RFLAGS_IOPL);
  if (!mask) flags |= RFLAGS_IF;
  if ((v.domain.vmAssist >> (<u64>VMASST_TYPE_architectural_iopl)) & 1) flags |= (<u64>v.iopl) << 12;
  return flags;
}

/** Pushes a frame, and makes the running vCPU continue at `address`. Crashes the domain if its stack can't take the frame. */
export function bounceTo(v: Vcpu, address: u64, flags: u32, errorCode: u32): void {
  const cs: u64 = selector(CS);
  const ss: u64 = selector(SS);
  const oldRsp = load<u64>(cpu, RSP);
  let top = oldRsp;
  let savedCs = cs;
  if (inKernelMode(v)) savedCs &= ~3;
  else {
    toggleGuestMode(v);
    top = v.kernelSp;
  }
  top &= ~15;
  const extra = <u64>(flags & FRAME_ERROR_CODE ? 8 : 0) + <u64>(flags & FRAME_FAILSAFE ? 32 : 0);
  const bytes: u64 = 56 + extra;
  const bottom = top - bytes;
  const mask = upcallMask(v);
  const rflags = guestRflags(v, mask);
  const dsValue: u64 = selector(DS);
  const esValue: u64 = selector(ES);
  const fsValue: u64 = selector(FS);
  const gsValue: u64 = selector(GS);
  setFlatKernelSegments();
  setRflags((getRflags() & ~CLEARED) | RFLAGS_IF);
  refreshMode();
  if (!address || !guestRangeOk(bottom, bytes)) {
    crashed(v, address, bottom);
    return;
  }
  enterGuestTlb();
  probeWrite(bottom, 8);
  if (!fault) probeWrite(top - 8, 8);
  if (!fault) {
    let at = bottom;
    write64(at, load<u64>(cpu, RCX));
    write64(at + 8, load<u64>(cpu, R11));
    at += 16;
    if (flags & FRAME_FAILSAFE) {
      write64(at, dsValue);
      write64(at + 8, esValue);
      write64(at + 16, fsValue);
      write64(at + 24, gsValue);
      at += 32;
    }
    if (flags & FRAME_ERROR_CODE) {
      write64(at, errorCode);
      at += 8;
    }
    write64(at, load<u64>(cpu, CPU_RIP));
    write64(at + 8, savedCs | ((<u64>mask) << 32));
    write64(at + 16, rflags);
    write64(at + 24, oldRsp);
    write64(at + 32, ss);
  }
  leaveGuestTlb();
  if (fault) {
    clearFault();
    crashed(v, address, bottom);
    return;
  }
  store<u64>(cpu, bottom, RSP);
  store<u64>(cpu, address, CPU_RIP);
  store<u32>(cpu, 0, CPU_SHADOW);
  if (flags & FRAME_MASKS_EVENTS) setUpcallMask(v, 1);
}

function crashed(v: Vcpu, address: u64, stack: u64): void {
  logBegin(LOG_DEFAULT);
  logVcpu(v.domid, v.vcpuId);
  if (address) {
    logText(" domain_crash_sync: no kernel stack for an entry at ");
    logHex(stack, 16);
  } else logText(" domain_crash_sync: entry without a handler");
  logEnd();
  domainCrash(v.domain);
}

/**
 * Delivers an exception or software interrupt through the guest's trap table. RIP is what the guest is to see. A vector without a handler crashes the
 * domain.
 */
export function injectTrap(v: Vcpu, vector: u32, errorCode: u32, withError: bool): void {
  const info = trapInfo(v, vector);
  const address = load<u64>(info, TRAP_INFO_ADDRESS);
  if (!address) {
    logBegin(LOG_G_ERR);
    logVcpu(v.domid, v.vcpuId);
    logText(" Unhandled fault/trap #");
    logDec(vector);
    logText(" [ec=");
    logHex(errorCode, 4);
    logText("]");
    logEnd();
    domainCrash(v.domain);
    return;
  }
  let flags: u32 = withError ? FRAME_ERROR_CODE : 0;
  if (load<u8>(info, TRAP_INFO_FLAGS) & TI_IF) flags |= FRAME_MASKS_EVENTS;
  bounceTo(v, address, flags, errorCode);
}

/** Delivers a page fault: CR2 goes to vcpu_info, and the user bit of the error code says whether the guest was in user mode. */
export function injectPageFault(v: Vcpu, address: u64, errorCode: u32): void {
  const count = changetype<usize>(v) + VCPU_PAGE_FAULT_COUNT;
  store<u64>(count, load<u64>(count) + 1);
  v.trapCr2 = address;
  if (v.vcpuInfo) store<u64>(v.vcpuInfo, address, VCPU_INFO_CR2);
  injectTrap(v, 14, (errorCode & ~PF_USER) | (inKernelMode(v) ? 0 : PF_USER), true);
}

/**
 * A processor sets RF in the flags that it saves for a fault, so that a breakpoint on the instruction does not hit again when it is repeated. The
 * entry that follows clears it.
 */
export function markFault(): void {
  store<u64>(cpu, load<u64>(cpu, CPU_RFLAGS) | RFLAGS_RF, CPU_RFLAGS);
}

export function injectGp(v: Vcpu, errorCode: u32 = 0): void {
  injectTrap(v, 13, errorCode, true);
}
export function injectUd(v: Vcpu): void {
  injectTrap(v, 6, 0, false);
}
