/**
 * LDMXCSR, STMXCSR, FXSAVE, FXRSTOR, XSAVE, XSAVEOPT, XRSTOR: the state of x87 and SSE in memory. Layout: SDM volume 1, 10.5 and 13.4. FCS and FDS
 * are always stored as 0, as by CPUs with CPUID.7.EBX[13].
 */
import { CR0_EM, CR0_TS, CR4_OSXSAVE } from "../control_bits";
import { VECTOR_GP, VECTOR_NM, VECTOR_UD, cpu, fault, raise } from "../machine";
import { effectiveAddress, probeRead, probeWrite, read16, read32, read64, read8, readV128, write16 } from "../access";
import { write32, write64, writeV128 } from "../access";
import {
  CPU_CR0,
  CPU_CR4,
  CPU_EFER,
  CPU_FCW,
  CPU_FDP,
  CPU_FIP,
  CPU_FOP,
  CPU_FPR,
  CPU_FSW,
  CPU_FTW,
  CPU_GPR,
  CPU_MXCSR,
  CPU_SEG,
  CPU_XCR0,
  CPU_XMM,
  CS,
  SEG_ATTR,
  SEG_SIZE,
  FPR_SIGN_EXPONENT,
} from "../state";
import { isWide, sseAvailable, vector } from "./operand";
import { MXCSR_MASK } from "./mxcsr";

const STATE_X87: u64 = 1;
const STATE_SSE: u64 = 2;

// Offsets in the save area.
const AREA_FSW = 2;
const AREA_FTW = 4;
const AREA_FOP = 6;
const AREA_FIP = 8;
const AREA_FDP = 16;
const AREA_MXCSR = 24;
const AREA_MXCSR_MASK = 28;
const AREA_ST = 32;
const AREA_XMM = 160;
const AREA_HEADER = 512;

/** Returns the number of XMM registers in this mode: 16 in 64-bit mode, otherwise 8. */
function xmmCount(): u32 {
  const long = load<u64>(cpu, CPU_EFER) & 0x400 && load<u16>(cpu + CS * SEG_SIZE, CPU_SEG + SEG_ATTR) & 0x200;
  return long ? 16 : 8;
}
/** Address of ST(i): the physical register TOP + i. */
function stackRegister(i: u32): usize {
  const top = (<u32>load<u16>(cpu, CPU_FSW)) >> 11;
  return cpu + CPU_FPR + ((<usize>((top + i) & 7)) << 4);
}

