/** Instructions D9 F0..FF on ST(0) and ST(1), other than FDECSTP and FINCSTP. SDM volume 1, 8.3.5 to 8.3.9. */
import { VECTOR_UD, raise } from "../machine";
import { C0, C1, C2, C3 } from "./status";
import { begin, blocked, end, forget, isEmpty, keep, overflowed, push, resultSe, resultSig, setSt } from "./status";
import { st, underflowed } from "./status";
import { squareRoot } from "./arithmetic";
import { roundIntegral } from "./memory";
import { extract, extractedSe, extractedSig, forgetQuotient, quotientKnown, remainder, scale } from "./scale";

const FXTRACT: u32 = 4;
const FPREM1: u32 = 5;
const FPREM: u32 = 8;
const FSQRT: u32 = 10;
const FRNDINT: u32 = 12;
const FSCALE: u32 = 13;

export function unary(op: usize, which: u32): void {
  switch (which) {
    case FSQRT:
    case FRNDINT:
      return onTop(op, which);
    case FPREM:
    case FPREM1:
    case FSCALE:
      return onTwo(op, which);
    case FXTRACT:
      return onTopAndPush(op);
    default:
      raise(VECTOR_UD);
  }
}

function onTop(op: usize, which: u32): void {
  if (!begin(op)) return;
  if (isEmpty(0)) underflowed();
  else {
    const se = <u32>load<u16>(st(0), 8);
    const sig = load<u64>(st(0));
    if (which == FSQRT) squareRoot(se, sig);
    else roundIntegral(se, sig);
  }
  if (!blocked()) keep(0);
  end();
}

/** ST(0) by ST(1), which stays. */
function onTwo(op: usize, which: u32): void {
  if (!begin(op)) return;
  forgetQuotient();
  if (isEmpty(0) || isEmpty(1)) underflowed();
  else {
    const seA = <u32>load<u16>(st(0), 8);
    const a = load<u64>(st(0));
    const seB = <u32>load<u16>(st(1), 8);
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
    extract(load<u16>(st(0), 8), load<u64>(st(0)));
    seA = extractedSe;
    a = extractedSig;
  }
  if (!blocked()) {
    setSt(0, seA, a);
    push();
  }
  end();
}
