/**
 * The engine does what Intel's processors do, one of which made the record in corpus/. If this machine's processor is AMD's, and the manuals define
 * its answer differently or leave it open, that part of the answer is checked against the manual, and only the rest against the engine.
 */
import { readFileSync } from "node:fs";
import { CASE, RESULT, WINDOW } from "./layout.ts";

/** Whether this machine's processor is AMD's, or one made to its design. */
export function isAmd(): boolean {
  return /^vendor_id\s*: (AuthenticAMD|HygonGenuine)$/m.test(readFileSync("/proc/cpuinfo", "utf8"));
}

/**
 * Whether this machine's processor has what the AVX forms need, and answers as the engine does. For AMD's answers there are no rules yet, as no AMD
 * processor has been asked; the record in corpus/ has these forms on any machine.
 */
export function hasAvx(): boolean {
  if (isAmd()) return false;
  const flags = new Set(/^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]?.split(" "));
  return ["avx2", "fma", "f16c"].every((each) => flags.has(each));
}

interface Operation {
  /** 1: 0F, 2: 0F 38, 3: 0F 3A, 0: none of these. */
  map: number;
  opcode: number;
  /** The mandatory prefix that counts. F3 and F2 take precedence over 66. */
  prefix: number;
  bits: 16 | 32 | 64;
  isMemory: boolean;
  /** ModRM.reg and ModRM.rm with REX's bits; `digit` is ModRM.reg without them. */
  reg: number;
  rm: number;
  digit: number;
  /** The instruction's last byte. */
  immediate: number;
}

const LEGACY = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]);

function decode(code: Uint8Array): Operation {
  let [at, rex, repeat] = [0, 0, 0];
  let isNarrow = false;
  for (; LEGACY.has(code[at]!); at++) {
    if (code[at] === 0x66) isNarrow = true;
    if (code[at]! >= 0xf2) repeat = code[at]!;
  }
  if (code[at] === 0xc4 || code[at] === 0xc5) return decodeVex(code, at);
  if ((code[at]! & 0xf0) === 0x40) rex = code[at++]!;
  let map = 0;
  if (code[at] === 0x0f) {
    map = 1;
    at++;
    if (code[at] === 0x38 || code[at] === 0x3a) map = code[at++] === 0x38 ? 2 : 3;
  }
  const opcode = code[at]!;
  const modrm = code[at + 1]!;
  return {
    map,
    opcode,
    prefix: repeat || (isNarrow ? 0x66 : 0),
    bits: rex & 8 ? 64 : isNarrow ? 16 : 32,
    isMemory: modrm < 0xc0,
    reg: ((modrm >> 3) & 7) | ((rex & 4) << 1),
    rm: (modrm & 7) | ((rex & 1) << 3),
    digit: (modrm >> 3) & 7,
    immediate: code[code.length - 1]!,
  };
}

/** A VEX prefix in 64-bit code. */
function decodeVex(code: Uint8Array, at: number): Operation {
  const isLong = code[at] === 0xc4;
  const [first, last] = isLong ? [code[at + 1]!, code[at + 2]!] : [(code[at + 1]! & 0x80) | 0x61, code[at + 1]!];
  const opcodeAt = at + (isLong ? 3 : 2);
  const modrm = code[opcodeAt + 1]!;
  return {
    map: first & 31,
    opcode: code[opcodeAt]!,
    prefix: [0, 0x66, 0xf3, 0xf2][last & 3]!,
    bits: isLong && last & 0x80 ? 64 : 32,
    isMemory: modrm < 0xc0,
    reg: ((modrm >> 3) & 7) | (first & 0x80 ? 0 : 8),
    rm: (modrm & 7) | (first & 0x20 ? 0 : 8),
    digit: (modrm >> 3) & 7,
    immediate: code[code.length - 1]!,
  };
}

/** The places in a result of the 4 or 8 byte numbers of a vector register, from the lowest on. */
function lanes(register: number, bytes: number): number[] {
  return [RESULT.fx + 160 + 16 * register, RESULT.ymm + 16 * register].flatMap((half) =>
    Array.from({ length: 16 / bytes }, (_, lane) => half + bytes * lane),
  );
}

