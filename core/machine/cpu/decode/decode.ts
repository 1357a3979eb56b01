/**
 * Instruction decoder for 16-, 32- and 64-bit modes: makes one op (op.ts) from an instruction's bytes. Intel's manual volume 2, chapter 2 and
 * appendix A. This file handles prefixes, ModRM, immediates and VEX; the opcode maps (map.ts, map0f.ts, map0f38.ts, vex.ts) identify the instruction.
 */
import { CPU_CODE_BASE, CPU_GPR, CPU_SEG, CPU_ZERO, CS, DS, ES, FS, GS, SEG_SIZE, SS } from "../state";
import {
  OPF_SIMPLE,
  OPF_WHOLE,
  OP_ADDRESS_MASK,
  OP_ADDRSIZE,
  OP_BASE,
  OP_BASE_SLOT,
  OP_COLD,
  OP_COLD_BYTES,
  OP_DISP,
  OP_FLAGS,
  OP_HANDLER,
  OP_IMM,
  OP_INDEX,
  OP_INDEX_SLOT,
  OP_LENGTH,
  OP_MAP,
  OP_MODRM,
  OP_OFFSET,
  OP_OPCODE,
  OP_OPSIZE,
  OP_PREFIX,
  OP_REG,
  OP_REG8,
  OP_RM,
  OP_RM8,
  OP_SCALE,
  OP_SEG,
  OP_SEG_SLOT,
  OP_SIZE,
  OP_TARGET,
  OP_TARGET2,
  OP_VREG,
  PREFIX_66,
  PREFIX_LOCK,
  PREFIX_MEMORY,
  PREFIX_REP,
  PREFIX_REPNE,
  PREFIX_REX,
  PREFIX_REXW,
  PREFIX_VEX,
} from "../op";
import { H_LENGTH, H_UD } from "../handlers";
import { MODE_64, MODE_CODE32, MODE_FLAT, MODE_REAL } from "../mode_bits";
import { reg8Offset } from "../access";
import { genericHandler } from "./hot_forms";
import { decodeMap0 } from "./map";
import { decodeMap1 } from "./map0f";
import { decodeMap2, decodeMap3 } from "./map0f38";
import { decodeVex } from "./vex";

const LENGTH_MAX: u32 = 15;
/** The gathers' opcodes in 0F38 with a VEX prefix. */
const GATHER_FIRST: u32 = 0x90;
const GATHER_LAST: u32 = 0x93;

/** The instruction that is being decoded; the maps read and set these variables. */
export let op: usize = 0;
export let mode: u32 = 0;
export let prefix: u32 = 0;
export let opcode: u32 = 0;
export let operandSize: u32 = 0;
let addressSize: u32 = 0;
let rexBits: u32 = 0;
let segment: i32 = -1;
let ripRelative: bool = false;
let relativeBranch: bool = false;
let lockAllowed: bool = false;

let start: usize = 0;
let at: usize = 0;
let end: usize = 0;
let tooShort: bool = false;

/** Whether the last decoded instruction ends its block. */
export let decodeEnds: bool = false;
export function endsBlock(): void {
  decodeEnds = true;
}
export function allowLock(): void {
  lockAllowed = true;
}
/** The immediate is a branch distance. It is replaced by the target's distance from the start of the page. */
export function immediateIsRelative(): void {
  relativeBranch = true;
}
export function setOperandSize(size: u32): void {
  operandSize = size;
}

function fetch8(): u32 {
  if (at >= end) {
    tooShort = true;
    return 0;
  }
  return load<u8>(at++);
}
/** Returns the next byte without consuming it. */
function peek8(): u32 {
  if (at >= end) {
    tooShort = true;
    return 0;
  }
  return load<u8>(at);
}
function fetch16(): u32 {
  const low = fetch8();
  return low | (fetch8() << 8);
}
function fetch32(): u32 {
  const low = fetch16();
  return low | (fetch16() << 16);
}

