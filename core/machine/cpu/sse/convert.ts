/** Conversions between integers and floating point: the CVT instructions. */
import { fault } from "../machine";
import { OP_REG } from "../op";
import { x87EnterMmx } from "../x87/x87";
import { MXCSR_PE, beginFloat, endFloat, nativeMode, note } from "./mxcsr";
import { fromInteger, softResize, toInteger } from "./soft";
import {
  high64,
  isMemory,
  isWide,
  low64,
  mmxAvailable,
  regX,
  rm128,
  rm32,
  rm64,
  rmGeneral,
  rmM,
  setLow32,
  setLow64,
  setM,
  setRegGeneral,
  setX,
  sseAvailable,
  vector,
} from "./operand";

/** F3/F2 2A: CVTSI2SS, CVTSI2SD. */
export function fromGeneral(op: usize, single: bool): void {
  if (!sseAvailable()) return;
  const source = rmGeneral(op);
  if (fault) return;
  const value = isWide(op) ? <i64>source : <i64>(<i32>source);
  if (!single && <u64>(value + 0x20000000000000) <= 0x40000000000000) {
    // With at most 53 bits it is exact in every rounding mode.
    return setLow64(regX(op), reinterpret<u64>(<f64>value));
  }
  beginFloat();
  const result = fromInteger(value, single);
  endFloat();
  if (single) setLow32(regX(op), <u32>result);
  else setLow64(regX(op), result);
}

/** F3/F2 2C 2D: CVT(T)SS2SI, CVT(T)SD2SI. */
export function toGeneral(op: usize, single: bool, truncate: bool): void {
  if (!sseAvailable()) return;
  const source = single ? <u64>rm32(op) : rm64(op);
  if (fault) return;
  const number = single ? <f64>reinterpret<f32>(<u32>source) : reinterpret<f64>(source);
  const size = abs<f64>(number);
  if (truncate && size >= 1 && size < 2147483648) {
    // It is in range in every rounding mode, and inexact if something is cut off.
    const whole = <i32>number;
    if (<f64>whole != number) {
      beginFloat();
      note(MXCSR_PE);
      endFloat();
    }
    return setRegGeneral(op, isWide(op) ? <u64>(<i64>whole) : <u64>(<u32>whole));
  }
  beginFloat();
  const result = toInteger(source, single, truncate, isWide(op) ? 64 : 32);
  endFloat();
  setRegGeneral(op, result);
}

/** Converts between the formats (`single` is the source's), natively where only PE can arise. */
export function resize(source: u64, single: bool): u64 {
  if (single) {
    // A normal number is exact in every rounding mode.
    if ((source & 0x7f800000) - 1 < 0x7f7fffff) return reinterpret<u64>(<f64>reinterpret<f32>(<u32>source));
  } else if (nativeMode) {
    const narrow = <f32>reinterpret<f64>(source);
    const magnitude = reinterpret<u32>(narrow) & 0x7fffffff;
    if (magnitude > 0x800000 && magnitude < 0x7f800000) {
      if (<f64>narrow != reinterpret<f64>(source)) note(MXCSR_PE);
      return <u64>reinterpret<u32>(narrow);
    }
  }
  return softResize(source, single);
}

/** F3 5A and F2 5A: CVTSS2SD, CVTSD2SS. */
export function resizeScalar(op: usize, single: bool): void {
  if (!sseAvailable()) return;
  const source = single ? <u64>rm32(op) : rm64(op);
  if (fault) return;
  beginFloat();
  const result = resize(source, single);
  endFloat();
  if (single) setLow64(regX(op), result);
  else setLow32(regX(op), <u32>result);
}

/** 5A: CVTPS2PD (m64). */
export function widenPacked(op: usize): void {
  if (!sseAvailable()) return;
  const source = rm64(op);
  if (fault) return;
  beginFloat();
  const low = resize(source & 0xffffffff, true);
  const high = resize(source >> 32, true);
  endFloat();
  setX(regX(op), vector(low, high));
}
/** 66 5A: CVTPD2PS. */
export function narrowPacked(op: usize): void {
  if (!sseAvailable()) return;
  const source = rm128(op);
  if (fault) return;
  beginFloat();
  const result = resize(low64(source), false) | (resize(high64(source), false) << 32);
  endFloat();
  setX(regX(op), vector(result, 0));
}