/** The state before the instruction, and what both made of it. `silicon` is a copy, which the rules write to. */
interface Answers {
  before: Buffer;
  silicon: Buffer;
  engine: Buffer;
}
const FSW_ES = 0x80;
const FSW = RESULT.fx + 2;
const isFault = (result: Buffer): boolean => [12, 13, 14].includes(result.readUInt32LE(RESULT.trap));
const take = ({ silicon, engine }: Answers, at: number, bytes: number): void => {
  engine.copy(silicon, at, at, at + bytes);
};
/** Offsets in FXSAVE's image: FSW and FTW, and the ten bytes of each ST(i). */
const X87: readonly (readonly [number, number])[] = [
  [2, 3],
  ...Array.from({ length: 8 }, (_, i) => [32 + 16 * i, 10] as const),
];
const isX87AsBefore = ({ before, silicon }: Answers): boolean =>
  X87.every(([at, bytes]) =>
    before
      .subarray(CASE.fx + at, CASE.fx + at + bytes)
      .equals(silicon.subarray(RESULT.fx + at, RESULT.fx + at + bytes)),
  );
/** Where the window's contents differ: the first offset in the results, and the number of bytes up to the last. */
function differingMemory({ silicon, engine }: Answers): [number, number] {
  const differs = Array.from({ length: WINDOW }, (_, i) => silicon[RESULT.memory + i] !== engine[RESULT.memory + i]);
  const first = differs.indexOf(true);
  return first < 0 ? [RESULT.memory, 0] : [RESULT.memory + first, differs.lastIndexOf(true) - first + 1];
}

/**
 * APM volume 2, 11.4.4 (FXSAVE and FXRSTOR): AMD's processors store and load the pointers to the last x87 instruction and operand only while an
 * unmasked exception is pending (FSW.ES); Intel's always do.
 */
function pointers(answers: Answers): void {
  if (answers.silicon.readUInt16LE(FSW) & FSW_ES) return;
  take(answers, RESULT.fx + 6, 2);
  take(answers, RESULT.fx + 8, 16);
}

/** RCPPS, RCPSS, RSQRTPS, RSQRTSS: both manuals promise a relative error of at most 1.5 * 2^-12, and no particular value. */
function approximations(answers: Answers, { map, opcode, prefix, reg }: Operation): void {
  if (map !== 1 || (opcode !== 0x52 && opcode !== 0x53)) return;
  for (const at of prefix === 0xf3 ? lanes(reg, 4).slice(0, 1) : lanes(reg, 4)) {
    const [x, y] = [answers.silicon.readFloatLE(at), answers.engine.readFloatLE(at)];
    if (Number.isFinite(x) && Number.isFinite(y) && Math.abs(x - y) <= Math.abs(y) * 3 * 2 ** -12) take(answers, at, 4);
  }
}

/** SHLD and SHRD by more bits than the operand has: both manuals call the result undefined. */
function doubleShifts(answers: Answers, { map, opcode, bits, isMemory, rm, immediate }: Operation): void {
  if (map !== 1 || ![0xa4, 0xa5, 0xac, 0xad].includes(opcode) || bits !== 16) return;
  const count = (opcode & 1 ? answers.before[CASE.gpr + 8]! : immediate) & 31;
  if (count <= 16) return;
  if (!isMemory) return take(answers, RESULT.gpr + 8 * rm, 2);
  const [at, bytes] = differingMemory(answers);
  if (bytes <= 2) take(answers, at, bytes);
}

/** DPPS, DPPD: neither manual says in which order each lane adds the products, and so which of several NaNs is the sum. */
function dotProducts(answers: Answers, { map, opcode, prefix, reg }: Operation): void {
  if (map !== 3 || (opcode !== 0x40 && opcode !== 0x41) || prefix !== 0x66) return;
  const bytes = opcode === 0x40 ? 4 : 8;
  const read = (of: Buffer, at: number): number => (bytes === 4 ? of.readFloatLE(at) : of.readDoubleLE(at));
  for (const at of lanes(reg, bytes)) {
    if (Number.isNaN(read(answers.silicon, at)) && Number.isNaN(read(answers.engine, at))) take(answers, at, bytes);
  }
}

