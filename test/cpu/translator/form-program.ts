/**
 * Instructions of random programs: any form that the conformance tests know, without VEX; string instructions, a stack pointer that is computed with, and prefixes
 * that change nothing or something. What transfers control is program.ts's matter.
 */
import { FORMS, type Form } from "../silicon/forms.ts";
import { DATA, FREE, little, type Assembler, type Random } from "./assembler.ts";

const TRANSFERS = /^(j|loop|ret|call)/;
const PLAIN = FORMS.filter(({ vex, avx, name }) => vex < 0 && !avx && !TRANSFERS.test(name));
const family = (of: Form["family"]) => PLAIN.filter((form) => form.family === of);
const INTEGER = family("integer").filter(({ options }) => !options.has("rep"));
const STRINGS = PLAIN.filter(({ options }) => options.has("rep"));
const VECTOR = family("vector");
const X87 = family("x87");
/** FXSAVE, LDMXCSR and so on, and CMPXCHG8B. */
const STATE = 0xae;

/** Writes an instruction of any form. */
export function anyForm(a: Assembler, random: Random): void {
  const kind = random.below(100);
  if (kind < 40) return encode(a, random, random.pick(INTEGER));
  if (kind < 65) return encode(a, random, random.pick(VECTOR));
  if (kind < 75) return encode(a, random, random.pick(X87));
  if (kind < 85) return string(a, random);
  if (kind < 93) return stackPointer(a, random);
  mxcsr(a, random);
}

function encode(a: Assembler, random: Random, form: Form): void {
  const { bytes } = a;
  let rexW = 0;
  let operandSize = 4;
  if (form.size === "v") {
    const size = random.below(3);
    if (size === 0) {
      bytes.push(0x66);
      operandSize = 2;
    } else if (size === 1) {
      rexW = 8;
      operandSize = 8;
    }
  } else if (form.size === "w" && random.chance(50)) rexW = 8;
  const hasModrm = "mMR".includes(form.operands);
  const isMemory = form.operands === "M" || (form.operands === "m" && random.chance(50));
  if (isMemory && form.options.has("lock") && random.chance(40)) bytes.push(0xf0);
  if (isMemory && random.chance(6)) bytes.push(random.pick([0x64, 0x65, 0x67]));
  if (form.prefix) bytes.push(parseInt(form.prefix, 16));
  const reg = form.digit >= 0 ? form.digit : random.pick(FREE);
  const rm = form.rm >= 0 ? form.rm : form.family === "x87" ? random.below(8) : random.pick(FREE);
  const b = isMemory ? 1 : form.operands === "+r" || hasModrm ? rm >> 3 : 0;
  const r = form.digit >= 0 || !hasModrm ? 0 : reg >> 3;
  const rex = 0x40 | rexW | (r << 2) | b;
  if (rex !== 0x40 || random.chance(10)) bytes.push(rex);
  if (form.map >= 1) bytes.push(0x0f);
  if (form.map === 2) bytes.push(0x38);
  if (form.map === 3) bytes.push(0x3a);
  bytes.push(form.opcode | (form.operands === "+r" ? rm & 7 : 0));
  if (hasModrm && !isMemory) bytes.push(0xc0 | ((reg & 7) << 3) | (rm & 7));
  if (isMemory) operand(a, random, reg, form);
  const isEnter = form.options.has("enter");
  if (isEnter) bytes.push(random.below(64), 0, random.below(4));
  else
    for (let n = immediateSize(form, operandSize); n > 0; n--)
      bytes.push(random.chance(30) ? random.pick([0, 1, 0xff, 0x80]) : random.below(256));
}

function immediateSize({ immediate }: Form, operandSize: number): number {
  if (immediate === "ib") return 1;
  if (immediate === "iw") return 2;
  if (immediate === "iz") return operandSize === 2 ? 2 : 4;
  return immediate === "iv" ? operandSize : 0;
}

/** ModRM and what follows it, of an operand in data, by R14 or by R13, which points to the end of data. */
function operand(a: Assembler, random: Random, reg: number, { options, family: of, opcode }: Form): void {
  const field = (reg & 7) << 3;
  const isAligned = options.has("align") || (of === "vector" && random.chance(70));
  if (random.chance(12)) return void a.bytes.push(0x45 | field, (-random.below(64) - 1) & 0xff);
  if (random.chance(15)) return void a.bytes.push(0x86 | field, ...little(random.below(0x400) - 0x200, 4));
  const displacement = isAligned || opcode === STATE ? 16 * (random.below(16) - 8) : random.below(256) - 128;
  a.bytes.push(0x40 | field | (DATA & 7), displacement & 0xff);
}

