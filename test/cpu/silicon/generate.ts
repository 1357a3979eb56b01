/** Makes random instances of the forms. */
import { FORMS, type Form, type Instance } from "./forms.ts";
import { CASE, CODE_ADDRESS, UNMAPPED, WINDOW, WINDOW_START } from "./layout.ts";
import { Random } from "./random.ts";
import { hasAvx } from "./vendor.ts";
import { vexInstance } from "./vex-instance.ts";
import { X87_IMAGE, x87Operand, x87State } from "./x87-state.ts";

export { CASE, CODE_ADDRESS, DATA_PAGES, RESULT, WINDOW, WINDOW_START } from "./layout.ts";
export type { Instance } from "./forms.ts";
export { Random } from "./random.ts";

const INTERESTING = [
  0n, 1n, 2n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0xffffn, 0x7fffffffn, 0x80000000n, 0xffffffffn,
  0x7fffffffffffffffn, 0x8000000000000000n, 0xffffffffffffffffn, 0xfffffffffffffffen, 0xffffffff80000000n,
]; // prettier-ignore
const F64 = [
  0n, 1n, 0x000fffffffffffffn, 0x0010000000000000n, 0x3ff0000000000000n, 0x3fe0000000000000n, 0x7fefffffffffffffn,
  0x7ff0000000000000n, 0x7ff0000000000001n, 0x7ff8000000000000n, 0xfff8000000000000n, 0x7ff7ffffffffffffn,
  0x41dfffffffc00000n, 0x41e0000000000000n, 0x43e0000000000000n, 0xc3e0000000000000n, 0x4340000000000000n,
]; // prettier-ignore
const F32 = [
  0, 1, 0x007fffff, 0x00800000, 0x3f800000, 0x3f000000, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fc00000, 0xffc00000,
  0x7fbfffff, 0x4effffff, 0x4f000000, 0x5f000000, 0xdf000000, 0x4b800000,
]; // prettier-ignore

function value64(random: Random): bigint {
  switch (random.below(4)) {
    case 0:
      return random.pick(INTERESTING);
    case 1:
      return random.u64() >> BigInt(random.below(64));
    default:
      return random.u64();
  }
}

function vectorInto(view: DataView, at: number, random: Random): void {
  const kind = random.below(5);
  for (let i = 0; i < 16; i += 8) {
    if (kind === 0) view.setBigUint64(at + i, value64(random), true);
    else if (kind === 1) {
      const sign = BigInt(random.below(2)) << 63n;
      view.setBigUint64(at + i, random.chance(2) ? random.pick(F64) ^ sign : nearF64(random), true);
    } else if (kind === 2) {
      for (let j = 0; j < 8; j += 4)
        view.setUint32(
          at + i + j,
          random.chance(2) ? (random.pick(F32) ^ (random.below(2) << 31)) >>> 0 : nearF32(random),
          true,
        );
    } else view.setBigUint64(at + i, random.u64(), true);
  }
}

/** Numbers of moderate exponent, so that sums and products round rather than overflow. */
function nearF64(random: Random): bigint {
  const exponent = BigInt(1023 + random.below(64) - 32);
  const fraction = random.chance(3) ? random.u64() & 0xfffff00000000n : random.u64() & 0xfffffffffffffn;
  return (BigInt(random.below(2)) << 63n) | (exponent << 52n) | fraction;
}
function nearF32(random: Random): number {
  return ((random.below(2) << 31) | ((127 + random.below(40) - 20) << 23) | (random.u32() & 0x7fffff)) >>> 0;
}

export const FLAG_BITS: Record<string, bigint> = { C: 1n, P: 4n, A: 16n, Z: 64n, S: 128n, O: 2048n };

