/** Makes random instances of instructions with a VEX prefix whose operands are vectors. */
import type { Form, Instance } from "./forms.ts";
import { CASE, CODE_ADDRESS, DATA_PAGES, UNMAPPED, WINDOW, WINDOW_START } from "./layout.ts";
import type { Random } from "./random.ts";
import { KIND_FLOAT32, KIND_FLOAT64, vector } from "./vector-values.ts";
import { vsibOperand } from "./vsib-operand.ts";

/** The page after the harness's two data pages. */
const DATA_END = DATA_PAGES + 0x2000;
const KINDS = 5;
const RSP = 4;

/** Returns where the memory operand is. */
function target(form: Form, random: Random): bigint {
  if (random.chance(40)) return BigInt(UNMAPPED + random.below(4096));
  if (random.chance(40))
    return 0x800000000000n - BigInt(random.pick(form.options.has("narrow") ? [0, -64] : [1, 2, 3, 0, -64]));
  if (random.chance(40)) return BigInt(DATA_PAGES - 1 - random.below(31));
  // Of a masked operand, elements before and after the mapped pages may be chosen or not.
  if (form.options.has("masked") && random.chance(3))
    return BigInt(random.pick([DATA_PAGES, DATA_END]) - 1 - random.below(31));
  // Nothing outside of the window may be written, so a store must fault whatever its size.
  if (random.chance(20)) return BigInt(DATA_END - 1 - random.below(form.options.has("store") ? 3 : 31));
  const step = random.pick([1, 4, 16, 32, 32]);
  const first = Math.ceil(WINDOW_START / step);
  return BigInt((first + random.below(Math.floor((WINDOW - 64) / step))) * step);
}

export interface Operand {
  modrm: number[];
  /** REX.X and REX.B as numbers. */
  x: number;
  b: number;
  /** The address that a RIP-relative displacement, the last four bytes of `modrm`, must lead to. */
  ripTarget: bigint | null;
}

function memoryOperand(form: Form, reg: number, random: Random, gpr: bigint[]): Operand {
  const to = target(form, random);
  const low = (reg & 7) << 3;
  if (random.chance(4) && to < 0x40000000n) return { modrm: [low | 5, 0, 0, 0, 0], x: 0, b: 0, ripTarget: to };
  const candidates = [...Array(16).keys()].filter((n) => n !== RSP);
  const base = random.pick(candidates);
  const index = random.chance(2) ? RSP : random.pick(candidates.filter((n) => n !== base));
  const scale = random.below(4);
  const displacement = random.chance(2) ? random.below(256) - 128 : random.below(0x10000000) - 0x8000000;
  const isShort = displacement >= -128 && displacement <= 127;
  const scaled = index === RSP ? 0n : gpr[index]! << BigInt(scale);
  gpr[base] = BigInt.asUintN(64, to - scaled - BigInt(displacement));
  const hasSib = index !== RSP || (base & 7) === RSP || random.chance(4);
  const modrm = [(isShort ? 0x40 : 0x80) | low | (hasSib ? 4 : base & 7)];
  if (hasSib) modrm.push((scale << 6) | ((index & 7) << 3) | (base & 7));
  for (let i = 0; i < (isShort ? 1 : 4); i++) modrm.push((displacement >> (8 * i)) & 255);
  return { modrm, x: hasSib && index !== RSP ? index >> 3 : 0, b: base >> 3, ripTarget: null };
}

/** MXCSR: rounding, DAZ, FTZ, sticky flags, and sometimes unmasked exceptions. */
function mxcsr(random: Random): number {
  let value = 0x1f80;
  if (random.chance(2)) value |= random.below(64);
  if (random.chance(2)) value |= random.below(4) << 13;
  if (random.chance(3)) value |= random.pick([0x8000, 0x40, 0x8040]);
  if (random.chance(4)) value &= ~((random.chance(2) ? 1 << random.below(6) : random.below(64)) << 7);
  return value;
}

/**
 * Of x * y + z, makes z the negated product of x and y, rounded, in most lanes, so that what remains is what a second rounding would lose. `operands`
 * are ModRM.reg, VEX.vvvv and ModRM.rm, of which the opcode's high digit says what they are.
 */
function nearlyCancel(view: DataView, opcode: number, operands: number[], kind: number, random: Random): void {
  const [a, b, c] = operands as [number, number, number];
  const [x, y, z] = opcode >> 4 === 9 ? [a, c, b] : opcode >> 4 === 10 ? [b, a, c] : [b, c, a];
  for (const start of [CASE.fx + 160, CASE.ymm])
    for (let at = start; at < start + 16; at += kind === KIND_FLOAT64 ? 8 : 4) {
      if (random.chance(4)) continue;
      const sign = random.chance(4) ? 1 : -1;
      if (kind === KIND_FLOAT64) {
        const product = view.getFloat64(at + 16 * x, true) * view.getFloat64(at + 16 * y, true);
        if (!Number.isNaN(product)) view.setFloat64(at + 16 * z, sign * product, true);
      } else {
        const product = view.getFloat32(at + 16 * x, true) * view.getFloat32(at + 16 * y, true);
        if (!Number.isNaN(product)) view.setFloat32(at + 16 * z, sign * product, true);
      }
    }
}