function saveX87(at: u64, wide: bool): void {
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
function saveXmm(at: u64): void {
  const count = xmmCount();
  for (let i: u32 = 0; i < count; i++) {
    writeV128(at + AREA_XMM + ((<u64>i) << 4), v128.load(cpu + ((<usize>i) << 4), CPU_XMM));
  }
}
function saveMxcsr(at: u64): void {
  write32(at + AREA_MXCSR, load<u32>(cpu, CPU_MXCSR));
  write32(at + AREA_MXCSR_MASK, MXCSR_MASK);
}

/** The processor keeps as many bits as linear addresses have, 48 here, and sign-extends them. This is not in the manual; it was seen on silicon. */
function pointer(address: u64): u64 {
  return <u64>((<i64>(address << 16)) >> 16);
}

function loadX87(at: u64, wide: bool): void {
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
function initX87(): void {
  store<u16>(cpu, 0x37f, CPU_FCW);
  store<u16>(cpu, 0, CPU_FSW);
  store<u8>(cpu, 0, CPU_FTW);
  store<u16>(cpu, 0, CPU_FOP);
  store<u64>(cpu, 0, CPU_FIP);
  store<u64>(cpu, 0, CPU_FDP);
  memory.fill(cpu + CPU_FPR, 0, 128);
}
function loadXmm(at: u64): void {
  const count = xmmCount();
  for (let i: u32 = 0; i < count; i++) {
    v128.store(cpu + ((<usize>i) << 4), readV128(at + AREA_XMM + ((<u64>i) << 4)), CPU_XMM);
  }
}

/** Reads MXCSR in a save area; raises #GP for bits that do not exist. */
function readMxcsr(at: u64): u32 {
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

/** #UD without CR4.OSXSAVE, #NM by TS, #GP unless aligned to 64 bytes. */
function extendedArea(op: usize): u64 {
  if (!(load<u64>(cpu, CPU_CR4) & CR4_OSXSAVE)) raise(VECTOR_UD);
  else if (load<u64>(cpu, CPU_CR0) & CR0_TS) raise(VECTOR_NM);
  if (fault) return 0;
  const lin = effectiveAddress(op);
  if (lin & 63) raise(VECTOR_GP, 0);
  return lin;
}
/** Components asked for in EDX:EAX that XCR0 enables. */
function requested(): u64 {
  const mask = (<u64>load<u32>(cpu, CPU_GPR)) | ((<u64>load<u32>(cpu, CPU_GPR + 2 * 8)) << 32);
  return mask & load<u64>(cpu, CPU_XCR0);
}
/** Components not in their initial configuration (XINUSE). MXCSR is not part of SSE's. */
function inUse(): u64 {
  let zero = i64x2.splat(0);
  for (let i: usize = 0; i < 256; i += 16) zero = v128.or(zero, v128.load(cpu + i, CPU_XMM));
  let used: u64 = v128.any_true(zero) ? STATE_SSE : 0;
  zero = i64x2.splat(0);
  for (let i: usize = 0; i < 128; i += 16) zero = v128.or(zero, v128.load(cpu + i, CPU_FPR));
  const control =
    load<u16>(cpu, CPU_FCW) != 0x37f ||
    ((<u32>load<u16>(cpu, CPU_FSW)) | (<u32>load<u8>(cpu, CPU_FTW)) | (<u32>load<u16>(cpu, CPU_FOP))) != 0 ||
    (load<u64>(cpu, CPU_FIP) | load<u64>(cpu, CPU_FDP)) != 0;
  if (control || v128.any_true(zero)) used |= STATE_X87;
  return used;
}

/** 0F AE /4 XSAVE, /6 XSAVEOPT (`optimised`: does not write components in their initial configuration). */
export function xsave(op: usize, optimised: bool): void {
  const lin = extendedArea(op);
  if (fault) return;
  probeWrite(lin, 576);
  probeRead(lin + AREA_HEADER, 8);
  if (fault) return;
  const mask = requested();
  const used = inUse();
  const write = optimised ? mask & used : mask;
  if (write & STATE_X87) saveX87(lin, isWide(op));
  if (mask & STATE_SSE) saveMxcsr(lin);
  if (write & STATE_SSE) saveXmm(lin);
  write64(lin + AREA_HEADER, (read64(lin + AREA_HEADER) & ~mask) | (mask & used));
}

/** 0F AE /5 with memory: XRSTOR in the standard form. The compacted form raises #GP, since CPUID does not report XSAVEC. */
export function xrstor(op: usize): void {
  const lin = extendedArea(op);
  if (fault) return;
  probeRead(lin, 576);
  if (fault) return;
  const present = read64(lin + AREA_HEADER);
  const compact = read64(lin + AREA_HEADER + 8) | read64(lin + AREA_HEADER + 16);
  if (present & ~load<u64>(cpu, CPU_XCR0) || compact) raise(VECTOR_GP, 0);
  const mask = requested();
  let mxcsr = load<u32>(cpu, CPU_MXCSR);
  if (mask & STATE_SSE) mxcsr = readMxcsr(lin + AREA_MXCSR);
  if (fault) return;
  if (mask & STATE_X87) {
    if (present & STATE_X87) loadX87(lin, isWide(op));
    else initX87();
  }
  store<u32>(cpu, mxcsr, CPU_MXCSR);
  if (mask & STATE_SSE) {
    if (present & STATE_SSE) loadXmm(lin);
    else memory.fill(cpu + CPU_XMM, 0, (<usize>xmmCount()) << 4);
  }
}
