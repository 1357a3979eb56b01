/** Arithmetic and comparison instructions: operands, stack faults, destination and pops around arithmetic.ts. SDM volume 1, 8.3.5 and 8.3.6. */
import { FPR_SIGN_EXPONENT } from "../state";
import { changeFlags } from "../flags";
import { C0, C1, C2, C3, DE, IE, SF } from "./status";
import { begin, blocked, end, isEmpty, keep, note, pop, raised, st, underflowed } from "./status";
import { DENORMAL, INFINITY, NORMAL, QNAN, SNAN, UNSUPPORTED, ZERO, classify } from "./number";
import { add, divide, multiply } from "./arithmetic";
import { operandDenormal, operandSe, operandSig } from "./memory";
import { readOperand } from "./transfer";

/** Carries out the operation in ModRM.reg; the destination is a, the source b. */
function operate(which: u32, seA: u32, a: u64, seB: u32, b: u64, extra: u32): void {
  switch (which) {
    case 0:
      return add(seA, a, seB, b, 0, extra);
    case 1:
      return multiply(seA, a, seB, b, extra);
    case 4:
      return add(seA, a, seB, b, 0x8000, extra);
    case 5:
      return add(seB, b, seA, a, 0x8000, extra);
    case 6:
      return divide(seA, a, seB, b, extra);
    default:
      return divide(seB, b, seA, a, extra);
  }
}

/** ST(to) = ST(to) op ST(from), with the operands exchanged for 5 and 7. */
export function computeRegister(op: usize, which: u32, to: u32, from: u32, pops: bool): void {
  if (!begin(op)) return;
  if (isEmpty(to) || isEmpty(from)) underflowed();
  else
    operate(
      which,
      load<u16>(st(to), FPR_SIGN_EXPONENT),
      load<u64>(st(to)),
      load<u16>(st(from), FPR_SIGN_EXPONENT),
      load<u64>(st(from)),
      0,
    );
  if (!blocked()) {
    keep(to);
    if (pops) pop();
  }
  end();
}
/** ST(0) = ST(0) op memory, or compares them. */
export function computeMemory(op: usize, which: u32, kind: u32): void {
  if (!begin(op)) return;
  if (!readOperand(op, kind)) return;
  const compares = which == 2 || which == 3;
  if (isEmpty(0)) {
    underflowed();
    if (compares) note(C0 | C2 | C3);
  } else if (compares) {
    compare(load<u16>(st(0), FPR_SIGN_EXPONENT), load<u64>(st(0)), operandSe, operandSig, operandDenormal, false);
  } else {
    operate(which, load<u16>(st(0), FPR_SIGN_EXPONENT), load<u64>(st(0)), operandSe, operandSig, operandDenormal);
  }
  if (!blocked()) {
    if (!compares) keep(0);
    else if (which == 3) pop();
  }
  end(compares ? C0 | C1 | C2 | C3 : C1);
}

/** C3 C2 C0: 000 greater, 001 less, 100 equal, 111 unordered. A quiet NaN raises IE unless `quiet`. */
function compare(seA: u32, a: u64, seB: u32, b: u64, extra: u32, quiet: bool): void {
  const classA = classify(seA, a);
  const classB = classify(seB, b);
  if (classA >= QNAN || classB >= QNAN) {
    if (!quiet || classA > QNAN || classB > QNAN) note(IE);
    return note(C0 | C2 | C3);
  }
  if (classA == DENORMAL || classB == DENORMAL || extra) note(DE);
  if (classA == ZERO && classB == ZERO) return note(C3);
  const signA = seA >> 15;
  const signB = seB >> 15;
  let less: bool;
  if (classA == ZERO) less = !signB;
  else if (classB == ZERO) less = signA != 0;
  else if (signA != signB) less = signA != 0;
  else {
    // A pseudo-denormal has the value of exponent 1.
    const expA = max<u32>(seA & 0x7fff, 1);
    const expB = max<u32>(seB & 0x7fff, 1);
    if (expA == expB && a == b) return note(C3);
    less = (expA < expB || (expA == expB && a < b)) != (signA != 0);
  }
  if (less) note(C0);
}

/** FCOM FCOMP FCOMPP FUCOM FUCOMP FUCOMPP. */
export function compareRegister(op: usize, i: u32, quiet: bool, pops: u32): void {
  if (!begin(op)) return;
  if (isEmpty(0) || isEmpty(i)) {
    underflowed();
    note(C0 | C2 | C3);
  } else
    compare(
      load<u16>(st(0), FPR_SIGN_EXPONENT),
      load<u64>(st(0)),
      load<u16>(st(i), FPR_SIGN_EXPONENT),
      load<u64>(st(i)),
      0,
      quiet,
    );
  if (!blocked()) for (let n: u32 = 0; n < pops; n++) pop();
  end(C0 | C1 | C2 | C3);
}
/** FTST. */
export function compareZero(op: usize): void {
  if (!begin(op)) return;
  if (isEmpty(0)) {
    underflowed();
    note(C0 | C2 | C3);
  } else compare(load<u16>(st(0), FPR_SIGN_EXPONENT), load<u64>(st(0)), 0, 0, 0, false);
  end(C0 | C1 | C2 | C3);
}
/** FCOMI FCOMIP FUCOMI FUCOMIP: ZF PF CF as C3 C2 C0; OF SF AF become 0. */
export function compareFlags(op: usize, i: u32, quiet: bool, pops: bool): void {
  if (!begin(op)) return;
  if (isEmpty(0) || isEmpty(i)) {
    underflowed();
    note(C0 | C2 | C3);
  } else
    compare(
      load<u16>(st(0), FPR_SIGN_EXPONENT),
      load<u64>(st(0)),
      load<u16>(st(i), FPR_SIGN_EXPONENT),
      load<u64>(st(i)),
      0,
      quiet,
    );
  const outcome = raised;
  // Seen on silicon: the flags change even if an unmasked exception keeps the register from being popped.
  changeFlags(0x8d5, (outcome & C3 ? 0x40 : 0) | (outcome & C2 ? 4 : 0) | (outcome & C0 ? 1 : 0));
  if (pops && !blocked()) pop();
  end(outcome & SF ? C1 : 0);
}
/** FXAM: C3 C2 C0 give the class and C1 the sign, also of an empty register. */
export function examine(op: usize): void {
  if (!begin(op)) return;
  const se = <u32>load<u16>(st(0), FPR_SIGN_EXPONENT);
  const kind = classify(se, load<u64>(st(0)));
  if (se & 0x8000) note(C1);
  if (isEmpty(0)) note(C3 | C0);
  else if (kind == QNAN || kind == SNAN) note(C0);
  else if (kind == NORMAL) note(C2);
  else if (kind == INFINITY) note(C2 | C0);
  else if (kind == ZERO) note(C3);
  else if (kind != UNSUPPORTED) note(C3 | C2);
  end(C0 | C1 | C2 | C3);
}