/**
 * On Intel's processors an MMX store that faults has left x87 mode already (TOP is 0 and all registers are valid; the physical registers are the same
 * under other names). On AMD's nothing has changed, as for any fault.
 */
function faultingMmxStores(answers: Answers, { map, opcode, prefix, isMemory }: Operation): void {
  if (map !== 1 || ![0x7e, 0x7f, 0xe7].includes(opcode) || prefix || !isMemory) return;
  const { before, silicon, engine } = answers;
  if (!isFault(silicon) || !isX87AsBefore(answers)) return;
  const top = (before.readUInt16LE(CASE.fx + 2) >> 11) & 7;
  const isSame = Array.from({ length: 8 }, (_, i) => {
    const [was, is] = [CASE.fx + 32 + 16 * ((i - top) & 7), RESULT.fx + 32 + 16 * i];
    return before.subarray(was, was + 10).equals(engine.subarray(is, is + 10));
  });
  if (isSame.every(Boolean)) for (const [at, bytes] of X87) take(answers, RESULT.fx + at, bytes);
}

const STORES: Readonly<Record<number, readonly number[]>> = {
  0xd9: [2, 3],
  0xdb: [1, 2, 3, 7],
  0xdd: [1, 2, 3],
  0xdf: [1, 2, 3, 6, 7],
};
/**
 * An x87 store whose number raises an unmasked exception and whose operand faults: both belong to one class of faults, whose order depends on the
 * implementation (SDM volume 3, 6.9; APM volume 2, 8.5). Intel's processors do not store, and report the exception at the next x87 instruction.
 */
function faultingX87Stores(answers: Answers, { map, opcode, digit, isMemory }: Operation): void {
  const { before, silicon, engine } = answers;
  if (map !== 0 || !isMemory || !STORES[opcode]?.includes(digit)) return;
  if (!isFault(silicon) || !isX87AsBefore(answers) || isFault(engine)) return;
  const isPending = (engine.readUInt16LE(FSW) & FSW_ES) !== 0;
  const memory = engine.subarray(RESULT.memory, RESULT.memory + WINDOW);
  if (isPending && memory.equals(before.subarray(CASE.memory, CASE.memory + WINDOW))) engine.copy(silicon);
}

/** On AMD's processors FXSAVE's MXCSR_MASK has bit 17, for the misaligned exception mask, MXCSR.MM (APM volume 2, 11.4.4). */
function mxcsrMask(answers: Answers, { map, opcode, prefix, digit, isMemory }: Operation): void {
  if (map !== 1 || opcode !== 0xae || prefix || digit !== 0 || !isMemory) return;
  const [at, bytes] = differingMemory(answers);
  if (bytes === 1 && answers.silicon.readUInt32LE(at - 2) === 0x2ffff && answers.engine.readUInt32LE(at - 2) === 0xffff)
    take(answers, at, 1);
}

const RULES = [pointers, approximations, doubleShifts, dotProducts, faultingMmxStores, faultingX87Stores, mxcsrMask];

/**
 * Returns an AMD processor's result of a case in which every part that may differ from the engine's, and is as AMD's manual says, is replaced by the
 * engine's.
 */
export function fromAmd(
  { bytes, length }: { bytes: Uint8Array; length: number },
  silicon: Uint8Array,
  engine: Uint8Array,
): Buffer {
  const view = (of: Uint8Array): Buffer => Buffer.from(of.buffer, of.byteOffset, of.byteLength);
  const answers = { before: view(bytes), silicon: Buffer.from(silicon), engine: view(engine) };
  const operation = decode(bytes.subarray(CASE.code, CASE.code + length));
  for (const rule of RULES) rule(answers, operation);
  return answers.silicon;
}