/** These put immediates, sign-extended, into OP_IMM. */
export function immediate8(): void {
  store<i64>(op, <i64>(<i8>fetch8()), OP_IMM);
}
export function immediate8u(): void {
  store<u64>(op, fetch8(), OP_IMM);
}
export function immediate16u(): void {
  store<u64>(op, fetch16(), OP_IMM);
}
function immediate32(): void {
  store<i64>(op, <i64>(<i32>fetch32()), OP_IMM);
}
/** 16 bits if the operand size is 2, else 32 bits sign-extended. */
export function immediateZ(): void {
  if (operandSize == 2) store<i64>(op, <i64>(<i16>fetch16()), OP_IMM);
  else immediate32();
}
/** As wide as the operand, up to 64 bits. */
export function immediateV(): void {
  if (operandSize == 8) immediate64();
  else immediateZ();
}
function immediate64(): void {
  const low = <u64>fetch32();
  store<u64>(op, low | ((<u64>fetch32()) << 32), OP_IMM);
}
/** An offset as wide as the address size (MOV moffs). */
export function immediateOffset(): void {
  if (addressSize == 8) immediate64();
  else if (addressSize == 4) store<u64>(op, fetch32(), OP_IMM);
  else store<u64>(op, fetch16(), OP_IMM);
}
/** Far pointer: offset in bits 0..31, selector in bits 32..47. */
export function immediateFar(): void {
  const offset = <u64>(operandSize == 2 ? fetch16() : fetch32());
  store<u64>(op, offset | ((<u64>fetch16()) << 32), OP_IMM);
}
/** ENTER has a size and a level. */
export function immediateEnter(): void {
  const size = <u64>fetch16();
  store<u64>(op, size | ((<u64>fetch8()) << 32), OP_IMM);
}

function setBase(n: u32): void {
  store<u8>(op, <u8>n, OP_BASE);
  store<u16>(op, <u16>(CPU_GPR + n * 8), OP_BASE_SLOT);
}
function setIndex(n: u32): void {
  store<u8>(op, <u8>n, OP_INDEX);
  store<u16>(op, <u16>(CPU_GPR + n * 8), OP_INDEX_SLOT);
}

/** Sets the segment of the memory operand unless a prefix chooses another. */
export function defaultSegment(standard: i32): void {
  const chosen = segment >= 0 ? segment : standard;
  store<u8>(op, <u8>chosen, OP_SEG);
  let slot: i32 = CPU_ZERO;
  let simple = true;
  if (mode & MODE_64) {
    if (chosen >= FS) slot = CPU_SEG + chosen * SEG_SIZE;
  } else simple = (mode & MODE_FLAT) != 0 && chosen < FS && chosen != CS;
  store<u16>(op, <u16>slot, OP_SEG_SLOT);
  const whole = addressSize == (mode & MODE_64 ? 8 : 4) ? OPF_WHOLE : 0;
  store<u8>(op, simple ? OPF_SIMPLE | whole : whole, OP_FLAGS);
}

