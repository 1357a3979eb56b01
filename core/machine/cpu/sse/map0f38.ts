/** Dispatch of opcode map 0F38: SSSE3, SSE4.1, SSE4.2, AES-NI. */
import { cpu, fault } from "../machine";
import { CPU_XMM } from "../state";
import { setFlags, CF, ZF } from "../flags";
import { aesRound } from "./crypto";
import { extend, horizontal, interleave, lanewise38, minimumWord, shuffleBytes } from "./integer";
import { mmx38 } from "./mmx";
import { isMemory, regX, rm128, rm16, rm32, rm64, rmX, setX, sseAvailable, vector } from "./operand";

/** Without prefix: MMX. */
export function execute0F38(op: usize, opcode: u32): void {
  mmx38(op, opcode);
}

/** With 66: XMM. */
export function execute0F3866(op: usize, opcode: u32): void {
  if (!sseAvailable()) return;
  if (opcode - 0x20 <= 5 || opcode - 0x30 <= 5) return extended(op, opcode);
  const b = rm128(op);
  if (fault) return;
  const register = regX(op);
  const a = v128.load(register);
  if (opcode >= 0xdb) return v128.store(register, aesRound(opcode, a, b));
  switch (opcode) {
    case 0x00:
      return v128.store(register, shuffleBytes(a, b));
    case 0x01:
    case 0x02:
    case 0x03:
    case 0x05:
    case 0x06:
    case 0x07:
      return v128.store(register, horizontal(opcode, a, b));
    case 0x10:
      return blend(register, a, b, i8x16.shr_s(selector(), 7));
    case 0x14:
      return blend(register, a, b, i32x4.shr_s(selector(), 31));
    case 0x15:
      return blend(register, a, b, i64x2.shr_s(selector(), 63));
    case 0x17: {
      let flags: u32 = 0;
      if (!v128.any_true(v128.and(a, b))) flags |= ZF;
      if (!v128.any_true(v128.andnot(b, a))) flags |= CF;
      return setFlags(flags);
    }
    case 0x2a:
      return v128.store(register, b); // MOVNTDQA
    case 0x2b:
      return v128.store(register, interleave(0x12b, a, b));
    case 0x41:
      return v128.store(register, minimumWord(b));
    default:
      return v128.store(register, lanewise38(opcode, a, b));
  }
}

/** Returns XMM0, which selects in PBLENDVB, BLENDVPS, BLENDVPD. */
function selector(): v128 {
  return v128.load(cpu, CPU_XMM);
}
function blend(register: usize, a: v128, b: v128, choose: v128): void {
  v128.store(register, v128.bitselect(b, a, choose));
}

/** PMOVSX, PMOVZX: the operand is m64, m32 or m16 for a growth of 2, 4, 8. */
function extended(op: usize, opcode: u32): void {
  const form = opcode & 7;
  let source: u64;
  if (!isMemory(op)) source = load<u64>(rmX(op));
  else if (form == 2) source = <u64>rm16(op);
  else if (form == 1 || form == 4) source = <u64>rm32(op);
  else source = rm64(op);
  setX(regX(op), extend(opcode, vector(source, 0)));
}