/** A string instruction, mostly repeated a few times near data's end or over the border of two pages; sometimes backward. */
function string(a: Assembler, random: Random): void {
  const { bytes } = a;
  // LEA RSI, [R14 or R13 + disp32]; the same with RDI. MOV ECX, imm32.
  for (const register of [6, 7])
    if (random.chance(85)) {
      const base = random.chance(85) ? 6 : 5;
      bytes.push(0x49, 0x8d, 0x80 | (register << 3) | base, ...little(random.below(0x200) - 0x100, 4));
    }
  if (random.chance(80)) bytes.push(0xb9, ...little(random.chance(80) ? random.below(40) : random.below(0x400), 4));
  const isBackward = random.chance(20);
  if (isBackward) bytes.push(0xfd);
  if (random.chance(70)) bytes.push(random.pick([0xf3, 0xf3, 0xf2]));
  if (random.chance(4)) bytes.push(random.pick([0x64, 0x65, 0x67]));
  encode(a, random, random.pick(STRINGS));
  if (isBackward || random.chance(5)) bytes.push(0xfc);
}

/** RSP as a number like any other, for a while: frames, alignment, and pushes and pops beside it. */
function stackPointer(a: Assembler, random: Random): void {
  const small = (8 * random.below(12)) & 0xff;
  a.bytes.push(
    ...random
      .pick([
        [0x48, 0x83, 0xec, small],
        [0x48, 0x83, 0xc4, small],
        [0x48, 0x8d, 0x64, 0x24, random.below(64) - 32],
        [0x48, 0x83, 0xe4, 0xf0],
        // MOV RBP, RSP; PUSH RBP and MOV RBP, RSP; LEAVE
        [0x48, 0x89, 0xe5],
        [0x55, 0x48, 0x89, 0xe5],
        [0x48, 0x89, 0xe5, 0xc9],
        // PUSH RSP; PUSH [RSP+8]; POP [RSP+8]; POP [R14+disp8]; PUSH [R14+disp8]; MOV [RSP+disp8], EAX; MOV ECX, [RSP+disp8]
        [0x54],
        [0xff, 0x74, 0x24, 8],
        [0x8f, 0x44, 0x24, 8],
        [0x41, 0x8f, 0x46, small],
        [0x41, 0xff, 0x76, small],
        [0x89, 0x44, 0x24, small],
        [0x8b, 0x4c, 0x24, small],
        // PUSH and POP of 16 bits, PUSH imm8, PUSHF, XCHG [RSP], RAX, POP RSP after PUSH RSP
        [0x66, 0x50],
        [0x66, 0x59],
        [0x6a, small],
        [0x9c],
        [0x48, 0x87, 0x04, 0x24],
        [0x54, 0x5c],
        // INC ESP would cut it; ADD SPL, 8 carries nothing.
        [0x40, 0x80, 0xc4, 8],
      ])
      .map((byte) => byte & 0xff),
  );
}

/** LDMXCSR of a value in code, or STMXCSR; and arithmetic after it, by which the translator has to notice. */
function mxcsr(a: Assembler, random: Random): void {
  const { bytes } = a;
  const value = random.pick([0x1f80, 0x1fa0, 0x9fc0, 0x7fa0, 0x3f80, 0x5f80, 0x1f00, 0x0020, 0xffbf]);
  // MOV DWORD [R14+disp8], imm32; LDMXCSR [R14+disp8]
  const at = 4 * random.below(24);
  bytes.push(0x41, 0xc7, 0x46, at, ...little(value, 4), 0x41, 0x0f, 0xae, 0x56, at);
  for (let n = random.below(3); n >= 0; n--) {
    const opcode = random.pick([0x58, 0x59, 0x5c, 0x5e, 0x51, 0x5d, 0x5f, 0x2d, 0x5a, 0xc2]);
    bytes.push(...random.pick([[], [0x66], [0xf2], [0xf3]]));
    if (opcode === 0x2d) bytes.push(0x0f, 0x5b, 0xc0 | random.below(64));
    else bytes.push(0x0f, opcode, 0xc0 | random.below(64), ...(opcode === 0xc2 ? [random.below(8)] : []));
  }
  // STMXCSR [R14+disp8]
  if (random.chance(30)) bytes.push(0x41, 0x0f, 0xae, 0x5e, at);
}

/** Those without an effect on most instructions in 64-bit mode, and others. */
const PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf2, 0xf3, 0x40, 0x48];
const LONGEST = 15;

/** Prefixes before an instruction: few, or so many that it has about as many bytes as an instruction may. */
export function prefixes(a: Assembler, random: Random): void {
  const count = random.chance(70) ? 1 + random.below(2) : 8 + random.below(LONGEST - 8);
  // Several that only repeat what one says.
  const same = random.pick(PREFIXES);
  for (let n = 0; n < count; n++) a.bytes.push(random.chance(60) ? same : random.pick([0x26, 0x2e, 0x36, 0x3e]));
}