const IGNORED_PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x67];
const REFUSED_PREFIXES = [0x66, 0xf2, 0xf3, 0xf0, 0x40, 0x48];

export function vexInstance(form: Form, random: Random): Instance {
  const { lengths, ws, vreg, kind: usual } = form.avx!;
  const bytes = new Uint8Array(CASE.size);
  const view = new DataView(bytes.buffer);
  const isFused = form.options.has("fused");
  let w = random.pick(ws);
  // W chooses the format of FMA, whose opcodes have one prefix only.
  const own = isFused ? (w ? KIND_FLOAT64 : KIND_FLOAT32) : usual;
  const kind = random.chance(6) ? random.below(KINDS) : own;
  const gpr = Array.from({ length: 16 }, () => random.u64() >> BigInt(random.below(64)));
  gpr[RSP] = BigInt(WINDOW_START + 256);
  for (let i = 0; i < 16; i++) {
    vector(view, CASE.fx + 160 + 16 * i, random, kind);
    vector(view, CASE.ymm + 16 * i, random, kind);
  }
  for (let i = 0; i < WINDOW; i += 16) vector(view, CASE.memory + i, random, kind);
  view.setUint16(CASE.fx, 0x37f, true);
  view.setUint32(CASE.fx + 24, mxcsr(random), true);

  const hasModrm = form.operands !== "-";
  const isMemory = form.operands === "M" || (form.operands === "m" && random.chance(3));
  const reg = form.digit >= 0 ? form.digit : random.below(16);
  const rm = random.below(16);
  let length = random.pick(lengths);
  let v = vreg === "always" || (vreg === "register" && !isMemory) ? random.below(16) : 0;
  let operand: Operand = { modrm: [], x: random.below(2), b: rm >> 3, ripTarget: null };
  if (form.options.has("vsib")) operand = vsibOperand(form.opcode, reg, v, view, gpr, random);
  else if (isMemory) operand = memoryOperand(form, reg, random, gpr);
  else if (hasModrm) operand.modrm = [0xc0 | ((reg & 7) << 3) | (rm & 7)];

  if (form.options.has("rdi")) gpr[7] = BigInt(WINDOW_START + random.below(WINDOW - 16));
  if (form.options.has("lengths") && random.chance(2))
    for (const n of [0, 2]) gpr[n] = BigInt.asUintN(64, BigInt(random.below(40) - 20));
  const code: number[] = [];
  if (random.chance(30)) {
    // Encodings that are not valid, in most cases.
    const what = random.below(4);
    if (what === 0 && !form.options.has("fixed")) length = random.below(2);
    else if (what === 1) w = random.below(2);
    else if (what === 2) v = random.below(16);
    else code.push(random.pick(REFUSED_PREFIXES));
  } else if (random.chance(20)) code.push(random.pick(IGNORED_PREFIXES));
  if (isFused && !isMemory && random.chance(2)) nearlyCancel(view, form.opcode, [reg, v, rm], kind, random);
  const r = form.digit >= 0 ? 0 : reg >> 3;
  const last = ((~v & 15) << 3) | (length << 2) | form.vex;
  if (form.map === 1 && !operand.x && !operand.b && !w && random.chance(2)) code.push(0xc5, ((r ^ 1) << 7) | last);
  else {
    code.push(0xc4, ((r ^ 1) << 7) | ((operand.x ^ 1) << 6) | ((operand.b ^ 1) << 5) | form.map);
    code.push((w << 7) | last);
  }
  code.push(form.opcode, ...operand.modrm);
  const end = code.length;
  if (form.immediate === "ib") code.push(random.chance(3) ? random.below(32) : random.below(256));
  if (operand.ripTarget !== null) {
    const distance = Number(operand.ripTarget) - (CODE_ADDRESS + code.length);
    for (let i = 0; i < 4; i++) code[end - 4 + i] = (distance >> (8 * i)) & 255;
  }
  bytes.set(code, CASE.code);
  bytes.fill(0xcc, CASE.code + code.length, CASE.code + 24);
  for (let i = 0; i < 16; i++) view.setBigUint64(CASE.gpr + 8 * i, gpr[i]!, true);
  view.setBigUint64(CASE.rflags, 0x202n | BigInt(random.u32() & 0x8d5), true);
  return { form, bytes, length: code.length, flagMask: 0n };
}
