/** The instructions D9 F0..FF on ST(0) and ST(1), except FDECSTP and FINCSTP. SDM volume 1, 8.3.5 to 8.3.9. */
import { FPR_SIGN_EXPONENT } from "../state";
import { C0, C1, C2, C3 } from "./status";
import { begin, blocked, end, forget, isEmpty, keep, overflowed, pop, push, raised } from "./status";
import { resultSe, resultSig, setResult80, setSt, st, underflowed } from "./status";
import { squareRoot } from "./arithmetic";
import { roundIntegral } from "./memory";
import { extract, extractedSe, extractedSig, forgetQuotient, quotientKnown, remainder, scale } from "./scale";
import { cos, secondSe, secondSig, sin, sinCos, tan } from "./trigonometric";
import { exp2Minus1, log2Plus1, log2Times } from "./logarithm";
import { arctangent } from "./arctangent";

const F2XM1: u32 = 0;
const FYL2X: u32 = 1;
const FPTAN: u32 = 2;
const FPATAN: u32 = 3;
const FXTRACT: u32 = 4;
const FPREM1: u32 = 5;
const FPREM: u32 = 8;
const FYL2XP1: u32 = 9;
const FSQRT: u32 = 10;
const FSINCOS: u32 = 11;
const FRNDINT: u32 = 12;
const FSCALE: u32 = 13;
const FSIN: u32 = 14;

export function unary(op: usize, which: u32): void {
  switch (which) {
    case FPREM:
    case FPREM1:
    case FSCALE:
      return onTwo(op, which);
    case FXTRACT:
      return onTopAndPush(op);
    case FPTAN:
    case FSINCOS:
      return twoResults(op, which == FPTAN);
    case FYL2X:
    case FYL2XP1:
    case FPATAN:
      return onTwoAndPop(op, which);
    default:
      return onTop(op, which);
  }
}

function onTop(op: usize, which: u32): void {
  if (!begin(op)) return;
  if (isEmpty(0)) underflowed();
  else {
    const se = <u32>load<u16>(st(0), FPR_SIGN_EXPONENT);
    const sig = load<u64>(st(0));
    if (which == FSQRT) squareRoot(se, sig);
    else if (which == FRNDINT) roundIntegral(se, sig);
    else if (which == F2XM1) exp2Minus1(se, sig);
    else if (which == FSIN) sin(se, sig);
    else cos(se, sig);
  }
  if (!blocked()) keep(0);
  end(which > FSCALE ? C1 | C2 : C1);
}

/** Computes ST(0) from ST(0) and ST(1), which stays. */
function onTwo(op: usize, which: u32): void {
  if (!begin(op)) return;
  forgetQuotient();
  if (isEmpty(0) || isEmpty(1)) underflowed();
  else {
    const seA = <u32>load<u16>(st(0), FPR_SIGN_EXPONENT);
    const a = load<u64>(st(0));
    const seB = <u32>load<u16>(st(1), FPR_SIGN_EXPONENT);
    const b = load<u64>(st(1));
    if (which == FSCALE) scale(seA, a, seB, b);
    else remainder(seA, a, seB, b, which == FPREM1);
  }
  if (!blocked()) keep(0);
  else {
    forget(C2);
    forgetQuotient();
  }
  end(which == FSCALE ? C1 : quotientKnown ? C0 | C1 | C2 | C3 : C1 | C2);
}

/** FYL2X, FYL2XP1, FPATAN: the result replaces ST(1), ST(0) is popped. */
function onTwoAndPop(op: usize, which: u32): void {
  if (!begin(op)) return;
  if (isEmpty(0) || isEmpty(1)) underflowed();
  else {
    const seX = <u32>load<u16>(st(0), FPR_SIGN_EXPONENT);
    const x = load<u64>(st(0));
    const seY = <u32>load<u16>(st(1), FPR_SIGN_EXPONENT);
    const y = load<u64>(st(1));
    if (which == FYL2X) log2Times(seX, x, seY, y);
    else if (which == FYL2XP1) log2Plus1(seX, x, seY, y);
    else arctangent(seX, x, seY, y);
  }
  if (!blocked()) {
    keep(1);
    pop();
  }
  end();
}

/** FXTRACT: the exponent replaces ST(0), the significand is pushed. */
function onTopAndPush(op: usize): void {
  if (!begin(op)) return;
  let seA: u32 = 0;
  let a: u64 = 0;
  if (isEmpty(0) || !isEmpty(7)) {
    if (isEmpty(0)) underflowed();
    else overflowed();
    seA = resultSe;
    a = resultSig;
  } else {
    extract(load<u16>(st(0), FPR_SIGN_EXPONENT), load<u64>(st(0)));
    seA = extractedSe;
    a = extractedSig;
  }
  if (!blocked()) {
    setSt(0, seA, a);
    push();
  }
  end();
}

/** FPTAN, FSINCOS: one result replaces ST(0), the second is pushed, unless C2 says that the argument is too large. */
function twoResults(op: usize, isTangent: bool): void {
  if (!begin(op)) return;
  let seB: u32 = 0;
  let b: u64 = 0;
  if (isEmpty(0) || !isEmpty(7)) {
    if (isEmpty(0)) underflowed();
    else overflowed();
    seB = resultSe;
    b = resultSig;
  } else {
    if (isTangent) tan(load<u16>(st(0), FPR_SIGN_EXPONENT), load<u64>(st(0)));
    else sinCos(load<u16>(st(0), FPR_SIGN_EXPONENT), load<u64>(st(0)));
    seB = secondSe;
    b = secondSig;
  }
  if (!blocked()) {
    keep(0);
    if (!(raised & C2)) {
      setResult80(seB, b);
      push();
    }
  }
  end(C1 | C2);
}
