/** Instructions D9 F0..FF on ST(0) and ST(1), other than FDECSTP and FINCSTP. SDM volume 1, 8.3.5 to 8.3.9. */
import { VECTOR_UD, raise } from "../machine";
import { begin, blocked, end, isEmpty, keep, st, underflowed } from "./status";
import { squareRoot } from "./arithmetic";
import { roundIntegral } from "./memory";

const FSQRT: u32 = 10;
const FRNDINT: u32 = 12;

export function unary(op: usize, which: u32): void {
  switch (which) {
    case FSQRT:
    case FRNDINT:
      return onTop(op, which);
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
