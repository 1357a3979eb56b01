/** Moves between XMM, MMX, general registers and memory, and instructions that only insert, extract or touch memory. */
import { cpu, fault } from "../machine";
import { OPF_SIMPLE, OP_ADDRSIZE, OP_FLAGS, OP_REG, OP_RM, OP_SEG } from "../op";
import { CPU_FPR, CPU_FSW, CPU_FTW, CPU_GPR, CPU_SEG, FS, SEG_BASE, SEG_SIZE, XMM_HIGH } from "../state";
import { effectiveAddress, probeWrite, segmentAddress } from "../access";
import { write16, write32, write64, write8, writeV128 } from "../access";
import {
  immediate,
  isMemory,
  isWide,
  mmxAvailable,
  regM,
  regX,
  rm128,
  rm128Unaligned,
  rm32,
  rm64,
  rmGeneral,
  rmGeneralNarrow,
  rmM,
  rmX,
  setLow32,
  setLow64,
  setM,
  setRegGeneral,
  setRegM,
  setRmGeneral,
  setX,
  sseAvailable,
  storeAligned,
  vector,
} from "./operand";
import { x87EnterMmx } from "../x87/x87";

export function loadAligned(op: usize): void {
  if (!sseAvailable()) return;
  const value = rm128(op);
  setX(regX(op), value);
}
export function loadUnaligned(op: usize): void {
  if (!sseAvailable()) return;
  const value = rm128Unaligned(op);
  setX(regX(op), value);
}
export function storeAlignedOrRegister(op: usize): void {
  if (!sseAvailable()) return;
  const value = v128.load(regX(op));
  if (isMemory(op)) storeAligned(op, value);
  else v128.store(rmX(op), value);
}
export function storeUnaligned(op: usize): void {
  if (!sseAvailable()) return;
  const value = v128.load(regX(op));
  if (!isMemory(op)) {
    v128.store(rmX(op), value);
    return;
  }
  const lin = effectiveAddress(op);
  if (!fault) writeV128(lin, value);
}

/** MOVLPS, MOVLPD from memory; MOVHLPS: the source's high quadword to the low one. */
export function loadLow(op: usize): void {
  if (!sseAvailable()) return;
  const value = isMemory(op) ? rm64(op) : load<u64>(rmX(op), XMM_HIGH);
  setLow64(regX(op), value);
}
/** MOVHPS, MOVHPD from memory; MOVLHPS: the source's low quadword to the high one. */
export function loadHigh(op: usize): void {
  if (!sseAvailable()) return;
  const value = rm64(op);
  setLow64(regX(op) + 8, value);
}
/** MOVLPx (`offset` 0), MOVHPx (8) to memory. */
export function storeHalf(op: usize, offset: usize): void {
  if (!sseAvailable()) return;
  const lin = effectiveAddress(op);
  if (!fault) write64(lin, load<u64>(regX(op) + offset));
}

/** MOVSS, MOVSD loads: from memory the rest becomes zero, from a register it stays. */
export function loadScalar32(op: usize): void {
  if (!sseAvailable()) return;
  const value = rm32(op);
  if (isMemory(op)) setX(regX(op), vector(<u64>value, 0));
  else setLow32(regX(op), value);
}
export function loadScalar64(op: usize): void {
  if (!sseAvailable()) return;
  const value = rm64(op);
  if (isMemory(op)) setX(regX(op), vector(value, 0));
  else setLow64(regX(op), value);
}
export function storeScalar32(op: usize): void {
  if (!sseAvailable()) return;
  const value = load<u32>(regX(op));
  if (!isMemory(op)) return setLow32(rmX(op), value);
  const lin = effectiveAddress(op);
  if (!fault) write32(lin, value);
}
export function storeScalar64(op: usize): void {
  if (!sseAvailable()) return;
  const value = load<u64>(regX(op));
  if (!isMemory(op)) return setLow64(rmX(op), value);
  const lin = effectiveAddress(op);
  if (!fault) write64(lin, value);
}
/** F3 7E: MOVQ xmm, xmm/m64. */
export function loadLowZeroing(op: usize): void {
  if (!sseAvailable()) return;
  const value = rm64(op);
  setX(regX(op), vector(value, 0));
}
/** 66 D6: MOVQ xmm/m64, xmm. */
export function storeLow(op: usize): void {
  if (!sseAvailable()) return;
  const value = load<u64>(regX(op));
  if (!isMemory(op)) return setX(rmX(op), vector(value, 0));
  const lin = effectiveAddress(op);
  if (!fault) write64(lin, value);
}

