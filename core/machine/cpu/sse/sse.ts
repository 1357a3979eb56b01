/**
 * MMX, SSE to SSE4.2, AES-NI, PCLMULQDQ and the instructions that save state: their identification at decode time, and the first step of dispatch.
 * (CRC32, MOVNTI, prefetches, fences and CLFLUSH touch no vector state and belong to the integer set.) Source of all facts: Intel SDM volume 2; where
 * that is silent, silicon (test/cpu/sse.test.ts).
 * The id of an instruction is `page << 8 | opcode byte`; the page combines opcode map and mandatory prefix. Groups (71 72 73, AE, C7) have ModRM.reg as
 * their second key. 0 is no instruction of this family (0F 00 is SLDT).
 */
import { OP_ID, OP_MAP, OP_MODRM, OP_OPCODE, OP_PREFIX } from "../op";
import { PREFIX_66, PREFIX_LOCK, PREFIX_MEMORY, PREFIX_REP, PREFIX_REPNE, PREFIX_VEX } from "../op";
import { VECTOR_UD, raise } from "../machine";
import { execute0F, execute0F66, execute0FF2, execute0FF3 } from "./map0f";
import { execute0F38, execute0F3866 } from "./map0f38";
import { execute0F3A, execute0F3A66 } from "./map0f3a";

/** Pages, each for an opcode map and a mandatory prefix. */
const PAGE_0F: u32 = 0;
const PAGE_0F_66: u32 = 1;
const PAGE_0F_F3: u32 = 2;
const PAGE_0F_F2: u32 = 3;
const PAGE_0F38: u32 = 4;
const PAGE_0F38_66: u32 = 5;
const PAGE_0F3A: u32 = 6;
const PAGE_0F3A_66: u32 = 7;

/** Which forms of the r/m operand an opcode has. */
const NONE: i32 = 0;
const MEMORY: i32 = 1;
const REGISTER: i32 = 2;
const BOTH: i32 = 3;

function between(opcode: u32, first: u32, last: u32): bool {
  return opcode - first <= last - first;
}

/** 0F AE /r: FXSAVE FXRSTOR LDMXCSR STMXCSR XSAVE XRSTOR XSAVEOPT. Fences and CLFLUSH belong to the integer set. */
function formsAE(prefix66: bool, reg: u32): i32 {
  return prefix66 || reg == 7 ? NONE : MEMORY;
}

/** The shift groups 71 (words), 72 (doublewords), 73 (quadwords; /3 and /7 shift bytes and exist for XMM only). */
function formsShift(opcode: u32, prefix66: bool, reg: u32): i32 {
  if (opcode == 0x73) return reg == 2 || reg == 6 || (prefix66 && (reg == 3 || reg == 7)) ? REGISTER : NONE;
  return reg == 2 || reg == 4 || reg == 6 ? REGISTER : NONE;
}

function forms0F(opcode: u32, prefix66: bool, reg: u32): i32 {
  if (opcode == 0x13 || opcode == 0x17 || opcode == 0x2b || opcode == 0xe7) return MEMORY;
  if (opcode == 0x50 || opcode == 0xc5 || opcode == 0xd7 || opcode == 0xf7) return REGISTER;
  if (between(opcode, 0x71, 0x73)) return formsShift(opcode, prefix66, reg);
  if (opcode == 0xae) return formsAE(prefix66, reg);
  // XSAVEC. The others of its group are in the integer set, or are not there.
  if (opcode == 0xc7) return !prefix66 && reg == 4 ? MEMORY : NONE;
  if (opcode == 0x12 || opcode == 0x16) return prefix66 ? MEMORY : BOTH;
  if (opcode == 0x77 || opcode == 0x52 || opcode == 0x53) return prefix66 ? NONE : BOTH;
  if (opcode == 0x6c || opcode == 0x6d || opcode == 0x7c || opcode == 0x7d) return prefix66 ? BOTH : NONE;
  if (opcode == 0xd0 || opcode == 0xd6 || opcode == 0xe6) return prefix66 ? BOTH : NONE;
  if (between(opcode, 0x10, 0x16) || between(opcode, 0x28, 0x2f) || between(opcode, 0x51, 0x6f)) return BOTH;
  if (opcode == 0x70 || between(opcode, 0x74, 0x76) || opcode == 0x7e || opcode == 0x7f) return BOTH;
  if (opcode == 0xc2 || opcode == 0xc4 || opcode == 0xc6 || between(opcode, 0xd1, 0xef)) return BOTH;
  return between(opcode, 0xf1, 0xfe) ? BOTH : NONE;
}

