/**
 * Unpacks .lzma files ("LZMA alone"): LZMA1 after a header of 13 bytes. The available libraries produce all output before anybody can check its size,
 * and read beyond the end of the input. Facts: "LZMA specification (DRAFT version)" of Igor Pavlov's LZMA SDK, in the public domain.
 */
import { UnpackError, type UnpackedBytes } from "./unpacked-bytes.ts";

const HEADER_BYTES = 13;
const SIZE_AT = 5;
const SIZE_UNKNOWN = 2n ** 64n - 1n;

const STATES = 12;
const POSITION_STATES = 16;
const LEAST_MATCH = 2;
const END_MARKER = 0xffffffff;

/** Where each group of probabilities begins. */
const IS_MATCH = 0;
const IS_REP = IS_MATCH + STATES * POSITION_STATES;
const IS_REP_G0 = IS_REP + STATES;
const IS_REP_G1 = IS_REP_G0 + STATES;
const IS_REP_G2 = IS_REP_G1 + STATES;
const IS_REP0_LONG = IS_REP_G2 + STATES;
const SLOTS = IS_REP0_LONG + STATES * POSITION_STATES;
const SPECIAL = SLOTS + 4 * 64;
const ALIGN = SPECIAL + 128;
const MATCH_LENGTH = ALIGN + 16;
/** Parts of a length coder: two choices, low and middle trees by position, and the high tree. */
const LENGTH_LOW = 2;
const LENGTH_MIDDLE = LENGTH_LOW + POSITION_STATES * 8;
const LENGTH_HIGH = LENGTH_MIDDLE + POSITION_STATES * 8;
const LENGTH_CODER = LENGTH_HIGH + 256;
const REP_LENGTH = MATCH_LENGTH + LENGTH_CODER;
const LITERALS = REP_LENGTH + LENGTH_CODER;
const LITERAL_CODER = 0x300;

/** Decodes bits by how likely they were so far. */
class RangeDecoder {
  readonly #input: Uint8Array;
  readonly #probabilities: Uint16Array;
  #at: number;
  #range = 0xffffffff;
  #code = 0;