export function integersToSingles(pair: u64): u64 {
  return fromInteger(<i64>(<i32>pair), true) | (fromInteger((<i64>pair) >> 32, true) << 32);
}
export function singlesToIntegers(pair: u64, truncate: bool): u64 {
  return toInteger(pair & 0xffffffff, true, truncate, 32) | (toInteger(pair >> 32, true, truncate, 32) << 32);
}
export function doublesToIntegers(low: u64, high: u64, truncate: bool): u64 {
  return toInteger(low, false, truncate, 32) | (toInteger(high, false, truncate, 32) << 32);
}

/** 5B: CVTDQ2PS. */
export function dwordsToSingles(op: usize): void {
  if (!sseAvailable()) return;
  const source = rm128(op);
  if (fault) return;
  beginFloat();
  const low = integersToSingles(low64(source));
  const high = integersToSingles(high64(source));
  endFloat();
  setX(regX(op), vector(low, high));
}
/** 66 5B, F3 5B: CVTPS2DQ, CVTTPS2DQ. */
export function singlesToDwords(op: usize, truncate: bool): void {
  if (!sseAvailable()) return;
  const source = rm128(op);
  if (fault) return;
  beginFloat();
  const low = singlesToIntegers(low64(source), truncate);
  const high = singlesToIntegers(high64(source), truncate);
  endFloat();
  setX(regX(op), vector(low, high));
}
/** F3 E6: CVTDQ2PD, always exact. */
export function dwordsToDoubles(op: usize): void {
  if (!sseAvailable()) return;
  const source = rm64(op);
  setX(regX(op), f64x2.convert_low_i32x4_s(vector(source, 0)));
}
/** F2 E6, 66 E6: CVTPD2DQ, CVTTPD2DQ. */
export function doublesToDwords(op: usize, truncate: bool): void {
  if (!sseAvailable()) return;
  const source = rm128(op);
  if (fault) return;
  beginFloat();
  const result = doublesToIntegers(low64(source), high64(source), truncate);
  endFloat();
  setX(regX(op), vector(result, 0));
}

// ---- with MMX registers ----

/** 2A: CVTPI2PS. */
export function mmxToSingles(op: usize): void {
  if (!sseAvailable() || (!isMemory(op) && !mmxAvailable())) return;
  const source = rmM(op);
  if (fault) return;
  beginFloat();
  const result = integersToSingles(source);
  endFloat();
  enterMmx(op);
  setLow64(regX(op), result);
}
/** 66 2A: CVTPI2PD. */
export function mmxToDoubles(op: usize): void {
  if (!sseAvailable() || (!isMemory(op) && !mmxAvailable())) return;
  const source = rmM(op);
  if (fault) return;
  enterMmx(op);
  setX(regX(op), f64x2.convert_low_i32x4_s(vector(source, 0)));
}
/** A register operand switches the x87 to MMX mode although it is only read; a memory operand does not. */
function enterMmx(op: usize): void {
  if (!isMemory(op)) x87EnterMmx();
}
/** 2D, 2C: CVTPS2PI, CVTTPS2PI. */
export function singlesToMmx(op: usize, truncate: bool): void {
  if (!sseAvailable() || !mmxAvailable()) return;
  const source = rm64(op);
  if (fault) return;
  beginFloat();
  const result = singlesToIntegers(source, truncate);
  endFloat();
  // Seen on silicon: the x87 is in MMX mode even if #XM keeps the result from being written.
  x87EnterMmx();
  setM(load<u8>(op, OP_REG), result);
}
/** 66 2D, 66 2C: CVTPD2PI, CVTTPD2PI. */
export function doublesToMmx(op: usize, truncate: bool): void {
  if (!sseAvailable() || !mmxAvailable()) return;
  const source = rm128(op);
  if (fault) return;
  beginFloat();
  const result = doublesToIntegers(low64(source), high64(source), truncate);
  endFloat();
  // Seen on silicon: the x87 is in MMX mode even if #XM keeps the result from being written.
  x87EnterMmx();
  setM(load<u8>(op, OP_REG), result);
}