export function instance(form: Form, random: Random): Instance {
  if (form.avx) return vexInstance(form, random);
  const bytes = new Uint8Array(CASE.size);
  const view = new DataView(bytes.buffer);
  const gpr = Array.from({ length: 16 }, () => value64(random));
  const data = bytes.subarray(CASE.memory, CASE.memory + WINDOW);
  for (let i = 0; i < WINDOW; i += 16) vectorInto(view, CASE.memory + i, random);
  gpr[4] = BigInt(WINDOW_START + 128 + random.below(32) * 8);
  let rflags = 0x202n;
  for (const bit of Object.values(FLAG_BITS)) if (random.chance(2)) rflags |= bit;
  if (form.options.has("rep") && random.chance(3)) rflags |= 0x400n;

  // x87 and SSE state.
  view.setUint16(CASE.fx, 0x37f, true);
  view.setUint16(CASE.fx + 2, (random.below(8) << 8) | (random.below(2) << 14), true);
  bytes[CASE.fx + 4] = random.chance(8) ? random.below(256) : 255;
  if (form.family === "vector" && random.chance(24)) {
    // A pending x87 exception gives #MF for MMX instructions and means nothing to SSE ones.
    const exception = 1 << random.below(6);
    view.setUint16(CASE.fx, 0x37f & ~exception, true);
    view.setUint16(CASE.fx + 2, view.getUint16(CASE.fx + 2, true) | exception, true);
  }
  let mxcsr = 0x1f80;
  if (form.family === "vector" && random.chance(2)) mxcsr |= (random.below(4) << 13) | random.below(64);
  if (form.family === "vector" && random.chance(4)) mxcsr |= random.pick([0x8000, 0x40, 0x8040]);
  if (form.family === "vector" && random.chance(10)) mxcsr &= ~(random.below(64) << 7);
  view.setUint32(CASE.fx + 24, mxcsr, true);
  if (form.family === "x87") x87State(view, random);
  else
    for (let i = 0; i < 8; i++) {
      view.setBigUint64(CASE.fx + 32 + 16 * i, value64(random), true);
      view.setUint16(CASE.fx + 40 + 16 * i, 0xffff, true);
    }
  for (let i = 0; i < 16; i++) vectorInto(view, CASE.fx + 160 + 16 * i, random);

  for (let i = 0; i < 16; i++) vectorInto(view, CASE.ymm + 16 * i, random);

  // Encoding.
  const code: number[] = [];
  let rexW = 0;
  let operandSize = 4;
  if (form.size === "v") {
    const size = random.below(3);
    if (size === 0 && form.vex < 0) {
      code.push(0x66);
      operandSize = 2;
    } else if (size === 1) {
      rexW = 1;
      operandSize = 8;
    }
  } else if (form.size === "w" && random.chance(2)) {
    rexW = 1;
    operandSize = 8;
  }
  const hasModrm = form.operands === "m" || form.operands === "M" || form.operands === "R";
  const memory = form.operands === "M" || (form.operands === "m" && random.chance(2));
  if (memory && form.options.has("lock") && random.chance(4)) code.push(0xf0);
  if (form.options.has("rep")) {
    const prefix = random.below(4);
    if (prefix === 0) code.push(0xf3);
    if (prefix === 1) code.push(0xf2);
    gpr[1] = BigInt(random.below(12));
    gpr[6] = BigInt(WINDOW_START + 128 + random.below(200));
    gpr[7] = BigInt(WINDOW_START + 128 + random.below(200));
    if (random.chance(3)) gpr[7] = gpr[6]!;
  }
  if (form.prefix) code.push(parseInt(form.prefix, 16));
  const reg = form.digit >= 0 ? form.digit : random.below(16);
  const rm = form.rm >= 0 ? form.rm : form.family === "x87" ? random.below(8) : random.below(16);
  const modrm: number[] = [];
  let base = 0;
  let index = 0;
  if (hasModrm) {
    const low = reg & 7;
    if (!memory) modrm.push(0xc0 | (low << 3) | (rm & 7));
    else {
      const aligned = form.options.has("align") || (form.family === "vector" && !random.chance(8));
      const span = form.options.has("bit") ? 64 : form.family === "x87" ? WINDOW - X87_IMAGE : 480;
      let target = BigInt(
        WINDOW_START +
          (form.options.has("bit") ? 224 : 0) +
          (aligned ? random.below(span >> 4) << 4 : random.below(span)),
      );
      if (form.family === "x87") x87Operand(view, Number(target) - WINDOW_START, form.opcode, form.digit, random);
      if (random.chance(40)) target = BigInt(UNMAPPED + random.below(4096));
      else if (random.chance(40)) target = 0x800000000000n + BigInt(random.below(1 << 20));
      if (form.options.has("bit")) {
        // The register with the bit offset can move the address by up to 2^60 bytes, so it is kept small.
        gpr[reg] =
          BigInt.asUintN(64, BigInt(random.below(512)) - 256n) |
          (operandSize === 8 ? 0n : random.u64() << BigInt(operandSize * 8));
        gpr[reg] = BigInt.asUintN(64, gpr[reg]!);
      }
      const mode = random.below(4);
      if (mode === 3 && target < 0x40000000n) {
        modrm.push((low << 3) | 5); // RIP-relative, patched below
        base = -1;
        modrm.push(0, 0, 0, 0);
        ripTarget = Number(target);
      } else {
        ripTarget = null;
        const candidates = [...Array(16).keys()].filter((n) => n !== 4 && !(n === reg && form.options.has("bit")));
        base = random.pick(candidates);
        index = random.chance(2) ? 4 : random.pick(candidates.filter((n) => n !== base));
        const scale = random.below(4);
        const displacement = random.chance(2) ? random.below(256) - 128 : random.below(0x10000000) - 0x8000000;
        const short = displacement >= -128 && displacement <= 127;
        const scaled = index === 4 ? 0n : gpr[index]! << BigInt(scale);
        gpr[base] = BigInt.asUintN(64, target - scaled - BigInt(displacement));
        const sib = index !== 4 || (base & 7) === 4 || random.chance(4);
        modrm.push((short ? 0x40 : 0x80) | (low << 3) | (sib ? 4 : base & 7));
        if (sib) modrm.push((scale << 6) | ((index & 7) << 3) | (base & 7));
        const d = new DataView(new ArrayBuffer(4));
        d.setInt32(0, displacement, true);
        for (let i = 0; i < (short ? 1 : 4); i++) modrm.push(d.getUint8(i));
      }
    }
  }
  const inOpcode = form.operands === "+r" ? random.below(16) : 0;
  const xBit = memory && base >= 0 && index !== 4 ? index >> 3 : 0;
  const bBit = memory ? (base > 7 ? 1 : 0) : form.operands === "+r" ? inOpcode >> 3 : hasModrm ? rm >> 3 : 0;
  const rBit = form.digit >= 0 ? 0 : hasModrm ? reg >> 3 : 0;
  const vreg = random.below(16);
  if (form.vex >= 0) {
    code.push(
      0xc4,
      ((rBit ^ 1) << 7) | ((xBit ^ 1) << 6) | ((bBit ^ 1) << 5) | (form.map === 1 ? 1 : form.map === 2 ? 2 : 3),
    );
    const usesVreg = form.name !== "rorx" ? vreg : 0;
    code.push((rexW << 7) | ((~usesVreg & 15) << 3) | form.vex);
  } else {
    const rex = 0x40 | (rexW << 3) | (rBit << 2) | (xBit << 1) | bBit;
    if (rex !== 0x40 || random.chance(4)) code.push(rex);
    if (form.map >= 1) code.push(0x0f);
    if (form.map === 2) code.push(0x38);
    if (form.map === 3) code.push(0x3a);
  }
  code.push(form.opcode | (form.operands === "+r" ? inOpcode & 7 : 0));
  code.push(...modrm);
  const modrmEnd = code.length;
  let immediate = random.u64();
  let immediateSize = 0;
  if (form.immediate === "ib") immediateSize = 1;
  if (form.immediate === "iw") immediateSize = 2;
  if (form.immediate === "iz") immediateSize = operandSize === 2 ? 2 : 4;
  if (form.immediate === "iv") immediateSize = operandSize;
  // A branch must leave its own bytes, because a branch to itself would never end.
  if (form.immediate === "ib" && /^(j|loop)/.test(form.name)) immediate = BigInt(16 + random.below(100));
  if (form.options.has("near")) immediate = BigInt(random.below(512)) & 0xffffffffn;
  if (form.options.has("enter")) immediate = BigInt(random.below(64));
  for (let i = 0; i < immediateSize; i++) code.push(Number((immediate >> BigInt(8 * i)) & 255n));
  if (form.options.has("enter")) code.push(random.below(4));
  if (base === -1 && ripTarget !== null) {
    const d = new DataView(new ArrayBuffer(4));
    d.setInt32(0, ripTarget - (CODE_ADDRESS + code.length), true);
    for (let i = 0; i < 4; i++) code[modrmEnd - 4 + i] = d.getUint8(i);
  }

  if (form.options.has("leave") || form.options.has("enter"))
    gpr[5] = BigInt(WINDOW_START + 128 + random.below(32) * 8);
  if (form.options.has("xlat")) gpr[3] = BigInt(WINDOW_START + random.below(256));
  // An RDX that is part of the address has its value already.
  const rdxFree = !memory || (base !== 2 && index !== 2);
  if (form.options.has("div") && rdxFree && random.chance(2))
    gpr[2] = random.chance(2) ? 0n : BigInt.asUintN(64, BigInt.asIntN(64, gpr[0]!) >> 63n);
  if (form.name === "ret") {
    // Any canonical return address will do. Nothing is mapped there, so the fetch faults on both sides.
    const at = Number(gpr[4]!) - WINDOW_START;
    if (!random.chance(20))
      new DataView(data.buffer, data.byteOffset).setBigUint64(at, BigInt(CODE_ADDRESS + 64 + random.below(64)), true);
  }

  bytes.set(code, CASE.code);
  bytes.fill(0xcc, CASE.code + code.length, CASE.code + 24);
  for (let i = 0; i < 16; i++) view.setBigUint64(CASE.gpr + 8 * i, gpr[i]!, true);
  view.setBigUint64(CASE.rflags, rflags, true);
  return { form, bytes, length: code.length, flagMask: undefinedFlags(form, code, gpr[1]!, operandSize) };
}