/** Consumes ModRM, SIB and displacement. */
export function takeModrm(): void {
  const byte = fetch8();
  store<u8>(op, <u8>byte, OP_MODRM);
  const rex = (prefix & PREFIX_REX) != 0;
  const reg = ((byte >> 3) & 7) | ((rexBits & 4) << 1);
  store<u8>(op, <u8>reg, OP_REG);
  store<u8>(op, <u8>reg8Offset(reg, rex), OP_REG8);
  const mod = byte >> 6;
  const low = byte & 7;
  if (mod == 3) {
    const rm = low | ((rexBits & 1) << 3);
    store<u8>(op, <u8>rm, OP_RM);
    store<u8>(op, <u8>reg8Offset(rm, rex), OP_RM8);
    return;
  }
  prefix |= PREFIX_MEMORY;
  store<u8>(op, <u8>low, OP_RM);
  if (addressSize == 2) {
    address16(mod, low);
    return;
  }
  let standard: i32 = DS;
  let base = low | ((rexBits & 1) << 3);
  if (low == 4) {
    const sib = fetch8();
    const index = ((sib >> 3) & 7) | ((rexBits & 2) << 2);
    if (index != 4) {
      setIndex(index);
      store<u8>(op, <u8>(sib >> 6), OP_SCALE);
    }
    base = (sib & 7) | ((rexBits & 1) << 3);
    if ((base & 7) == 5 && mod == 0) {
      store<i32>(op, <i32>fetch32(), OP_DISP);
      defaultSegment(DS);
      return;
    }
  } else if (low == 5 && mod == 0) {
    store<i32>(op, <i32>fetch32(), OP_DISP);
    if (mode & MODE_64) {
      ripRelative = true;
      store<u8>(op, 17, OP_BASE);
      store<u16>(op, CPU_CODE_BASE, OP_BASE_SLOT);
    }
    defaultSegment(DS);
    return;
  }
  setBase(base);
  if (base == 4 || base == 5) standard = SS;
  if (mod == 1) store<i32>(op, <i32>(<i8>fetch8()), OP_DISP);
  else if (mod == 2) store<i32>(op, <i32>fetch32(), OP_DISP);
  defaultSegment(standard);
}

/** Consumes a ModRM byte whose r/m is always a register (control and debug registers). */
export function takeModrmRegister(): void {
  const byte = fetch8();
  store<u8>(op, <u8>byte, OP_MODRM);
  store<u8>(op, <u8>(((byte >> 3) & 7) | ((rexBits & 4) << 1)), OP_REG);
  store<u8>(op, <u8>((byte & 7) | ((rexBits & 1) << 3)), OP_RM);
}

function address16(mod: u32, low: u32): void {
  let standard: i32 = DS;
  if (low == 6 && mod == 0) {
    store<i32>(op, <i32>fetch16(), OP_DISP);
    defaultSegment(DS);
    return;
  }
  switch (low) {
    case 0:
      setBase(3);
      setIndex(6);
      break;
    case 1:
      setBase(3);
      setIndex(7);
      break;
    case 2:
      setBase(5);
      setIndex(6);
      break;
    case 3:
      setBase(5);
      setIndex(7);
      break;
    case 4:
      setBase(6);
      break;
    case 5:
      setBase(7);
      break;
    case 6:
      setBase(5);
      break;
    default:
      setBase(3);
      break;
  }
  if (low == 2 || low == 3 || low == 6) standard = SS;
  if (mod == 1) store<i32>(op, <i32>(<i8>fetch8()), OP_DISP);
  else if (mod == 2) store<i32>(op, <i32>(<i16>fetch16()), OP_DISP);
  defaultSegment(standard);
}

/** Puts the register number in the opcode's low three bits into OP_RM. */
export function registerInOpcode(): void {
  const rm = (opcode & 7) | ((rexBits & 1) << 3);
  store<u8>(op, <u8>rm, OP_RM);
  store<u8>(op, <u8>reg8Offset(rm, (prefix & PREFIX_REX) != 0), OP_RM8);
}

/** Stores the fields that are known so far, so that the vector families' opcode tables can look at them. */
function storeFields(map: u32): void {
  store<u8>(op, <u8>prefix, OP_PREFIX);
  store<u8>(op, <u8>operandSize, OP_OPSIZE);
  store<u8>(op, <u8>addressSize, OP_ADDRSIZE);
  store<u8>(op, <u8>map, OP_MAP);
  store<u8>(op, <u8>opcode, OP_OPCODE);
}
/** Stores prefix, sizes, map and opcode before a vector family identifies the instruction. */
export function publishFields(map: u32): void {
  storeFields(map);
}

function standardSizes(): void {
  const flip = (prefix & PREFIX_66) != 0;
  if (mode & MODE_64) operandSize = prefix & PREFIX_REXW ? 8 : flip ? 2 : 4;
  else operandSize = ((mode & MODE_CODE32) != 0) != flip ? 4 : 2;
}