/** 66 6E, 66 7E: MOVD, MOVQ with general registers. */
export function generalToXmm(op: usize): void {
  if (!sseAvailable()) return;
  const value = rmGeneral(op);
  setX(regX(op), vector(value, 0));
}
export function xmmToGeneral(op: usize): void {
  if (sseAvailable()) setRmGeneral(op, load<u64>(regX(op)));
}

/** 50: MOVMSKPS, MOVMSKPD; 66 D7: PMOVMSKB. */
export function signMask(op: usize, opcode: u32, prefix66: bool): void {
  if (!sseAvailable()) return;
  const value = v128.load(rmX(op));
  const mask = opcode == 0xd7 ? i8x16.bitmask(value) : prefix66 ? i64x2.bitmask(value) : i32x4.bitmask(value);
  setRegGeneral(op, <u64>mask);
}
/** 66 C4: PINSRW. */
export function insertWord(op: usize): void {
  if (!sseAvailable()) return;
  const value = rmGeneralNarrow(op, 2);
  if (!fault) store<u16>(regX(op) + (((<usize>immediate(op)) & 7) << 1), <u16>value);
}
/** 66 C5: PEXTRW r32, xmm. */
export function extractWord(op: usize): void {
  if (sseAvailable()) setRegGeneral(op, <u64>load<u16>(rmX(op) + (((<usize>immediate(op)) & 7) << 1)));
}

// ---- 0F3A: PEXTRx and PINSRx of SSE4.1 ----

/** 14 PEXTRB, 15 PEXTRW, 16 PEXTRD/Q, 17 EXTRACTPS: to r/m, register zero-extended. The caller has checked that the instruction is available. */
export function extract(op: usize, opcode: u32): void {
  const from = regX(op);
  const n = <usize>immediate(op);
  let value: u64;
  if (opcode == 0x14) value = <u64>load<u8>(from + (n & 15));
  else if (opcode == 0x15) value = <u64>load<u16>(from + ((n & 7) << 1));
  else if (opcode == 0x16 && isWide(op)) value = load<u64>(from + ((n & 1) << 3));
  else value = <u64>load<u32>(from + ((n & 3) << 2));
  if (!isMemory(op)) {
    store<u64>(cpu + ((<usize>load<u8>(op, OP_RM)) << 3), value, CPU_GPR);
    return;
  }
  const lin = effectiveAddress(op);
  if (fault) return;
  if (opcode == 0x14) write8(lin, <u32>value);
  else if (opcode == 0x15) write16(lin, <u32>value);
  else if (opcode == 0x16 && isWide(op)) write64(lin, value);
  else write32(lin, <u32>value);
}
/** 20 PINSRB, 22 PINSRD/Q. */
export function insert(op: usize, opcode: u32): void {
  if (!sseAvailable()) return;
  const to = regX(op);
  const n = <usize>immediate(op);
  if (opcode == 0x20) {
    const value = rmGeneralNarrow(op, 1);
    if (!fault) store<u8>(to + (n & 15), <u8>value);
    return;
  }
  const value = rmGeneral(op);
  if (fault) return;
  if (isWide(op)) store<u64>(to + ((n & 1) << 3), value);
  else store<u32>(to + ((n & 3) << 2), <u32>value);
}
/** 21: INSERTPS: source lane imm 6..7 (memory: the only one), to lane 4..5, then lanes 0..3 with a bit set become zero. */
export function insertSingle(op: usize): void {
  if (!sseAvailable()) return;
  const n = <usize>immediate(op);
  const value = isMemory(op) ? rm32(op) : load<u32>(rmX(op) + ((n >> 6) << 2));
  if (fault) return;
  const to = regX(op);
  store<u32>(to + (((n >> 4) & 3) << 2), value);
  for (let i: usize = 0; i < 4; i++) if (n & (1 << i)) store<u32>(to + (i << 2), 0);
}

// ---- MMX ----

