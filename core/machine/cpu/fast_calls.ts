/** SYSCALL, SYSRET, SYSENTER, SYSEXIT: transfers between rings 3 and 0 by MSRs, with flat segments. */
import { getReg64, setReg64 } from "./access";
import { EXIT_SYSCALL, EXIT_SYSENTER } from "./exits";
import { IF, RF, VM, getRflags, setRflags } from "./flags";
import { VECTOR_GP, VECTOR_UD, cpu, raise, refuse, requestExit } from "./machine";
import { OP_PREFIX, PREFIX_REXW } from "./op";
import { inLongMode, nextRip } from "./operands";
import { isCanonical } from "./paging/format";
import { inRealMode, isLongModeActive } from "./protection";
import { setSegment } from "./segment";
import {
  CPU_CPL,
  CPU_CSTAR,
  CPU_DEPRIVILEGED,
  CPU_EFER,
  CPU_FMASK,
  CPU_LSTAR,
  CPU_RIP,
  CPU_STAR,
  CPU_SYSENTER_CS,
  CPU_SYSENTER_EIP,
  CPU_SYSENTER_ESP,
  CS,
  SS,
} from "./state";

export function systemCall(op: usize): void {
  if (!(load<u64>(cpu, CPU_EFER) & 1) || !isLongModeActive()) {
    raise(VECTOR_UD);
    return;
  }
  const flags = getRflags();
  setReg64(1, nextRip(op));
  setReg64(11, flags & ~(<u64>RF));
  if (load<u32>(cpu, CPU_DEPRIVILEGED)) {
    requestExit(EXIT_SYSCALL);
    return;
  }
  store<u64>(cpu, load<u64>(cpu + (inLongMode() ? CPU_LSTAR : CPU_CSTAR)), CPU_RIP);
  setRflags(flags & ~(load<u64>(cpu, CPU_FMASK) | RF));
  const selector = (<u32>(load<u64>(cpu, CPU_STAR) >> 32)) & 0xfffc;
  flatCode(selector, 0, true);
  flatStack(selector + 8, 0);
}

function flatCode(selector: u32, cpl: u32, long: bool): void {
  const attr: u64 = 0x9b | ((<u64>cpl) << 5) | (long ? 0xa00 : 0xc00);
  setSegment(CS, selector, 0xffff | ((attr & 0xff) << 40) | ((attr & 0xf00) << 44) | ((<u64>0xf) << 48));
  store<u32>(cpu, cpl, CPU_CPL);
}
function flatStack(selector: u32, cpl: u32): void {
  const attr: u64 = 0xc93 | ((<u64>cpl) << 5);
  setSegment(SS, selector, 0xffff | ((attr & 0xff) << 40) | ((attr & 0xf00) << 44) | ((<u64>0xf) << 48));
}

export function systemReturn(op: usize): void {
  if (!(load<u64>(cpu, CPU_EFER) & 1)) {
    raise(VECTOR_UD);
    return;
  }
  if (load<u32>(cpu, CPU_DEPRIVILEGED) || load<u32>(cpu, CPU_CPL)) {
    refuse();
    return;
  }
  const long = (load<u8>(op, OP_PREFIX) & PREFIX_REXW) != 0;
  const target = getReg64(1);
  if (long && !isCanonical(target)) {
    raise(VECTOR_GP);
    return;
  }
  store<u64>(cpu, long ? target : target & 0xffffffff, CPU_RIP);
  setRflags((getReg64(11) & 0x3c7fd7) | 2);
  const base = <u32>(load<u64>(cpu, CPU_STAR) >> 48);
  flatCode((base + (long ? 16 : 0)) | 3, 3, long);
  flatStack((base + 8) | 3, 3);
}

export function systemEnter(): void {
  if (load<u32>(cpu, CPU_DEPRIVILEGED)) {
    requestExit(EXIT_SYSENTER);
    return;
  }
  const selector = (<u32>load<u64>(cpu, CPU_SYSENTER_CS)) & 0xfffc;
  if (!selector || inRealMode()) {
    raise(VECTOR_GP);
    return;
  }
  const long = isLongModeActive();
  const mask: u64 = long ? ~(<u64>0) : 0xffffffff;
  setRflags(getRflags() & ~(<u64>(VM | IF | RF)));
  setReg64(4, load<u64>(cpu, CPU_SYSENTER_ESP) & mask);
  store<u64>(cpu, load<u64>(cpu, CPU_SYSENTER_EIP) & mask, CPU_RIP);
  flatCode(selector, 0, long);
  flatStack(selector + 8, 0);
}

export function systemExit(op: usize): void {
  if (load<u32>(cpu, CPU_DEPRIVILEGED) || load<u32>(cpu, CPU_CPL)) {
    refuse();
    return;
  }
  const long = (load<u8>(op, OP_PREFIX) & PREFIX_REXW) != 0;
  const selector = (<u32>load<u64>(cpu, CPU_SYSENTER_CS)) & 0xfffc;
  const target = getReg64(2);
  if (!selector || inRealMode() || (long && (!isCanonical(target) || !isCanonical(getReg64(1))))) {
    raise(VECTOR_GP);
    return;
  }
  setReg64(4, long ? getReg64(1) : getReg64(1) & 0xffffffff);
  store<u64>(cpu, long ? target : target & 0xffffffff, CPU_RIP);
  flatCode((selector + (long ? 32 : 16)) | 3, 3, long);
  flatStack((selector + (long ? 40 : 24)) | 3, 3);
}