  constructor(input: Uint8Array, at: number, probabilities: Uint16Array) {
    this.#input = input;
    this.#probabilities = probabilities;
    this.#at = at;
    if (this.#next() !== 0) throw new UnpackError("the data are damaged: they do not begin as LZMA does");
    for (let i = 0; i < 4; i++) this.#code = ((this.#code << 8) | this.#next()) >>> 0;
    if (this.#code === 0xffffffff) throw new UnpackError("the data are damaged: they do not begin as LZMA does");
  }

  bit(index: number): number {
    const probability = this.#probabilities[index]!;
    const bound = (this.#range >>> 11) * probability;
    let bit = 0;
    if (this.#code < bound) {
      this.#range = bound;
      this.#probabilities[index] = probability + ((2048 - probability) >> 5);
    } else {
      this.#range -= bound;
      this.#code -= bound;
      this.#probabilities[index] = probability - (probability >> 5);
      bit = 1;
    }
    this.#normalize();
    return bit;
  }

  /** Decodes bits for which 0 and 1 are equally likely. */
  direct(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) {
      this.#range >>>= 1;
      value *= 2;
      if (this.#code >= this.#range) {
        this.#code -= this.#range;
        value++;
      }
      this.#normalize();
    }
    return value;
  }

  /** Decodes the highest bit first. */
  tree(first: number, bits: number): number {
    let node = 1;
    for (let i = 0; i < bits; i++) node = (node << 1) | this.bit(first + node);
    return node - (1 << bits);
  }

  /** Decodes the lowest bit first. */
  reverseTree(first: number, bits: number): number {
    let node = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.bit(first + node);
      node = (node << 1) | bit;
      value |= bit << i;
    }
    return value;
  }

  length(first: number, positionState: number): number {
    if (this.bit(first) === 0) return this.tree(first + LENGTH_LOW + positionState * 8, 3);
    if (this.bit(first + 1) === 0) return 8 + this.tree(first + LENGTH_MIDDLE + positionState * 8, 3);
    return 16 + this.tree(first + LENGTH_HIGH, 8);
  }

  /** Returns how far back a match lies, minus 1. */
  distance(length: number): number {
    const slot = this.tree(SLOTS + Math.min(length, 3) * 64, 6);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const base = (2 | (slot & 1)) * 2 ** bits;
    if (slot < 14) return base + this.reverseTree(SPECIAL + base - slot, bits);
    return base + this.direct(bits - 4) * 16 + this.reverseTree(ALIGN, 4);
  }

  #normalize(): void {
    if (this.#range >= 2 ** 24) return;
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | this.#next()) >>> 0;
  }

  #next(): number {
    if (this.#at >= this.#input.length) throw new UnpackError("the data end too early");
    return this.#input[this.#at++]!;
  }
}

/** Throws UnpackError for data that are damaged or cut short, and what `output` throws. */
export function unpackLzma(input: Uint8Array, output: UnpackedBytes): void {
  if (input.length < HEADER_BYTES) throw new UnpackError("the data end too early");
  const properties = input[0]!;
  if (properties >= 9 * 5 * 5) throw new UnpackError("the data are damaged: their properties are none that LZMA has");
  const literalContext = properties % 9;
  const literalPosition = Math.floor(properties / 9) % 5;
  const positionMask = (1 << Math.floor(properties / 45)) - 1;
  const size = new DataView(input.buffer, input.byteOffset, input.byteLength).getBigUint64(SIZE_AT, true);
  // The header says where the data end; only `output` decides how much may be produced.
  const end = size === SIZE_UNKNOWN ? Infinity : Number(size);

  const probabilities = new Uint16Array(LITERALS + (LITERAL_CODER << (literalContext + literalPosition))).fill(1024);
  const range = new RangeDecoder(input, HEADER_BYTES, probabilities);
  const literalMask = (1 << literalPosition) - 1;
  const start = output.length;
  let state = 0;
  let [rep0, rep1, rep2, rep3] = [0, 0, 0, 0];

  for (let position = 0; position < end; position = output.length - start) {
    const positionState = position & positionMask;
    if (range.bit(IS_MATCH + state * POSITION_STATES + positionState) === 0) {
      const previous = position > 0 ? output.back(1) : 0;
      const coder = ((position & literalMask) << literalContext) + (previous >> (8 - literalContext));
      const first = LITERALS + LITERAL_CODER * coder;
      let symbol = 1;
      if (state >= 7) {
        if (rep0 >= position) throw new UnpackError("the data are damaged: they refer to what is not there");
        for (let match = output.back(rep0 + 1), same = true; same && symbol < 0x100; match <<= 1) {
          const expected = (match >> 7) & 1;
          const bit = range.bit(first + ((1 + expected) << 8) + symbol);
          symbol = (symbol << 1) | bit;
          same = bit === expected;
        }
      }
      while (symbol < 0x100) symbol = (symbol << 1) | range.bit(first + symbol);
      output.writeByte(symbol & 0xff);
      state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
      continue;
    }
    let length: number;
    if (range.bit(IS_REP + state) === 0) {
      [rep3, rep2, rep1] = [rep2, rep1, rep0];
      length = range.length(MATCH_LENGTH, positionState);
      state = state < 7 ? 7 : 10;
      rep0 = range.distance(length);
      if (rep0 === END_MARKER) {
        if (end !== Infinity) throw new UnpackError("the data end too early");
        return;
      }
    } else {
      if (range.bit(IS_REP_G0 + state) === 0) {
        if (range.bit(IS_REP0_LONG + state * POSITION_STATES + positionState) === 0) {
          state = state < 7 ? 9 : 11;
          output.repeat(within(rep0, position), 1);
          continue;
        }
      } else if (range.bit(IS_REP_G1 + state) === 0) {
        [rep0, rep1] = [rep1, rep0];
      } else if (range.bit(IS_REP_G2 + state) === 0) {
        [rep0, rep1, rep2] = [rep2, rep0, rep1];
      } else {
        [rep0, rep1, rep2, rep3] = [rep3, rep0, rep1, rep2];
      }
      length = range.length(REP_LENGTH, positionState);
      state = state < 7 ? 8 : 11;
    }
    output.repeat(within(rep0, position), Math.min(length + LEAST_MATCH, end - position));
  }
}

/** Returns how far back a match lies whose `distance` is one less, if that is in the output. */
function within(distance: number, position: number): number {
  if (distance >= position) throw new UnpackError("the data are damaged: they refer to what is not there");
  return distance + 1;
}
