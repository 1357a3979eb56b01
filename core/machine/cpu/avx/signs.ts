/** VTESTPS, VTESTPD, VMOVMSKPS, VMOVMSKPD: what looks at sign bits only. */
import { CF, ZF, setFlags } from "../flags";
import { fault } from "../machine";
import { regX, setRegGeneral } from "../sse/operand";
import { highHalf, is256, lowHalf, readSource, sourceHigh, sourceLow } from "./operand";

/** 38 0E, 0F: VTESTPS, VTESTPD: ZF and CF from the sign bits of AND and ANDN. */
export function testSigns(op: usize, single: bool): void {
  readSource(op);
  if (fault) return;
  const a = regX(op);
  let both = v128.and(lowHalf(a), sourceLow);
  let other = v128.andnot(sourceLow, lowHalf(a));
  if (is256(op)) {
    both = v128.or(both, v128.and(highHalf(a), sourceHigh));
    other = v128.or(other, v128.andnot(sourceHigh, highHalf(a)));
  }
  const hasBoth = single ? i32x4.bitmask(both) : i64x2.bitmask(both);
  const hasOther = single ? i32x4.bitmask(other) : i64x2.bitmask(other);
  setFlags((hasBoth ? 0 : ZF) | (hasOther ? 0 : CF));
}

/** 50: VMOVMSKPS, VMOVMSKPD. */
export function signMask(op: usize, single: bool): void {
  readSource(op);
  const low = single ? i32x4.bitmask(sourceLow) : i64x2.bitmask(sourceLow);
  const high = single ? i32x4.bitmask(sourceHigh) << 4 : i64x2.bitmask(sourceHigh) << 2;
  setRegGeneral(op, <u64>(low | high));
}
