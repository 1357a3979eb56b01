/** Makes random instances of the forms in 16- and 32-bit code, and defines the layout of cases and results (the structures in legacy.c). */
import { type Form } from "../forms.ts";
import { FLAG_BITS, undefinedFlags, WINDOW, WINDOW_START, type Random } from "../generate.ts";
import { hasAvx } from "../vendor.ts";
import { vector } from "../vector-values.ts";
import { LEGACY_FORMS } from "./forms.ts";
import {
  CODE_16,
  CODE_32,
  CODE_OFFSET,
  CODE_PAGE,
  DATA,
  SELECTORS,
  STACKS,
  USER_CODE_32,
  USER_CODE_64,
  type Segment,
} from "./segments.ts";
import { vsibOperand } from "./vsib-operand.ts";

/** `ymm` is YMM0 to YMM7, 32 bytes each. */
export const CASE = { code: 0, gpr: 24, eflags: 56, eip: 60, segments: 64, memory: 80, ymm: 592, size: 848 } as const;
export const RESULT = {
  trap: 0,
  error: 4,
  cr2: 8,
  eip: 12,
  eflags: 16,
  gpr: 20,
  segments: 52,
  memory: 72,
  ymm: 584,
  size: 840,
} as const;
/** The engine uses these numbers. */
const [ES, CS, SS, DS, FS, GS] = [0, 1, 2, 3, 4, 5];
const OVERRIDES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];
const [SP, BP] = [4, 5];

export interface LegacyInstance {
  form: Form;
  bits: 16 | 32;
  bytes: Uint8Array<ArrayBuffer>;
  length: number;
  /** The EFLAGS bits that are not compared. */
  flagMask: number;
}

const INTERESTING = [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];
function value32(random: Random): number {
  switch (random.below(4)) {
    case 0:
      return random.pick(INTERESTING);
    case 1:
      return random.u32() >>> random.below(32);
    default:
      return random.u32();
  }
}

/** The registers of 16-bit addresses by ModRM.rm, to which a displacement is added. */
const BASES_16: readonly (readonly number[])[] = [[3, 6], [3, 7], [5, 6], [5, 7], [6], [7], [5], [3]];

/** An instance that is being built. */
export class Builder {
  readonly bytes = new Uint8Array(CASE.size);
  readonly view = new DataView(this.bytes.buffer);
  readonly gpr: number[];
  readonly code: number[] = [];
  readonly chosen: Segment[];
  readonly operandSize: 2 | 4;
  readonly addressSize: 2 | 4;
  readonly stackSize: 2 | 4;
  /** The number of a segment register that replaces the default one. */
  readonly override: number;

  constructor(
    readonly form: Form,
    readonly bits: 16 | 32,
    readonly random: Random,
  ) {
    this.gpr = Array.from({ length: 8 }, () => value32(random));
    for (let at = CASE.memory; at < CASE.size; at += 4) this.view.setUint32(at, value32(random), true);
    if (form.avx) for (let at = CASE.ymm; at < CASE.size; at += 16) vector(this.view, at, random, form.avx.kind);
    // Most of them let the instruction be executed.
    const data = (): Segment => (random.chance(3) ? random.pick(DATA) : DATA[random.below(2)]!);
    const stack = random.chance(3) ? random.pick(STACKS) : STACKS[random.below(2)]!;
    const code = random.chance(8)
      ? random.pick(bits === 32 ? CODE_32 : CODE_16)
      : (bits === 32 ? CODE_32 : CODE_16)[0]!;
    this.chosen = [data(), code, stack, data(), data(), data()];
    const flips = (oneIn: number): boolean => random.chance(oneIn);
    const own = bits === 32 ? 4 : 2;
    const other = bits === 32 ? 2 : 4;
    this.operandSize = form.size === "v" && flips(3) ? other : own;
    this.addressSize = flips(4) ? other : own;
    this.stackSize = stack.is32 ? 4 : 2;
    this.override = flips(4) ? random.below(6) : -1;
    for (const [wanted, byte] of [
      [this.operandSize !== own, 0x66],
      [this.addressSize !== own, 0x67],
      [this.override >= 0, OVERRIDES[this.override]!],
    ] as const)
      if (wanted) this.code.push(byte);
    this.setRegister(
      SP,
      this.offsetOf(SS, WINDOW_START + 128 + random.below(64) * 4 - (random.chance(8) ? 1 : 0)),
      this.stackSize,
    );
  }

