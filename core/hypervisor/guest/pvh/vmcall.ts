/**
 * The hypercall conventions of PVH guests. 64-bit code: number in RAX, arguments in RDI RSI RDX R10 R8 R9, result in RAX. 32-bit code: number in EAX,
 * arguments in EBX ECX EDX ESI EDI EBP, result in EAX.
 */
import { inLongMode } from "../../../machine/cpu/operands";
import { CPU_CPL, CPU_EXIT_OP, CPU_GPR } from "../../../machine/cpu/state";
import { cpu } from "../../../machine/cpu/machine";
import { inRealMode } from "../../../machine/cpu/protection";
import { EPERM } from "../../../abi/errno";
import { Vcpu } from "../../domain/domain";
import {
  HYPERCALL_CONTINUE,
  beginHypercall,
  nextArg0,
  nextArg1,
  nextArg2,
  nextArg3,
  nextArg4,
  nextArg5,
} from "../../hypercall/continuation";
import { beginsUntraced, hypercall } from "../../hypercall/dispatch";
import { finish } from "./finish";
import { pvhColumn } from "./hypercalls";
import { pvhColumn32 } from "./hypercalls32";

const RAX: u32 = 0;
const RCX: u32 = 1;
const RDX: u32 = 2;
const RBX: u32 = 3;
const RSI: u32 = 6;
const RDI: u32 = 7;
const R8: u32 = 8;
const R9: u32 = 9;
const R10: u32 = 10;

// @ts-ignore: decorator
@inline
function gpr(n: u32): u64 {
  return load<u64>(cpu + CPU_GPR + <usize>n * 8);
}
// @ts-ignore: decorator
@inline
function setGpr(n: u32, value: u64): void {
  store<u64>(cpu + CPU_GPR + <usize>n * 8, value);
}

/** Carries out VMCALL or VMMCALL, which only kernels may execute. Returns what finish() returns. */
export function vmcall(v: Vcpu): i32 {
  const op = <usize>load<u32>(cpu, CPU_EXIT_OP);
  if (load<u32>(cpu, CPU_CPL) || inRealMode()) setGpr(RAX, inLongMode() ? <u64>-(<i64>EPERM) : <u64>(<u32>-EPERM));
  else if (!(inLongMode() ? call64() : call32())) return -1;
  return finish(v, op);
}

/** Returns false if the same instruction is to be executed again, with what is left of the call. */
function call64(): bool {
  beginHypercall();
  const number = gpr(RAX);
  let result: i64;
  if (beginsUntraced(number)) result = pvhColumn(number, gpr(RDI), gpr(RSI), gpr(RDX), gpr(R10));
  else result = hypercall(number, gpr(RDI), gpr(RSI), gpr(RDX), gpr(R10), gpr(R8), gpr(R9));
  if (result == HYPERCALL_CONTINUE) {
    setGpr(RDI, nextArg0);
    setGpr(RSI, nextArg1);
    setGpr(RDX, nextArg2);
    setGpr(R10, nextArg3);
    setGpr(R8, nextArg4);
    setGpr(R9, nextArg5);
    return false;
  }
  setGpr(RAX, <u64>result);
  return true;
}

function call32(): bool {
  beginHypercall();
  const number = gpr(RAX) & 0xffffffff;
  // It is counted but not traced, because the trace's reader takes structures for those of 64-bit guests.
  beginsUntraced(number);
  const result = pvhColumn32(number, gpr(RBX) & 0xffffffff, gpr(RCX) & 0xffffffff, gpr(RDX) & 0xffffffff);
  if (result == HYPERCALL_CONTINUE) {
    setGpr(RBX, nextArg0 & 0xffffffff);
    setGpr(RCX, nextArg1 & 0xffffffff);
    setGpr(RDX, nextArg2 & 0xffffffff);
    setGpr(RSI, nextArg3 & 0xffffffff);
    setGpr(RDI, nextArg4 & 0xffffffff);
    return false;
  }
  setGpr(RAX, <u64>(<u32>result));
  return true;
}