let ripTarget: number | null = null;

/** Returns the RFLAGS bits that the manual leaves undefined for this instance. */
export function undefinedFlags(form: Form, code: number[], rcx: bigint, operandSize: number): bigint {
  const letters = (text: string) => [...text].reduce((mask, letter) => mask | FLAG_BITS[letter]!, 0n);
  const byCl = (form.opcode & 0xfe) === 0xd2 || form.opcode === 0xa5 || form.opcode === 0xad;
  const size = form.size === "v" ? operandSize : 1;
  const count = Number((byCl ? rcx : BigInt(code[code.length - 1]!)) & (size === 8 ? 63n : 31n));
  switch (form.undefinedFlags) {
    case "rot":
      return count === 1 ? 0n : FLAG_BITS.O!;
    case "shift":
      if (count === 0) return 0n;
      return FLAG_BITS.A! | (count === 1 ? 0n : FLAG_BITS.O!) | (count >= size * 8 ? FLAG_BITS.C! : 0n);
    case "dshift":
      if (count === 0) return 0n;
      if (count > size * 8) return letters("OSZAPC");
      return FLAG_BITS.A! | (count === 1 ? 0n : FLAG_BITS.O!);
    default:
      return letters(form.undefinedFlags);
  }
}

/** Makes `count` instances, taking the forms in turn, of a family or of the forms whose names begin with `only`. */
export function* instances(seed: number, count: number, only?: string): Generator<Instance> {
  const random = new Random(seed);
  const machineHasAvx = hasAvx();
  const forms = FORMS.filter(
    ({ avx, family, name }) => (!avx || machineHasAvx) && (!only || family === only || name.startsWith(only)),
  );
  for (let i = 0; i < count; i++) yield instance(forms[i % forms.length]!, random);
}