/** Whether an opcode of the map 0F that has a VEX form has an immediate: shuffles, shifts, compares, PINSRW, PEXTRW. */
function hasImmediate(code: u32): bool {
  return code - 0x70 <= 3 || code == 0xc2 || code - 0xc4 <= 2;
}

/**
 * Of a gather, whose SIB byte takeModrm() has consumed: the index is a vector register, which each element's address takes from OP_INDEX. Without a
 * SIB byte OP_INDEX becomes 16.
 */
function takeVectorIndex(sibAt: usize): void {
  store<u16>(op, CPU_ZERO, OP_INDEX_SLOT);
  const low = (<u32>load<u8>(op, OP_MODRM)) & 7;
  if (tooShort || addressSize == 2 || low != 4) {
    store<u8>(op, 16, OP_INDEX);
    return;
  }
  const sib = <u32>load<u8>(sibAt);
  store<u8>(op, <u8>(((sib >> 3) & 7) | ((rexBits & 2) << 2)), OP_INDEX);
  store<u8>(op, <u8>(sib >> 6), OP_SCALE);
}

/** C4 and C5. Returns the handler. */
function takeVex(first: u32): u32 {
  if (prefix & (PREFIX_66 | PREFIX_REP | PREFIX_REPNE | PREFIX_LOCK | PREFIX_REX) || mode & MODE_REAL) return H_UD;
  let map: u32 = 1;
  let last: u32 = 0;
  prefix |= PREFIX_VEX;
  let w = false;
  if (first == 0xc4) {
    const second = fetch8();
    map = second & 31;
    rexBits = ((second >> 5) ^ 7) & 7;
    last = fetch8();
    w = (last & 0x80) != 0;
  } else {
    last = fetch8();
    rexBits = ((last >> 5) & 4) ^ 4;
  }
  if (!(mode & MODE_64)) rexBits = 0;
  else if (w) {
    rexBits |= 8;
    prefix |= PREFIX_REXW;
  }
  store<u8>(op, <u8>(~(last >> 3) & (mode & MODE_64 ? 15 : 7)), OP_VREG);
  const pp = last & 3;
  prefix |= pp == 1 ? PREFIX_66 : pp == 2 ? PREFIX_REP : pp == 3 ? PREFIX_REPNE : 0;
  operandSize = prefix & PREFIX_REXW ? 8 : 4;
  opcode = fetch8();
  // VZEROUPPER and VZEROALL have no ModRM byte.
  const modrm = at;
  if (map != 1 || opcode != 0x77) takeModrm();
  if (map == 2 && opcode - GATHER_FIRST <= GATHER_LAST - GATHER_FIRST) takeVectorIndex(modrm + 1);
  if (map == 3 || (map == 1 && hasImmediate(opcode))) immediate8u();
  storeFields(map);
  return decodeVex(map, last, w);
}

function clearOp(at: usize): void {
  for (let i: usize = 0; i < <usize>OP_SIZE; i += sizeof<u64>()) store<u64>(at + i, 0);
  for (let i: usize = 0; i < <usize>OP_COLD_BYTES; i += sizeof<u64>()) store<u64>(at + i, 0, OP_COLD);
}

/**
 * Decodes the instruction whose bytes begin at `bytes` into the op at `into`. `available` (at least 1) of the bytes are readable, and `offset` is
 * their place in the page. Returns the instruction's length, or -1 if it needs more bytes than there are. An undefined or too long instruction
 * becomes an op that raises an exception.
 */