/** 0F 6F: MOVQ mm, mm/m64. */
export function loadMmx(op: usize): void {
  if (!mmxAvailable()) return;
  const value = rmM(op);
  setRegM(op, value);
}
/** 0F 7F MOVQ mm/m64, mm; 0F E7 MOVNTQ. */
export function storeMmx(op: usize): void {
  if (!mmxAvailable()) return;
  const value = regM(op);
  if (!isMemory(op)) return setM(load<u8>(op, OP_RM), value);
  clearTop();
  const lin = effectiveAddress(op);
  if (fault) return;
  write64(lin, value);
  if (!fault) x87EnterMmx();
}
/** Seen on silicon: an MMX store sets TOP to 0 even if it faults, but the tags change only if it does not. */
function clearTop(): void {
  store<u16>(cpu, load<u16>(cpu, CPU_FSW) & 0xc7ff, CPU_FSW);
}
/** 0F 6E, 0F 7E: MOVD, MOVQ with general registers. */
export function generalToMmx(op: usize): void {
  if (!mmxAvailable()) return;
  const value = rmGeneral(op);
  setRegM(op, value);
}
export function mmxToGeneral(op: usize): void {
  if (!mmxAvailable()) return;
  clearTop();
  setRmGeneral(op, regM(op));
  if (!fault) x87EnterMmx();
}
/** F3 D6: MOVQ2DQ. */
export function mmxToXmm(op: usize): void {
  if (!sseAvailable() || !mmxAvailable()) return;
  const value = rmM(op);
  x87EnterMmx();
  setX(regX(op), vector(value, 0));
}
/** F2 D6: MOVDQ2Q. */
export function xmmToMmx(op: usize): void {
  if (!sseAvailable() || !mmxAvailable()) return;
  setRegM(op, load<u64>(rmX(op)));
}
/** 0F C4, 0F C5: PINSRW, PEXTRW with MMX. */
export function insertWordMmx(op: usize): void {
  if (!mmxAvailable()) return;
  const value = <u64>(rmGeneralNarrow(op, 2) & 0xffff);
  const at = <u64>((immediate(op) & 3) << 4);
  setRegM(op, (regM(op) & ~((<u64>0xffff) << at)) | (value << at));
}
export function extractWordMmx(op: usize): void {
  if (!mmxAvailable()) return;
  const value = (rmM(op) >> (<u64>((immediate(op) & 3) << 4))) & 0xffff;
  x87EnterMmx();
  setRegGeneral(op, value);
}
/** 0F D7: PMOVMSKB r32, mm. */
export function byteMaskMmx(op: usize): void {
  if (!mmxAvailable()) return;
  const value = rmM(op);
  x87EnterMmx();
  setRegGeneral(op, <u64>i8x16.bitmask(vector(value, 0)));
}
/** 0F 77: EMMS: all registers empty. TOP becomes 0. */
export function emptyMmx(): void {
  if (!mmxAvailable()) return;
  x87EnterMmx();
  store<u8>(cpu, 0, CPU_FTW);
}

// ---- memory only ----

/** F7: MASKMOVQ, MASKMOVDQU. */
export function maskedStore(op: usize, isMmx: bool): void {
  if (!isMmx) {
    if (sseAvailable()) storeMaskedBytes(op, 16, regX(op), rmX(op));
    return;
  }
  if (!mmxAvailable()) return;
  const data = cpu + CPU_FPR + (((<usize>load<u8>(op, OP_REG)) & 7) << 4);
  storeMaskedBytes(op, 8, data, cpu + CPU_FPR + (((<usize>load<u8>(op, OP_RM)) & 7) << 4));
  if (!fault) x87EnterMmx();
}

/** Bytes of the register at `data` whose byte in the register at `select` has bit 7 set go to DS:rDI. */
export function storeMaskedBytes(op: usize, bytes: u32, data: usize, select: usize): void {
  let offset = load<u64>(cpu + 7 * 8, CPU_GPR);
  const size = <u32>load<u8>(op, OP_ADDRSIZE);
  if (size < 8) offset &= size == 4 ? 0xffffffff : 0xffff;
  const segment = <i32>load<u8>(op, OP_SEG);
  let lin = offset;
  if (!(load<u8>(op, OP_FLAGS) & OPF_SIMPLE)) lin = segmentAddress(segment, offset, bytes, true);
  else if (segment >= FS) lin += load<u64>(cpu + <usize>(segment * SEG_SIZE), CPU_SEG + SEG_BASE);
  for (let i: u32 = 0; i < bytes && !fault; i++) if (load<u8>(select + i) & 128) probeWrite(lin + i, 1);
  if (fault) return;
  for (let i: u32 = 0; i < bytes; i++) if (load<u8>(select + i) & 128) write8(lin + i, load<u8>(data + i));
}