  /** Returns the offset of a linear address in the segment that register n holds. */
  offsetOf(n: number, linear: number): number {
    return (linear - this.chosen[n]!.base) >>> 0;
  }
  /** Sets a register, with garbage above its 16 bits. */
  setRegister(n: number, value: number, size: number): void {
    this.gpr[n] = size === 4 ? value >>> 0 : ((this.gpr[n]! & 0xffff0000) | (value & 0xffff)) >>> 0;
  }
  put(at: number, size: number, value: number): void {
    for (let i = 0; i < size; i++) this.code[at + i] = (value >>> (8 * i)) & 255;
  }
  append(size: number, value: number): void {
    this.put(this.code.length, size, value);
  }
  /** Writes to the data window at a linear address, if the address lies in it. */
  poke(linear: number, size: number, value: number): void {
    for (let i = 0; i < size; i++) {
      const at = linear + i - WINDOW_START;
      if (at >= 0 && at < WINDOW) this.bytes[CASE.memory + at] = (value >>> (8 * i)) & 255;
    }
  }

  /** Chooses where a memory operand lies. */
  target(span: number): number {
    const { random } = this;
    if (random.chance(30)) return WINDOW_START - 0x1000 + random.below(8192);
    if (random.chance(12)) return WINDOW_START + WINDOW - random.below(6);
    if (random.chance(12)) return WINDOW_START + random.below(4) - 2;
    return WINDOW_START + 64 + random.below(span);
  }

  /** Encodes ModRM, SIB and displacement of memory at `linear`, in the default segment or the overriding one. */
  memory(digit: number, linear: number, untouchable: number): number[] {
    return this.addressSize === 4
      ? this.memory32(digit, linear, untouchable)
      : this.memory16(digit, linear, untouchable);
  }
  private memory16(digit: number, linear: number, untouchable: number): number[] {
    const { random, gpr } = this;
    const rm = random.below(8);
    const mod = random.below(3);
    const direct = mod === 0 && rm === 6;
    const registers = direct ? [] : BASES_16[rm]!;
    const segment = this.override >= 0 ? this.override : registers.includes(BP) ? SS : DS;
    const offset = this.offsetOf(segment!, linear);
    const size = direct || mod === 2 ? 2 : mod;
    let displacement = direct ? offset : size === 1 ? random.below(256) : random.u32() & 0xffff;
    if (size === 0) displacement = 0;
    if (registers.length) {
      const first = registers.find((n) => n !== untouchable) ?? registers[0]!;
      const rest = registers.filter((n) => n !== first).reduce((sum, n) => sum + gpr[n]!, 0);
      const signed = size === 1 ? (displacement << 24) >> 24 : displacement;
      this.setRegister(first, offset - rest - signed, 2);
    }
    return [(mod << 6) | (digit << 3) | rm, ...[displacement & 255, (displacement >>> 8) & 255].slice(0, size)];
  }
  private memory32(digit: number, linear: number, untouchable: number): number[] {
    const { random, gpr } = this;
    const free = [0, 1, 2, 3, 5, 6, 7].filter((n) => n !== untouchable);
    const out: number[] = [];
    const tail = (size: number, value: number): void => {
      for (let i = 0; i < size; i++) out.push((value >>> (8 * i)) & 255);
    };
    if (random.chance(6)) {
      const offset = this.offsetOf(this.override >= 0 ? this.override : DS!, linear);
      out.push((digit << 3) | 5);
      tail(4, offset);
      return out;
    }
    const base = random.pick(free);
    const index = random.chance(2) ? 4 : random.pick(free.filter((n) => n !== base));
    const scale = random.below(4);
    const mod = base === BP ? 1 + random.below(2) : random.below(3);
    const displacement = mod === 0 ? 0 : mod === 1 ? random.below(256) - 128 : random.u32() | 0;
    const segment = this.override >= 0 ? this.override : base === BP ? SS : DS;
    const scaled = index === 4 ? 0 : gpr[index]! * 2 ** scale;
    gpr[base] = (this.offsetOf(segment!, linear) - (scaled % 2 ** 32) - displacement) >>> 0;
    const sib = index !== 4 || random.chance(4);
    out.push((mod << 6) | (digit << 3) | (sib ? 4 : base));
    if (sib) out.push((scale << 6) | (index << 3) | base);
    tail(mod === 0 ? 0 : mod === 1 ? 1 : 4, displacement);
    return out;
  }
}

/** Chooses a selector of code and an offset there, most of the time a good one. */
function farTarget(random: Random, mayBeLong: boolean): [selector: number, offset: number] {
  const further = 64 + random.below(64);
  if (random.chance(4))
    return [
      random.pick(mayBeLong ? SELECTORS : SELECTORS.filter((each) => each !== USER_CODE_64)),
      CODE_OFFSET + further,
    ];
  if (random.chance(6)) {
    const long = mayBeLong && random.chance(2);
    return [long ? USER_CODE_64 : USER_CODE_32, CODE_PAGE + CODE_OFFSET + further];
  }
  const code = random.pick(random.chance(2) ? CODE_16 : CODE_32);
  const offset = random.chance(10) ? random.u32() & 0x1fff : CODE_PAGE + CODE_OFFSET + further - code.base;
  // It must not be the instruction itself, which would never end.
  const isSelf = code.base + offset >= CODE_PAGE + CODE_OFFSET && code.base + offset < CODE_PAGE + CODE_OFFSET + 24;
  return [code.selector, isSelf ? offset + 64 : offset];
}

