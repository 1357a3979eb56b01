/** What processors may do differently in 16- and 32-bit code. Such parts of silicon's answer are replaced by the engine's before the comparison. */
import { WINDOW } from "../generate.ts";
import { CASE, RESULT, type LegacyInstance } from "./generate.ts";

const VECTOR_SS = 12;
const VECTOR_GP = 13;
const VECTOR_PF = 14;
/** Instructions with several pushes. */
const FRAMES = new Set(["enter", "pusha", "callf"]);
const FAULTS = new Set([VECTOR_SS, VECTOR_GP, VECTOR_PF]);
const ARITHMETIC_FLAGS = 0x8d5;

/**
 * - LAR leaves bits 16 to 19 undefined (SDM volume 2).
 * - If both the target and the stack of a CALL are wrong, either may be reported.
 * - A CALL beyond the limit of CS faults. By then Intel's processors have written the return address below the stack pointer, AMD's have not.
 * - If both operands of CMPS are wrong, Intel's processors report the one at ES:EDI and AMD's the other.
 * - A repeated comparison that faults has the flags that were there before it (Intel), or those of its last step (AMD).
 * - What a frame that faults half-way has left below the stack pointer is not compared.
 * - A segment register pushed with 32 bits is a move of 16 bits or a zero-extended one of 32 ("PUSH" in SDM volume 2).
 */
export function settled({ form, bytes, length }: LegacyInstance, silicon: Uint8Array, engine: Uint8Array): Uint8Array {
  const out = Uint8Array.from(silicon);
  const [a, b] = [out, engine].map((bytes) => new DataView(bytes.buffer, bytes.byteOffset)) as [DataView, DataView];
  const trap = a.getUint32(RESULT.trap, true);
  if (form.name === "lar")
    for (let at = RESULT.gpr; at < RESULT.gpr + 32; at += 4) {
      const [x, y] = [a.getUint32(at, true), b.getUint32(at, true)];
      if (((x ^ y) & ~0xf0000) === 0) a.setUint32(at, y, true);
    }
  if (form.name === "call" && trap === VECTOR_SS && b.getUint32(RESULT.trap, true) === VECTOR_GP) return engine;
  const engineTrap = b.getUint32(RESULT.trap, true);
  if (form.name === "cmps" && FAULTS.has(trap) && FAULTS.has(engineTrap)) {
    const isOther = trap !== engineTrap || a.getUint32(RESULT.cr2, true) !== b.getUint32(RESULT.cr2, true);
    if (isOther) for (const at of [RESULT.trap, RESULT.error, RESULT.cr2]) a.setUint32(at, b.getUint32(at, true), true);
  }
  if ((form.name === "cmps" || form.name === "scas") && FAULTS.has(trap)) {
    // The engine's are Intel's.
    const before = new DataView(bytes.buffer, bytes.byteOffset).getUint32(CASE.eflags, true);
    const [theirs, ours] = [a, b].map((view) => view.getUint32(RESULT.eflags, true)) as [number, number];
    if (((ours ^ before) & ARITHMETIC_FLAGS) === 0)
      a.setUint32(RESULT.eflags, (theirs & ~ARITHMETIC_FLAGS) | (ours & ARITHMETIC_FLAGS), true);
  }
  const takeMemory = (from: number, bytes: number): void => {
    const end = Math.min(from + bytes, RESULT.memory + WINDOW);
    for (let at = Math.max(from, RESULT.memory); at < end; at++) out[at] = engine[at]!;
  };
  if (form.name === "call" && trap === VECTOR_GP && engineTrap === VECTOR_GP) {
    const first = out.findIndex((byte, at) => at >= RESULT.memory && byte !== engine[at]);
    const from = b.getUint32(RESULT.eip, true) + length;
    // Its low bytes may be those that were there before.
    const returns = [0, 1, 2, 3].map((n) => (from >>> (8 * n)) & 0xff);
    for (let at = first; first >= 0 && at < first + 4; at++) if (returns.includes(out[at]!)) takeMemory(at, 1);
  }
  if (FRAMES.has(form.name) && (trap === VECTOR_SS || trap === VECTOR_PF)) takeMemory(RESULT.memory, WINDOW);
  if (form.name.startsWith("push_")) {
    const first = out.findIndex((byte, at) => at >= RESULT.memory && byte !== engine[at]);
    for (const at of [first, first + 1]) if (first >= 0 && !out[at]) takeMemory(at, 1);
  }
  return out;
}
