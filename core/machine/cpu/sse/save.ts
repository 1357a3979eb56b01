/**
 * LDMXCSR, STMXCSR, FXSAVE, FXRSTOR: the state of x87 and SSE in memory, and its parts, of which XSAVE's area (xsave.ts) consists too. Layout: SDM
 * volume 1, 10.5. FCS and FDS are always stored as 0, as by CPUs with CPUID.7.EBX[13].
 */
import { CR0_EM, CR0_TS } from "../control_bits";
import { VECTOR_GP, VECTOR_NM, cpu, fault, raise } from "../machine";
import { effectiveAddress, probeRead, probeWrite, read16, read32, read64, read8, readV128, write16 } from "../access";
import { write32, write64, writeV128 } from "../access";
import {
  CPU_CR0,
  CPU_EFER,
  CPU_FCW,
  CPU_FDP,
  CPU_FIP,
  CPU_FOP,
  CPU_FPR,
  CPU_FSW,
  CPU_FTW,
  CPU_MXCSR,
  CPU_SEG,
  CPU_XMM,
  CS,
  SEG_ATTR,
  SEG_SIZE,
  FPR_SIGN_EXPONENT,
} from "../state";
import { isWide, sseAvailable, vector } from "./operand";
import { MXCSR_MASK } from "./mxcsr";

// Offsets in the save area.
const AREA_FSW = 2;
const AREA_FTW = 4;
const AREA_FOP = 6;
const AREA_FIP = 8;
const AREA_FDP = 16;
export const AREA_MXCSR = 24;
const AREA_MXCSR_MASK = 28;
const AREA_ST = 32;
const AREA_XMM = 160;

/** Returns the number of XMM registers in this mode: 16 in 64-bit mode, otherwise 8. */
export function xmmCount(): u32 {
  const long = load<u64>(cpu, CPU_EFER) & 0x400 && load<u16>(cpu + CS * SEG_SIZE, CPU_SEG + SEG_ATTR) & 0x200;
  return long ? 16 : 8;
}
/** Address of ST(i): the physical register TOP + i. */
function stackRegister(i: u32): usize {
  const top = (<u32>load<u16>(cpu, CPU_FSW)) >> 11;
  return cpu + CPU_FPR + ((<usize>((top + i) & 7)) << 4);
}

export function saveX87(at: u64, wide: bool): void {
  write16(at, load<u16>(cpu, CPU_FCW));
  write16(at + AREA_FSW, load<u16>(cpu, CPU_FSW));
  write16(at + AREA_FTW, load<u8>(cpu, CPU_FTW));
  write16(at + AREA_FOP, load<u16>(cpu, CPU_FOP));
  const fip = load<u64>(cpu, CPU_FIP);
  const fdp = load<u64>(cpu, CPU_FDP);
  write64(at + AREA_FIP, wide ? fip : fip & 0xffffffff);
  write64(at + AREA_FDP, wide ? fdp : fdp & 0xffffffff);
  for (let i: u32 = 0; i < 8; i++) {
    const from = stackRegister(i);
    writeV128(at + AREA_ST + ((<u64>i) << 4), vector(load<u64>(from), <u64>load<u16>(from, FPR_SIGN_EXPONENT)));
  }
}
export function saveXmm(at: u64): void {
  const count = xmmCount();
  for (let i: u32 = 0; i < count; i++) {
    writeV128(at + AREA_XMM + ((<u64>i) << 4), v128.load(cpu + ((<usize>i) << 4), CPU_XMM));
  }
}
export function saveMxcsr(at: u64): void {
  write32(at + AREA_MXCSR, load<u32>(cpu, CPU_MXCSR));
  write32(at + AREA_MXCSR_MASK, MXCSR_MASK);
}

/** The processor keeps as many bits as linear addresses have, 48 here, and sign-extends them. This is not in the manual; it was seen on silicon. */
function pointer(address: u64): u64 {
  return <u64>((<i64>(address << 16)) >> 16);
}