/** R, X and B are 1 outside 64-bit mode. A C5 there has bit 3 of vvvv set, because it would be LDS otherwise; that of C4 means nothing. */
function vexPrefix({ avx, map, options, vex }: Form, isMemory: boolean, random: Random): number[] {
  const { lengths, ws, vreg } = avx!;
  const w = random.pick(random.chance(30) ? [0, 1] : ws);
  const length = random.pick(random.chance(30) && !options.has("fixed") ? [0, 1] : lengths);
  const isUsed = vreg === "always" || (vreg === "register" && !isMemory) || random.chance(30);
  const last = (~(isUsed ? random.below(8) : 0) & 15) << 3;
  if (map === 1 && !w && random.chance(2)) return [0xc5, 0x80 | last | (length << 2) | vex];
  return [0xc4, 0xe0 | map, (w << 7) | (random.chance(4) ? last ^ 0x40 : last) | (length << 2) | vex];
}

export function legacyInstance(form: Form, bits: 16 | 32, random: Random): LegacyInstance {
  const b = new Builder(form, bits, random);
  const { gpr, code, view, operandSize } = b;
  let eflags = 0x202;
  for (const bit of Object.values(FLAG_BITS)) if (random.chance(2)) eflags |= Number(bit);
  if (form.options.has("rep") && random.chance(3)) eflags |= 0x400;
  const hasModrm = ["m", "M", "R"].includes(form.operands);
  const isMemory = form.operands === "M" || (form.operands === "m" && random.chance(2));
  if (isMemory && form.options.has("lock") && random.chance(4)) code.push(0xf0);
  if (form.options.has("rep")) {
    const prefix = random.below(4);
    if (prefix < 2) code.push(0xf3 - prefix);
    b.setRegister(1, random.below(12), b.addressSize);
    b.setRegister(6, b.offsetOf(b.override >= 0 ? b.override : DS!, b.target(200)), b.addressSize);
    b.setRegister(7, b.offsetOf(ES!, b.target(200)), b.addressSize);
  }
  if (form.prefix) code.push(parseInt(form.prefix, 16));
  const reg = form.digit >= 0 ? form.digit : random.below(8);
  const rm = random.below(8);
  if (form.options.has("div") && random.chance(2)) gpr[2] = random.chance(2) ? 0 : ((gpr[0]! | 0) >> 31) >>> 0;
  // A double shift by more bits than the operand has is undefined.
  const isDoubleShift = /^sh[lr]d$/.test(form.name);
  if (isDoubleShift && operandSize === 2 && (gpr[1]! & 31) > 16) b.setRegister(1, 5, 2);
  const isBit = form.options.has("bit");
  if (isBit) b.setRegister(reg, random.below(512) - 256, operandSize);

  // Half an address of code could be that of the instruction itself.
  const isWhole = form.options.has("far") || form.name === "jmp" || form.name === "call";
  const linear = isWhole ? WINDOW_START + 64 + random.below(320) : b.target(isBit ? 64 : 320) + (isBit ? 128 : 0);
  const modrm: number[] = [];
  if (hasModrm) {
    if (form.options.has("vsib") && b.addressSize === 4) modrm.push(...vsibOperand(b, form.opcode, reg));
    else if (isMemory) modrm.push(...b.memory(reg, linear, isBit ? reg : isDoubleShift ? 1 : -1));
    else modrm.push(0xc0 | (reg << 3) | rm);
  }
  const [selector, offset] = farTarget(random, form.name !== "callf");
  const picked = form.options.has("far")
    ? selector
    : random.chance(3)
      ? random.pick(SELECTORS)
      : random.pick(DATA).selector;
  if (form.options.has("selector")) {
    if (isMemory) b.poke(linear + (/^l[edsfg]s$/.test(form.name) ? operandSize : 0), 2, picked);
    else if (hasModrm) b.setRegister(rm, picked, 2);
  }
  if (form.options.has("far") && isMemory) {
    b.poke(linear, operandSize, offset);
    b.poke(linear + operandSize, 2, selector);
  }
  if (form.options.has("stack")) {
    const sp = (b.stackSize === 4 ? gpr[SP]! : gpr[SP]! & 0xffff) + b.chosen[SS!]!.base;
    if (form.options.has("far")) {
      b.poke(sp, operandSize, offset);
      b.poke(sp + operandSize, 2, selector);
    } else if (form.options.has("selector")) b.poke(sp, 2, picked);
    else if (form.name === "ret" && !random.chance(10))
      b.poke(sp, operandSize, CODE_PAGE + CODE_OFFSET + 64 + random.below(64) - b.chosen[CS!]!.base);
    else if (form.name === "leave" || form.name === "enter")
      b.setRegister(BP, b.offsetOf(SS!, WINDOW_START + 128 + random.below(64) * 4), b.stackSize);
    // For POPF and IRET, neither TF nor NT nor AC may be set.
    if (form.name === "popf") b.poke(sp, 4, random.u32() & 0x3cd5);
    if (form.name === "iret") b.poke(sp + 2 * operandSize, 4, random.u32() & 0x3cd5);
  }
  // Whether a CALL checks its target or its stack first depends on the processor.
  const jumps = form.name === "call" || (form.name === "jmp" && !random.chance(10));
  if (jumps && hasModrm && !isMemory)
    gpr[rm] = (CODE_PAGE + CODE_OFFSET + 64 + random.below(64) - b.chosen[CS!]!.base) >>> 0;
  if (jumps && isMemory)
    b.poke(linear, operandSize, CODE_PAGE + CODE_OFFSET + 64 + random.below(64) - b.chosen[CS!]!.base);
  if (form.options.has("rdi")) b.setRegister(7, b.offsetOf(b.override >= 0 ? b.override : DS!, linear), b.addressSize);
  if (form.name === "xlat")
    b.setRegister(3, b.offsetOf(b.override >= 0 ? b.override : DS!, WINDOW_START + random.below(256)), b.addressSize);

  if (form.avx) code.push(...vexPrefix(form, isMemory, random));
  else if (form.vex >= 0) {
    // C4: R, X and B are 1 outside 64-bit mode, W is ignored; no 66, no LOCK.
    code.push(0xc4, 0xe0 | form.map, (random.below(2) << 7) | ((~random.below(8) & 15) << 3) | form.vex);
    if (form.name === "rorx") code[code.length - 1]! |= 0x78;
  } else if (form.map >= 1) code.push(0x0f, ...(form.map === 2 ? [0x38] : form.map === 3 ? [0x3a] : []));
  code.push(form.opcode | (form.operands === "+r" ? random.below(8) : 0), ...modrm);

  let immediate = random.u32();
  let size = 0;
  if (form.immediate === "ib") size = 1;
  if (form.immediate === "iw") size = 2;
  if (form.immediate === "iz" || form.immediate === "iv") size = operandSize;
  if (form.immediate === "ib" && /^(j|loop)/.test(form.name)) immediate = 16 + random.below(100);
  if (form.options.has("near")) immediate = random.below(512);
  if (isDoubleShift && operandSize === 2 && (immediate & 31) > 16) immediate = 7;
  if (form.options.has("enter")) immediate = random.below(64);
  if (form.name === "retf" && size) immediate = random.below(32);
  if (form.name === "ret" && size) immediate = random.below(32);
  b.append(size, immediate);
  if (form.options.has("enter")) code.push(random.below(4));
  if (form.options.has("moffs")) b.append(b.addressSize, b.offsetOf(b.override >= 0 ? b.override : DS!, linear));
  if (form.options.has("immediate")) {
    b.append(operandSize, offset);
    b.append(2, selector);
  }

  b.bytes.set(code, CASE.code);
  b.bytes.fill(0xcc, CASE.code + code.length, CASE.code + 24);
  gpr.forEach((value, n) => view.setUint32(CASE.gpr + 4 * n, value, true));
  view.setUint32(CASE.eflags, eflags, true);
  view.setUint32(CASE.eip, CODE_PAGE + CODE_OFFSET - b.chosen[CS!]!.base, true);
  b.chosen.forEach((each, n) => view.setUint16(CASE.segments + 2 * n, each.selector, true));
  if (random.chance(10)) view.setUint16(CASE.segments + 2 * random.pick([ES!, DS!, FS!, GS!]), 0, true);
  const flagMask = Number(undefinedFlags(form, code, BigInt(gpr[1]!), operandSize));
  return { form, bits, bytes: b.bytes, length: code.length, flagMask };
}

/** Makes `count` instances, taking the forms in turn, half of them in 16-bit code, of the forms whose names begin with `only`. */
export function* legacyInstances(count: number, random: Random, only?: string): Generator<LegacyInstance> {
  const machineHasAvx = hasAvx();
  const forms = LEGACY_FORMS.filter(({ avx, name }) => (!avx || machineHasAvx) && (!only || name.startsWith(only)));
  for (let i = 0; i < count; i++)
    yield legacyInstance(forms[i % forms.length]!, Math.floor(i / forms.length) % 2 ? 16 : 32, random);
}