export function decode(into: usize, modeBits: u32, bytes: usize, available: u32, offset: u32): i32 {
  op = into;
  mode = modeBits;
  start = bytes;
  at = bytes;
  end = bytes + min<u32>(available, LENGTH_MAX);
  tooShort = false;
  prefix = 0;
  rexBits = 0;
  segment = -1;
  ripRelative = false;
  relativeBranch = false;
  lockAllowed = false;
  decodeEnds = false;
  clearOp(op);
  store<u16>(op, <u16>offset, OP_OFFSET);
  store<u8>(op, 16, OP_BASE);
  store<u8>(op, 16, OP_INDEX);
  store<u16>(op, CPU_ZERO, OP_BASE_SLOT);
  store<u16>(op, CPU_ZERO, OP_INDEX_SLOT);
  store<u16>(op, CPU_ZERO, OP_SEG_SLOT);

  const long = (mode & MODE_64) != 0;
  addressSize = long ? 8 : mode & MODE_CODE32 ? 4 : 2;
  let byte: u32 = 0;
  let overridden = false;
  while (!tooShort) {
    byte = fetch8();
    if (long && byte >> 4 == 4) {
      // REX counts only directly before the opcode; a later prefix cancels it.
      rexBits = byte & 15;
      prefix = (prefix | PREFIX_REX) & ~PREFIX_REXW;
      if (byte & 8) prefix |= PREFIX_REXW;
      continue;
    }
    let legacy = true;
    switch (byte) {
      case 0x66:
        prefix |= PREFIX_66;
        break;
      case 0x67:
        overridden = true;
        break;
      case 0xf0:
        prefix |= PREFIX_LOCK;
        break;
      case 0xf2:
        prefix = (prefix & ~PREFIX_REP) | PREFIX_REPNE;
        break;
      case 0xf3:
        prefix = (prefix & ~PREFIX_REPNE) | PREFIX_REP;
        break;
      case 0x26:
        if (!long) segment = ES;
        break;
      case 0x2e:
        if (!long) segment = CS;
        break;
      case 0x36:
        if (!long) segment = SS;
        break;
      case 0x3e:
        if (!long) segment = DS;
        break;
      case 0x64:
        segment = FS;
        break;
      case 0x65:
        segment = GS;
        break;
      default:
        legacy = false;
        break;
    }
    if (!legacy) break;
    rexBits = 0;
    prefix &= ~(PREFIX_REX | PREFIX_REXW);
  }
  if (overridden) addressSize = addressSize == 4 ? (long ? 8 : 2) : 4;
  standardSizes();
  defaultSegment(DS);

  opcode = byte;
  let map: u32 = 0;
  let handler: u32 = H_UD;
  if ((byte == 0xc4 || byte == 0xc5) && (long || peek8() >= 0xc0)) handler = takeVex(byte);
  else {
    if (byte == 0x0f) {
      map = 1;
      opcode = fetch8();
      if (opcode == 0x38) {
        map = 2;
        opcode = fetch8();
      } else if (opcode == 0x3a) {
        map = 3;
        opcode = fetch8();
      }
    }
    handler = map == 0 ? decodeMap0() : map == 1 ? decodeMap1() : map == 2 ? decodeMap2() : decodeMap3();
    if (prefix & PREFIX_LOCK && !(lockAllowed && prefix & PREFIX_MEMORY)) handler = H_UD;
    storeFields(map);
  }

  if (tooShort) {
    if (available < LENGTH_MAX) return -1;
    handler = H_LENGTH;
    at = end;
  }
  const length = <u32>(at - start);
  store<u8>(op, <u8>length, OP_LENGTH);
  store<u64>(op, addressSize == 8 ? ~(<u64>0) : addressSize == 4 ? 0xffffffff : 0xffff, OP_ADDRESS_MASK);
  if (ripRelative) {
    const sum = <i64>load<i32>(op, OP_DISP) + <i64>(offset + length);
    if (sum == <i64>(<i32>sum)) store<i32>(op, <i32>sum, OP_DISP);
    else {
      store<u8>(op, 18, OP_BASE);
      handler = genericHandler(handler);
    }
  }
  if (relativeBranch) {
    store<i64>(op, load<i64>(op, OP_IMM) + <i64>(offset + length), OP_IMM);
    store<u32>(op, 0, OP_TARGET);
    store<u32>(op, 0, OP_TARGET2);
  }
  if (handler == H_UD || handler == H_LENGTH) decodeEnds = true;
  store<u16>(op, <u16>handler, OP_HANDLER);
  return <i32>length;
}