export function loadX87(at: u64, wide: bool): void {
  const fcw = (read16(at) & 0x1f3f) | 0x40;
  let fsw = read16(at + AREA_FSW) & 0x7f7f;
  // ES and B are set if an unmasked exception is.
  if (fsw & ~fcw & 0x3f) fsw |= 0x8080;
  store<u16>(cpu, <u16>fcw, CPU_FCW);
  store<u16>(cpu, <u16>fsw, CPU_FSW);
  store<u8>(cpu, <u8>read8(at + AREA_FTW), CPU_FTW);
  store<u16>(cpu, <u16>(read16(at + AREA_FOP) & 0x7ff), CPU_FOP);
  store<u64>(cpu, wide ? pointer(read64(at + AREA_FIP)) : <u64>read32(at + AREA_FIP), CPU_FIP);
  store<u64>(cpu, wide ? pointer(read64(at + AREA_FDP)) : <u64>read32(at + AREA_FDP), CPU_FDP);
  for (let i: u32 = 0; i < 8; i++) {
    const to = stackRegister(i);
    store<u64>(to, read64(at + AREA_ST + ((<u64>i) << 4)));
    store<u64>(to, <u64>read16(at + AREA_ST + FPR_SIGN_EXPONENT + ((<u64>i) << 4)), FPR_SIGN_EXPONENT);
  }
}
export function initX87(): void {
  store<u16>(cpu, 0x37f, CPU_FCW);
  store<u16>(cpu, 0, CPU_FSW);
  store<u8>(cpu, 0, CPU_FTW);
  store<u16>(cpu, 0, CPU_FOP);
  store<u64>(cpu, 0, CPU_FIP);
  store<u64>(cpu, 0, CPU_FDP);
  memory.fill(cpu + CPU_FPR, 0, 128);
}
export function loadXmm(at: u64): void {
  const count = xmmCount();
  for (let i: u32 = 0; i < count; i++) {
    v128.store(cpu + ((<usize>i) << 4), readV128(at + AREA_XMM + ((<u64>i) << 4)), CPU_XMM);
  }
}

/** Reads MXCSR in a save area; raises #GP for bits that do not exist. */
export function readMxcsr(at: u64): u32 {
  const value = read32(at);
  if (value & ~MXCSR_MASK) raise(VECTOR_GP, 0);
  return value;
}

/** 0F AE /2 /3. */
export function loadMxcsr(op: usize): void {
  if (sseAvailable()) takeMxcsr(op);
}
export function takeMxcsr(op: usize): void {
  const value = readMxcsr(effectiveAddress(op));
  if (!fault) store<u32>(cpu, value, CPU_MXCSR);
}
export function storeMxcsr(op: usize): void {
  if (sseAvailable()) giveMxcsr(op);
}
export function giveMxcsr(op: usize): void {
  const lin = effectiveAddress(op);
  if (!fault) write32(lin, load<u32>(cpu, CPU_MXCSR));
}

/** Raises #NM for EM or TS. Returns the aligned address; 0 after raising. */
function legacyArea(op: usize): u64 {
  if (load<u64>(cpu, CPU_CR0) & (CR0_EM | CR0_TS)) {
    raise(VECTOR_NM);
    return 0;
  }
  const lin = effectiveAddress(op);
  if (lin & 15) raise(VECTOR_GP, 0);
  return lin;
}

/** 0F AE /0. Bytes 416..511 are not written. */
export function fxsave(op: usize): void {
  const lin = legacyArea(op);
  if (fault) return;
  probeWrite(lin + 511, 1); // silicon reports the end first
  probeWrite(lin, 512);
  if (fault) return;
  saveX87(lin, isWide(op));
  saveMxcsr(lin);
  saveXmm(lin);
}
/** 0F AE /1. */
export function fxrstor(op: usize): void {
  const lin = legacyArea(op);
  if (fault) return;
  probeRead(lin + 511, 1);
  probeRead(lin, 512);
  if (fault) return;
  const mxcsr = readMxcsr(lin + AREA_MXCSR);
  if (fault) return;
  loadX87(lin, isWide(op));
  store<u32>(cpu, mxcsr, CPU_MXCSR);
  loadXmm(lin);
}
