/**
 * What every x87 instruction begins and ends with: control and status word, exceptions, the register stack with its tags, the pointers to the last
 * instruction. SDM volume 1, 8.1, 8.4 and 8.5.
 */
import { cpu } from "../machine";
import { OP_MODRM, OP_OPCODE } from "../op";
import { ripOf } from "../operands";
import { CPU_FCW, CPU_FDP, CPU_FIP, CPU_FOP, CPU_FPR, CPU_FSW, CPU_FTW, FPR_SIGN_EXPONENT } from "../state";
import { updateSummary, x87Available } from "./control";

export const IE: u32 = 1;
export const DE: u32 = 2;
export const ZE: u32 = 4;
export const OE: u32 = 8;
export const UE: u32 = 16;
export const PE: u32 = 32;
/** Stack fault; always with IE. */
export const SF: u32 = 64;
export const C0: u32 = 0x100;
export const C1: u32 = 0x200;
export const C2: u32 = 0x400;
export const C3: u32 = 0x4000;

/** Rounding control: to nearest even, down, up, toward zero. */
export const ROUND_NEAREST: u32 = 0;
export const ROUND_DOWN: u32 = 1;
export const ROUND_UP: u32 = 2;
export const ROUND_ZERO: u32 = 3;

/** The result of an invalid operation, and what a masked stack fault leaves: the negative quiet NaN without payload. */
export const INDEFINITE_SE: u32 = 0xffff;
export const INDEFINITE_SIG: u64 = 0xc000000000000000;

/** FCW as the instruction finds it. */
export let control: u32 = 0;
export let rounding: u32 = 0;
/** The exceptions that the instruction has met, SF, and C0..C3 as it leaves them. */
export let raised: u32 = 0;

/** Result of the last operation: sign and exponent, significand. */
export let resultSe: u32 = 0;
export let resultSig: u64 = 0;
// @ts-ignore: decorator
@inline
export function setResult80(se: u32, sig: u64): void {
  resultSe = se;
  resultSig = sig;
}

/** The present instruction, and the offset of its memory operand. */
let current: usize = 0;
let operandOffset: u64 = 0;
let hasOperand: bool = false;
export function setOperandOffset(offset: u64): void {
  operandOffset = offset;
  hasOperand = true;
}

/** Raises #NM, or #MF for an earlier instruction. Returns false if it has raised. */
export function begin(op: usize): bool {
  if (!x87Available(true)) return false;
  control = <u32>load<u16>(cpu, CPU_FCW);
  rounding = (control >> 10) & 3;
  raised = 0;
  current = op;
  hasOperand = false;
  return true;
}
export function setRounding(mode: u32): void {
  rounding = mode;
}
// @ts-ignore: decorator
@inline
export function note(bits: u32): void {
  raised |= bits;
}
export function forget(bits: u32): void {
  raised &= ~bits;
}
// @ts-ignore: decorator
@inline
export function masked(exception: u32): bool {
  return (control & exception) != 0;
}
/** Returns whether the operands have an unmasked exception, so that registers and memory stay as they are. */
// @ts-ignore: decorator
@inline
export function blocked(): bool {
  return (raised & ~control & (IE | DE | ZE)) != 0;
}
/** Makes the result the indefinite NaN, with IE. */
export function invalid(): void {
  note(IE);
  setResult80(INDEFINITE_SE, INDEFINITE_SIG);
}
/** A register that is read is empty. C1 stays 0. */
export function underflowed(): void {
  note(IE | SF);
  setResult80(INDEFINITE_SE, INDEFINITE_SIG);
}
/** A register that is pushed into is not empty. */
export function overflowed(): void {
  note(IE | SF | C1);
  setResult80(INDEFINITE_SE, INDEFINITE_SIG);
}

/**
 * Makes exceptions sticky, and takes over C1 and those conditions in `conditions` that were noted; ES and B follow. FIP becomes this instruction's;
 * FOP and FDP only if it has met an unmasked exception (CPUID.7.EBX[6]; volume 1, 8.1.8 and 8.1.9).
 */
export function end(conditions: u32 = C1): void {
  // If an exception of the operands prevents the result, it also prevents the exceptions of the result.
  if (blocked()) raised &= ~(OE | UE | PE | (raised & SF ? 0 : C1));
  const status = (<u32>load<u16>(cpu, CPU_FSW)) & ~conditions;
  store<u16>(cpu, <u16>(status | (raised & (conditions | 0x7f))), CPU_FSW);
  updateSummary();
  store<u64>(cpu, ripOf(current), CPU_FIP);
  if (raised & ~control & 0x3f) {
    store<u16>(cpu, <u16>((((<u32>load<u8>(current, OP_OPCODE)) & 7) << 8) | load<u8>(current, OP_MODRM)), CPU_FOP);
    if (hasOperand) store<u64>(cpu, operandOffset, CPU_FDP);
  }
}

// ---- stack ----

// @ts-ignore: decorator
@inline
export function top(): u32 {
  return ((<u32>load<u16>(cpu, CPU_FSW)) >> 11) & 7;
}
export function setTop(n: u32): void {
  store<u16>(cpu, <u16>(((<u32>load<u16>(cpu, CPU_FSW)) & ~0x3800) | ((n & 7) << 11)), CPU_FSW);
}
/** Address of ST(i). */
// @ts-ignore: decorator
@inline
export function st(i: u32): usize {
  return cpu + CPU_FPR + ((<usize>((top() + i) & 7)) << 4);
}
// @ts-ignore: decorator
@inline
export function isEmpty(i: u32): bool {
  return !(((<u32>load<u8>(cpu, CPU_FTW)) >> ((top() + i) & 7)) & 1);
}
export function setTag(i: u32, valid: bool): void {
  const bit: u32 = (<u32>1) << ((top() + i) & 7);
  const tags = <u32>load<u8>(cpu, CPU_FTW);
  store<u8>(cpu, <u8>(valid ? tags | bit : tags & ~bit), CPU_FTW);
}
export function setSt(i: u32, se: u32, sig: u64): void {
  const at = st(i);
  store<u64>(at, sig);
  store<u16>(at, <u16>se, FPR_SIGN_EXPONENT);
  setTag(i, true);
}
/** Sets ST(i) to the result. */
// @ts-ignore: decorator
@inline
export function keep(i: u32): void {
  setSt(i, resultSe, resultSig);
}
export function pop(): void {
  setTag(0, false);
  setTop(top() + 1);
}
/** Pushes the result. */
export function push(): void {
  setTop(top() - 1);
  keep(0);
}
