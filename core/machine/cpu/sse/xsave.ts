/**
 * XSAVE, XSAVEOPT, XSAVEC and XRSTOR: the state of x87, SSE and AVX in memory, component by component. Layout and rules: SDM volume 1, chapter 13; where it
 * leaves a choice, what silicon does (test/cpu/xstate.test.ts). XSAVEOPT does not know what has been modified since the last XRSTOR, and writes it all.
 */
import { CR0_TS, CR4_OSXSAVE } from "../control_bits";
import { VECTOR_GP, VECTOR_NM, VECTOR_UD, cpu, fault, raise } from "../machine";
import { effectiveAddress, probeRead, probeWrite, read64, readV128, write64, writeV128 } from "../access";
import {
  CPU_CR0,
  CPU_CR4,
  CPU_FCW,
  CPU_FDP,
  CPU_FIP,
  CPU_FOP,
  CPU_FPR,
  CPU_FSW,
  CPU_FTW,
  CPU_GPR,
  CPU_MXCSR,
  CPU_XCR0,
  CPU_XMM,
  CPU_YMM_HIGH,
} from "../state";
import { AREA_MXCSR, initX87, loadX87, loadXmm, readMxcsr, saveMxcsr, saveX87, saveXmm, xmmCount } from "./save";
import { isWide } from "./operand";

const STATE_X87: u64 = 1;
const STATE_SSE: u64 = 2;
const STATE_AVX: u64 = 4;
/** XCOMP_BV: the area is compacted. */
const COMPACTED: u64 = 1 << 63;
const MXCSR_INITIAL: u32 = 0x1f80;

/** The area: what FXSAVE has, the header of 64 bytes, and AVX's component, which is the first of the others and so is here in both formats. */
const AREA_XSTATE_BV: u64 = 512;
const AREA_XCOMP_BV: u64 = 520;
const AREA_RESERVED: u64 = 528;
const AREA_YMM_HIGH: u64 = 576;
const HEADER_END: u32 = 576;

/** What differs between XSAVE, XSAVEOPT and XSAVEC. */
export const SAVE_ALL: u32 = 0;
export const SAVE_OPTIMISED: u32 = 1;
export const SAVE_COMPACTED: u32 = 2;

/** #UD without CR4.OSXSAVE, #NM by TS, #GP unless aligned to 64 bytes. */
function extendedArea(op: usize): u64 {
  if (!(load<u64>(cpu, CPU_CR4) & CR4_OSXSAVE)) raise(VECTOR_UD);
  else if (load<u64>(cpu, CPU_CR0) & CR0_TS) raise(VECTOR_NM);
  if (fault) return 0;
  const lin = effectiveAddress(op);
  if (lin & 63) raise(VECTOR_GP, 0);
  return lin;
}

/** Components asked for in EDX:EAX that XCR0 enables (RFBM). */
function requested(): u64 {
  const mask = (<u64>load<u32>(cpu, CPU_GPR)) | ((<u64>load<u32>(cpu, CPU_GPR + 2 * 8)) << 32);
  return mask & load<u64>(cpu, CPU_XCR0);
}

/** The size of an area with these components. All of it must be there, even if a component's part is neither read nor written. */
function areaOf(components: u64): u32 {
  return components & STATE_AVX ? HEADER_END + 256 : HEADER_END;
}

/** Returns whether not all of the `bytes` of registers at `slot` of the vCPU's state are 0. */
function anySet(slot: usize, bytes: usize): bool {
  let bits = i64x2.splat(0);
  for (let i: usize = 0; i < bytes; i += 16) bits = v128.or(bits, v128.load(cpu + slot + i));
  return v128.any_true(bits);
}

/** Components not in their initial configuration (XINUSE), as XGETBV and XSAVEC have them: MXCSR is part of SSE's. */
export function stateInUse(): u64 {
  return registersInUse() | (load<u32>(cpu, CPU_MXCSR) != MXCSR_INITIAL ? STATE_SSE : 0);
}
/** The same without MXCSR, which in the standard format belongs to no component. */
function registersInUse(): u64 {
  let used: u64 = anySet(CPU_XMM, 256) ? STATE_SSE : 0;
  if (anySet(CPU_YMM_HIGH, 256)) used |= STATE_AVX;
  const control =
    load<u16>(cpu, CPU_FCW) != 0x37f ||
    ((<u32>load<u16>(cpu, CPU_FSW)) | (<u32>load<u8>(cpu, CPU_FTW)) | (<u32>load<u16>(cpu, CPU_FOP))) != 0 ||
    (load<u64>(cpu, CPU_FIP) | load<u64>(cpu, CPU_FDP)) != 0;
  if (control || anySet(CPU_FPR, 128)) used |= STATE_X87;
  return used;
}

