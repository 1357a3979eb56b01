/** HADDPS, HADDPD, HSUBPS, HSUBPD, ADDSUBPS and ADDSUBPD, with and without VEX: ordinary sums once the operands' lanes have been arranged for it. */
import type { DecodedOp } from "./decoded.ts";
import { ADD, DOUBLE, SUBTRACT, floatOperands, writeArithmetic, type FloatOperands } from "./float.ts";
import { lanesOf } from "./lanes.ts";
import { V } from "./simd.ts";
import { PAGE_0F, PAGE_66, PAGE_F2 } from "./vector-operand.ts";
import type { RegionWriter } from "./writer.ts";

const HORIZONTAL_ADD = 0x7c;
const HORIZONTAL_SUBTRACT = 0x7d;
const ALTERNATE = 0xd0;

/** Writes one of them. Returns false, with nothing written, for all other instructions. */
export function writeHorizontal(w: RegionWriter, op: DecodedOp, page: number): boolean {
  const { opcode } = op;
  if (page !== PAGE_66 && page !== PAGE_F2) return false;
  if (opcode !== HORIZONTAL_ADD && opcode !== HORIZONTAL_SUBTRACT && opcode !== ALTERNATE) return false;
  // Those with F2 are singles; arithmetic of packed singles has no prefix.
  const operands = floatOperands(w, op, page === PAGE_F2 ? PAGE_0F : PAGE_66);
  if (opcode === ALTERNATE) negateEven(w, operands);
  else pair(w, operands);
  writeArithmetic(w, op, opcode === HORIZONTAL_SUBTRACT ? SUBTRACT : ADD, operands);
  return true;
}

/** The even lanes of both operands become the first operand, and the odd ones the second. */
function pair(w: RegionWriter, { format, halves }: FloatOperands): void {
  const lanes = format === DOUBLE ? [0, 2] : [0, 2, 4, 6];
  const width = format.width / 8;
  for (const { a, b, r } of halves) {
    for (const odd of [0, 1])
      w.code
        .get(a)
        .get(b)
        .vector(V.shuffle, ...lanesOf(width, ...lanes.map((lane) => lane + odd)))
        .set(odd ? b : r);
    w.code.get(r).set(a);
  }
}
/** What is subtracted in the even lanes is added with the other sign. */
function negateEven(w: RegionWriter, { format, halves }: FloatOperands): void {
  const bytes = format.width / 8;
  const signs = Array.from({ length: 16 }, (_, i) => (i % (2 * bytes) === bytes - 1 ? 0x80 : 0));
  for (const { b } of halves)
    w.code
      .get(b)
      .vector(V.const, ...signs)
      .vector(V.xor)
      .set(b);
}