function forms0FF3(opcode: u32): i32 {
  if (between(opcode, 0x10, 0x12) || opcode == 0x16 || opcode == 0x2a || opcode == 0x2c || opcode == 0x2d) return BOTH;
  if (between(opcode, 0x51, 0x53) || between(opcode, 0x58, 0x5f) || opcode == 0x6f || opcode == 0x70) return BOTH;
  if (opcode == 0x7e || opcode == 0x7f || opcode == 0xc2 || opcode == 0xe6) return BOTH;
  return opcode == 0xd6 ? REGISTER : NONE;
}

function forms0FF2(opcode: u32): i32 {
  if (between(opcode, 0x10, 0x12) || opcode == 0x2a || opcode == 0x2c || opcode == 0x2d || opcode == 0x51) return BOTH;
  if (between(opcode, 0x58, 0x5f)) return opcode == 0x5b ? NONE : BOTH;
  if (opcode == 0x70 || opcode == 0x7c || opcode == 0x7d || opcode == 0xc2 || opcode == 0xd0) return BOTH;
  if (opcode == 0xe6) return BOTH;
  if (opcode == 0xd6) return REGISTER;
  return opcode == 0xf0 ? MEMORY : NONE;
}

function forms0F38(opcode: u32, prefix66: bool): i32 {
  if (opcode <= 0x0b || between(opcode, 0x1c, 0x1e)) return BOTH;
  if (!prefix66) return NONE;
  if (opcode == 0x10 || opcode == 0x14 || opcode == 0x15 || opcode == 0x17) return BOTH;
  if (opcode == 0x2a) return MEMORY;
  if (between(opcode, 0x20, 0x25) || between(opcode, 0x28, 0x2b) || between(opcode, 0x30, 0x35)) return BOTH;
  return between(opcode, 0x37, 0x41) || between(opcode, 0xdb, 0xdf) ? BOTH : NONE;
}

function forms0F3A(opcode: u32, prefix66: bool): i32 {
  if (opcode == 0x0f) return BOTH;
  if (!prefix66) return NONE;
  if (between(opcode, 0x08, 0x0e) || between(opcode, 0x14, 0x17) || between(opcode, 0x20, 0x22)) return BOTH;
  return between(opcode, 0x40, 0x42) || opcode == 0x44 || between(opcode, 0x60, 0x63) || opcode == 0xdf ? BOTH : NONE;
}

/**
 * Called by the decoder for an opcode outside the integer set, when all other fields of the op are filled. Returns the id for OP_ID, 0 for #UD. Forms
 * with VEX are AVX's.
 */
export function sseIdentify(op: usize): u32 {
  const prefix = <u32>load<u8>(op, OP_PREFIX);
  if (prefix & (PREFIX_VEX | PREFIX_LOCK)) return 0;
  const map = <u32>load<u8>(op, OP_MAP);
  const opcode = <u32>load<u8>(op, OP_OPCODE);
  const reg = ((<u32>load<u8>(op, OP_MODRM)) >> 3) & 7;
  const prefix66 = (prefix & PREFIX_66) != 0;
  let page: u32;
  let forms = NONE;
  if (map == 1) {
    if (prefix & PREFIX_REP) {
      page = PAGE_0F_F3;
      forms = forms0FF3(opcode);
    } else if (prefix & PREFIX_REPNE) {
      page = PAGE_0F_F2;
      forms = forms0FF2(opcode);
    } else {
      page = prefix66 ? PAGE_0F_66 : PAGE_0F;
      forms = forms0F(opcode, prefix66, reg);
    }
  } else if (map == 2) {
    page = prefix66 ? PAGE_0F38_66 : PAGE_0F38;
    forms = prefix & (PREFIX_REP | PREFIX_REPNE) ? NONE : forms0F38(opcode, prefix66);
  } else if (map == 3) {
    page = prefix66 ? PAGE_0F3A_66 : PAGE_0F3A;
    forms = prefix & (PREFIX_REP | PREFIX_REPNE) ? NONE : forms0F3A(opcode, prefix66);
  } else return 0;
  return forms & (prefix & PREFIX_MEMORY ? MEMORY : REGISTER) ? (page << 8) | opcode : 0;
}

/** Executes an op that sseIdentify has identified. On a fault nothing has changed, except MXCSR flags for #XM. */
export function sseExecute(op: usize): void {
  const id = <u32>load<u16>(op, OP_ID);
  const opcode = id & 0xff;
  switch (id >> 8) {
    case PAGE_0F:
      return execute0F(op, opcode);
    case PAGE_0F_66:
      return execute0F66(op, opcode);
    case PAGE_0F_F3:
      return execute0FF3(op, opcode);
    case PAGE_0F_F2:
      return execute0FF2(op, opcode);
    case PAGE_0F38:
      return execute0F38(op, opcode);
    case PAGE_0F38_66:
      return execute0F3866(op, opcode);
    case PAGE_0F3A:
      return execute0F3A(op, opcode);
    case PAGE_0F3A_66:
      return execute0F3A66(op, opcode);
    default:
      raise(VECTOR_UD);
  }
}
