/**
 * The functions that translated code calls. Region modules import these by name from the instance of core.wasm that adopts them
 * (../translator/imports.ts has the signatures), so the entry file of every module with an engine exports them.
 */
import { translate } from "./access";
import { aluExecute } from "./alu";
import { avxExecute } from "./avx/avx";
import { fusedDoubles, fusedSingles } from "./avx/fused_fast";
import { bitsExecute } from "./bits";
import { clearCodeChanged, codeChanged } from "./frames/code";
import { dataExecute } from "./data";
import { RF, changeFlags, condition, getCarry, getRflags } from "./flags";
import { clearFault, fault } from "./machine";
import { ACCESS_READ, ACCESS_WRITE, isCanonical } from "./paging/format";
import { segmentExecute } from "./segment";
import { shiftExecute } from "./shift";
import { sseExecute } from "./sse/sse";
import { stackExecute } from "./stack";
import { PATIENCE, stringExecute } from "./string";
import { multiplySigned, wideHigh } from "./wide";
import { systemExecute } from "./system";
import { x87Product, x87Sum } from "./x87/fast";
import { x87Execute, x87Wait } from "./x87/x87";

/** The instruction is done. */
const DONE: i32 = 0;
/** Nothing was done that could not be repeated. The interpreter has to execute the instruction, and to report what is wrong. */
const BAIL: i32 = 1;
/** The instruction is done and has changed the running code, so the next instruction has to be looked up. */
const CODE_CHANGED: i32 = 2;

/** Returns the host address of `size` bytes at `lin` for reading; 0 if they do not lie in one page or may not be read. */
export function region_read(lin: i64, size: i32): i32 {
  if (((<i32>lin) & 0xfff) + size > 4096 || !isCanonical(<u64>lin)) return 0;
  const host = translate(<u64>lin, ACCESS_READ);
  clearFault();
  return <i32>host;
}

/** The same for writing; 0 also if that changes the running code. */
export function region_write(lin: i64, size: i32): i32 {
  if (((<i32>lin) & 0xfff) + size > 4096 || !isCanonical(<u64>lin)) return 0;
  const host = translate(<u64>lin, ACCESS_WRITE);
  clearFault();
  if (!codeChanged) return <i32>host;
  clearCodeChanged();
  return 0;
}

function settle(): i32 {
  if (fault) {
    clearFault();
    clearCodeChanged();
    return BAIL;
  }
  if (!codeChanged) return DONE;
  clearCodeChanged();
  return CODE_CHANGED;
}

export function region_alu(op: i32): i32 {
  aluExecute(<usize>op);
  return settle();
}
export function region_data(op: i32): i32 {
  dataExecute(<usize>op);
  return settle();
}
export function region_stack(op: i32): i32 {
  stackExecute(<usize>op);
  return settle();
}
export function region_shift(op: i32): i32 {
  shiftExecute(<usize>op);
  return settle();
}
export function region_bits(op: i32): i32 {
  bitsExecute(<usize>op);
  return settle();
}
/** A repetition that is not finished bails; its registers say how far it is. */
export function region_string(op: i32): i32 {
  const finished = stringExecute(<usize>op, PATIENCE);
  const status = settle();
  return finished ? status : BAIL;
}
export function region_x87(op: i32): i32 {
  x87Execute(<usize>op);
  return settle();
}
/** See x87/fast.ts. */
export function region_x87_product(a: i64, b: i64, seA: i32, seB: i32): i32 {
  return <i32>x87Product(<u64>a, <u64>b, <u32>seA, <u32>seB);
}
export function region_x87_sum(a: i64, b: i64, seA: i32, seB: i32): i32 {
  return <i32>x87Sum(<u64>a, <u64>b, <u32>seA, <u32>seB);
}
export function region_sse(op: i32): i32 {
  sseExecute(<usize>op);
  return settle();
}
export function region_avx(op: i32): i32 {
  avxExecute(<usize>op);
  return settle();
}
export function region_wait(op: i32): i32 {
  x87Wait();
  return settle();
}
/** Of these families, only instructions that change neither the mode nor a segment's base. */
export function region_system(op: i32): i32 {
  systemExecute(<usize>op);
  return settle();
}
export function region_segment(op: i32): i32 {
  segmentExecute(<usize>op);
  return settle();
}

/** R11 of SYSCALL: RFLAGS without RF. */
export function region_rflags(): i64 {
  return <i64>(getRflags() & ~(<u64>RF));
}
/** For the flags in the vCPU's state. */
export function region_condition(code: i32): i32 {
  return condition(code) ? 1 : 0;
}
export function region_carry(): i32 {
  return getCarry();
}
/** Sets the flags in `mask` to `bits`, in the vCPU's state. */
export function region_change_flags(mask: i32, bits: i32): void {
  changeFlags(mask, bits);
}
/** CF and OF of a 64-bit IMUL, 0x801 or 0. */
export function region_imul_flags(a: i64, b: i64): i32 {
  const low = multiplySigned(a, b);
  return wideHigh != <u64>((<i64>low) >> 63) ? 0x801 : 0;
}
/** See avx/fused_fast.ts. */
export function region_fused_doubles(x: v128, y: v128, z: v128): v128 {
  return fusedDoubles(x, y, z);
}
export function region_fused_singles(x: v128, y: v128, z: v128): v128 {
  return fusedSingles(x, y, z);
}
