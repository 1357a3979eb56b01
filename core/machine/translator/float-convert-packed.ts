/**
 * Conversions of packed numbers, with and without VEX: CVTDQ2PD, which is exact, CVTDQ2PS, CVTPS2PD, CVTPS2DQ and CVTTPS2DQ. Where WebAssembly's
 * instruction may be wrong, or a flag of MXCSR may be new, the interpreter's function executes them.
 */
import * as S from "../cpu/state.ts";
import { halves } from "./avx-operand.ts";
import type { DecodedOp } from "./decoded.ts";
import { SINGLE, constant, denormal, isUnusualMode } from "./float.ts";
import { STATE } from "./imports.ts";
import { key, lanesOf } from "./lanes.ts";
import { V } from "./simd.ts";
import { PAGE_0F, PAGE_66, PAGE_F3, vectorOperand } from "./vector-operand.ts";
import { I32, Mem, Op, V128 } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

interface Conversion {
  /** Each half of the result comes from half as many bytes. */
  isWidening: boolean;
  /** Takes a local with 16 bytes of the source, and pushes the result. */
  convert: (w: RegionWriter, source: number) => void;
  /** Takes locals with source and result, and pushes lanes that are not zero where the result may not be right; null if it always is. */
  unusual: ((w: RegionWriter, source: number, result: number) => void) | null;
  /** The result may be inexact. */
  rounds: boolean;
}

/** What the conversions to integers give where there is no right result. */
const INDEFINITE = 0x80000000n;
/** 2^31 as a single. */
const TWO_31 = 0x4f000000n;

function toIntegers(round: number | null): Conversion {
  return {
    isWidening: false,
    convert: (w, source) => {
      w.code.get(source);
      if (round !== null) w.code.vector(round);
      w.code.vector(V.i32x4TruncF32);
    },
    unusual: (w, source, result) => {
      // What is too large, what is NaN, and what is too small, of which WebAssembly makes the integer that means "indefinite".
      w.code.get(source);
      constant(w, TWO_31, 32);
      w.code.vector(V.f32x4Ge).get(source).get(source).vector(V.f32x4Ne).vector(V.or).get(result);
      constant(w, INDEFINITE, 32);
      w.code.vector(V.i32x4Eq).vector(V.or);
    },
    rounds: true,
  };
}
const CONVERSIONS = new Map<number, Conversion>([
  [
    key(PAGE_F3, 0xe6),
    {
      isWidening: true,
      convert: (w, source) => void w.code.get(source).vector(V.f64x2ConvertI32),
      unusual: null,
      rounds: false,
    },
  ],
  [
    key(PAGE_0F, 0x5a),
    {
      isWidening: true,
      convert: (w, source) => void w.code.get(source).vector(V.f64x2PromoteF32),
      unusual: (w, source, result) => {
        denormal(w, source, SINGLE);
        w.code.get(result).get(result).vector(V.f64x2Ne).vector(V.or);
      },
      rounds: false,
    },
  ],
  [
    key(PAGE_0F, 0x5b),
    {
      isWidening: false,
      convert: (w, source) => void w.code.get(source).vector(V.f32x4ConvertI32),
      unusual: null,
      rounds: true,
    },
  ],
  [key(PAGE_66, 0x5b), toIntegers(V.f32x4Nearest)],
  [key(PAGE_F3, 0x5b), toIntegers(null)],
]);

/** Writes one of them. Returns false, with nothing written, for all other instructions. */
export function writePackedConversion(w: RegionWriter, op: DecodedOp, page: number): boolean {
  const conversion = CONVERSIONS.get(key(page, op.opcode));
  if (!conversion) return false;
  const { code, registers } = w;
  const isVex = op.family === "avx";
  const each = isVex && op.is256 ? [0, 1] : [0];
  const sources = [w.temporary("vectorA", V128), w.temporary("vectorAHigh", V128)];
  const results = [w.temporary("vectorR", V128), w.temporary("vectorRHigh", V128)];
  bringSources(w, op, conversion, sources);
  for (const half of each) {
    conversion.convert(w, sources[half]!);
    code.set(results[half]!);
  }
  if (conversion.unusual || conversion.rounds) {
    each.forEach((half) => {
      conversion.unusual?.(w, sources[half]!, results[half]!);
      if (conversion.unusual && half) code.vector(V.or);
    });
    if (conversion.unusual) code.vector(V.anyTrue);
    if (conversion.rounds) {
      code.get(STATE).memory(Mem.i32Load, S.CPU_MXCSR);
      isUnusualMode(code);
      if (conversion.unusual) code.op(Op.i32Or);
    }
    code.ifUnlikely();
    const known = registers.state;
    w.executeApart(isVex ? "region_avx" : "region_sse", op);
    for (const half of each) {
      w.vectorHalf(op.reg, half);
      code.set(results[half]!);
    }
    registers.state = known;
    code.end();
  }
  for (const half of each) {
    code.get(results[half]!);
    w.setVectorHalf(op.reg, half);
  }
  if (isVex && !op.is256) w.clearVectorHalf(op.reg, 1);
  return true;
}

/** Brings what each half of the result comes from into the low bytes of its local. */
function bringSources(w: RegionWriter, op: DecodedOp, { isWidening }: Conversion, sources: number[]): void {
  const { code } = w;
  const isVex = op.family === "avx";
  if (!isWidening) {
    if (!isVex) {
      vectorOperand(w, op);
      return void code.set(sources[0]!);
    }
    const source = halves(w, op);
    for (const half of op.is256 ? [0, 1] : [0]) {
      source(half);
      code.set(sources[half]!);
    }
    return;
  }
  const isBoth = isVex && op.is256;
  if (!op.isMemory) {
    w.vectorRegister(op.rm);
    code.set(sources[0]!);
    if (isBoth)
      code
        .get(sources[0]!)
        .get(sources[0]!)
        .vector(V.shuffle, ...lanesOf(8, 1, 1))
        .set(sources[1]!);
  } else {
    const host = w.temporary("vectorHost", I32);
    w.hostOf(op, isBoth ? 16 : 8, false);
    code.set(host).get(host).vectorMemory(V.load64Zero, 0).set(sources[0]!);
    if (isBoth) return void code.get(host).vectorMemory(V.load64Zero, 8).set(sources[1]!);
  }
  // What is above does not count, and may be any bits.
  if (isBoth) return;
  code.get(sources[0]!);
  constant(w, (1n << 64n) - 1n, 64, false);
  code.vector(V.and).set(sources[0]!);
}