/** 0F AE /4 XSAVE, 0F AE /6 XSAVEOPT, 0F C7 /4 XSAVEC: `how` is SAVE_*. A page fault comes before anything is written. */
export function xsave(op: usize, how: u32): void {
  const lin = extendedArea(op);
  if (fault) return;
  const mask = requested();
  const used = how == SAVE_COMPACTED ? stateInUse() : registersInUse();
  const written = how == SAVE_ALL ? mask : mask & used;
  probeWrite(lin, areaOf(mask));
  if (!fault && how != SAVE_COMPACTED) probeRead(lin + AREA_XSTATE_BV, 8);
  if (fault) return;
  if (written & STATE_X87) saveX87(lin, isWide(op));
  if (how == SAVE_COMPACTED ? written & STATE_SSE : mask & (STATE_SSE | STATE_AVX)) saveMxcsr(lin);
  if (written & STATE_SSE) saveXmm(lin);
  if (written & STATE_AVX) saveYmm(lin);
  if (how == SAVE_COMPACTED) {
    write64(lin + AREA_XSTATE_BV, mask & used);
    write64(lin + AREA_XCOMP_BV, mask | COMPACTED);
  } else write64(lin + AREA_XSTATE_BV, (read64(lin + AREA_XSTATE_BV) & ~mask) | (mask & used));
}

function saveYmm(lin: u64): void {
  const count = xmmCount();
  for (let i: u32 = 0; i < count; i++)
    writeV128(lin + AREA_YMM_HIGH + ((<u64>i) << 4), v128.load(cpu + ((<usize>i) << 4), CPU_YMM_HIGH));
}
function loadYmm(lin: u64): void {
  const count = xmmCount();
  for (let i: u32 = 0; i < count; i++)
    v128.store(cpu + ((<usize>i) << 4), readV128(lin + AREA_YMM_HIGH + ((<u64>i) << 4)), CPU_YMM_HIGH);
}

/** 0F AE /5 with memory: XRSTOR, of both formats. A fault comes before anything is loaded. */
export function xrstor(op: usize): void {
  const lin = extendedArea(op);
  if (fault) return;
  probeRead(lin, HEADER_END);
  if (fault) return;
  const present = read64(lin + AREA_XSTATE_BV);
  const compaction = read64(lin + AREA_XCOMP_BV);
  const mask = requested();
  const isCompacted = (compaction & COMPACTED) != 0;
  if (isCompacted && compaction & ~COMPACTED & ~load<u64>(cpu, CPU_XCR0)) {
    raise(VECTOR_GP, 0);
    return;
  }
  // Silicon finds out whether all that could be loaded is there before it looks at the rest of the header.
  probeRead(lin, areaOf(isCompacted ? mask & compaction : mask));
  if (fault) return;
  let reserved = isCompacted
    ? present & ~(compaction & ~COMPACTED)
    : compaction | (present & ~load<u64>(cpu, CPU_XCR0));
  // Of what follows in the header, the standard format has only the first 8 bytes checked.
  const end = isCompacted ? <u64>HEADER_END : AREA_RESERVED + 8;
  for (let at = AREA_RESERVED; at < end; at += 8) reserved |= read64(lin + at);
  if (reserved) {
    raise(VECTOR_GP, 0);
    return;
  }
  const taken = mask & present;
  let mxcsr = load<u32>(cpu, CPU_MXCSR);
  if (!isCompacted) {
    // The standard format has MXCSR whatever XSTATE_BV says.
    if (mask & (STATE_SSE | STATE_AVX)) mxcsr = readMxcsr(lin + AREA_MXCSR);
  } else if (taken & STATE_SSE) mxcsr = readMxcsr(lin + AREA_MXCSR);
  else if (mask & STATE_SSE) mxcsr = MXCSR_INITIAL;
  if (fault) return;
  store<u32>(cpu, mxcsr, CPU_MXCSR);
  if (taken & STATE_X87) loadX87(lin, isWide(op));
  else if (mask & STATE_X87) initX87();
  if (taken & STATE_SSE) loadXmm(lin);
  else if (mask & STATE_SSE) memory.fill(cpu + CPU_XMM, 0, (<usize>xmmCount()) << 4);
  if (taken & STATE_AVX) loadYmm(lin);
  else if (mask & STATE_AVX) memory.fill(cpu + CPU_YMM_HIGH, 0, (<usize>xmmCount()) << 4);
}
