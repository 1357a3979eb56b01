/**
 * Control and debug registers of a guest that owns them, and EFER: which values may be written, and the consequences. Paging and long mode are
 * entered and left by CR0.PG, CR4.PAE and EFER.LME. Intel's manual volume 3, 2.5 and 9.8.5.
 */
import {
  CR0_PE,
  CR0_TS,
  CR0_ET,
  CR0_WP,
  CR0_NW,
  CR0_CD,
  CR0_PG,
  CR4_DE,
  CR4_PAE,
  CR4_PCIDE,
  EFER_SCE,
  EFER_LME,
  EFER_LMA,
  EFER_NXE,
  DR7_GD,
} from "./control_bits";
import { VECTOR_DB, VECTOR_GP, VECTOR_UD, cpu, intercept, raise, setModeStale } from "./machine";
import { inLongMode } from "./operands";
import { rootOf } from "./paging/format";
import { spaceKey } from "./paging/space";
import { CPU_CR0, CPU_CR2, CPU_CR3, CPU_CR4, CPU_CR4_REFUSED, CPU_DR, CPU_EFER, CPU_SEG, CS } from "./state";
import { SEG_ATTR, SEG_SIZE } from "./state";
import { tlbFlushAddressSpace, tlbFlushAll } from "./tlb";

/** PE MP EM TS ET NE, WP, AM, NW CD PG. */
export const CR0_KNOWN: u64 = 0xe005003f;

/** VME PVI TSD DE PSE PAE MCE PGE PCE OSFXSR OSXMMEXCPT, FSGSBASE PCIDE OSXSAVE, SMEP SMAP. */
export const CR4_KNOWN: u64 = 0x3707ff;
/** PSE PAE PGE PCIDE SMEP: changing one of these changes translations. */
const CR4_TRANSLATES: u64 = 0x1200b0;
const CR3_NO_FLUSH: u64 = 1 << 63;

const DR6_BD: u64 = 1 << 13;

export function readControlRegister(n: u32): u64 {
  switch (n) {
    case 0:
      return load<u64>(cpu, CPU_CR0);
    case 2:
      return load<u64>(cpu, CPU_CR2);
    case 3:
      return load<u64>(cpu, CPU_CR3);
    case 4:
      return load<u64>(cpu, CPU_CR4);
    default:
      // CR8 belongs to the local APIC.
      intercept();
      return 0;
  }
}

/** Raises #GP(0) for a value that is not allowed. */
export function writeControlRegister(n: u32, value: u64): void {
  switch (n) {
    case 0:
      writeCr0(value);
      break;
    case 2:
      store<u64>(cpu, value, CPU_CR2);
      break;
    case 3:
      writeCr3(value);
      break;
    case 4:
      writeCr4(value);
      break;
    default:
      intercept();
      break;
  }
  setModeStale(true);
}

function writeCr0(wanted: u64): void {
  const old = load<u64>(cpu, CPU_CR0);
  const value = (wanted & CR0_KNOWN) | CR0_ET;
  const efer = load<u64>(cpu, CPU_EFER);
  if (wanted >> 32 || (value & CR0_PG && !(value & CR0_PE)) || (value & CR0_NW && !(value & CR0_CD))) {
    raise(VECTOR_GP);
    return;
  }
  if ((value ^ old) & CR0_PG) {
    const cr4 = load<u64>(cpu, CPU_CR4);
    const codeIsLong = inLongMode();
    if (value & CR0_PG ? efer & EFER_LME && (!(cr4 & CR4_PAE) || codeHasL()) : codeIsLong || cr4 & CR4_PCIDE) {
      raise(VECTOR_GP);
      return;
    }
    if (efer & EFER_LME) store<u64>(cpu, value & CR0_PG ? efer | EFER_LMA : efer & ~EFER_LMA, CPU_EFER);
  }
  store<u64>(cpu, value, CPU_CR0);
  if ((value ^ old) & (CR0_PG | CR0_PE | CR0_WP)) tlbFlushAll();
}

/** Returns whether CS.L is set, whatever it means in the present mode. */
function codeHasL(): bool {
  return ((<u32>load<u16>(cpu, CPU_SEG + CS * SEG_SIZE + SEG_ATTR)) & 0x200) != 0;
}

/** LMSW: PE, MP, EM and TS; PE can't be cleared. */
export function writeMachineStatus(value: u64): void {
  const old = load<u64>(cpu, CPU_CR0);
  writeCr0((old & ~(<u64>14)) | (value & 15) | (old & CR0_PE));
  setModeStale(true);
}
export function clearTaskSwitched(): void {
  store<u64>(cpu, load<u64>(cpu, CPU_CR0) & ~CR0_TS, CPU_CR0);
}

function writeCr3(wanted: u64): void {
  const keeps = load<u64>(cpu, CPU_CR4) & CR4_PCIDE && wanted & CR3_NO_FLUSH;
  const value = keeps ? wanted & ~CR3_NO_FLUSH : wanted;
  if (value >> 52) {
    raise(VECTOR_GP);
    return;
  }
  store<u64>(cpu, value, CPU_CR3);
  // What was learned of these tables before is invalid; of the tables that are left, when they are loaded again.
  if (!keeps) flushTables();
}

/** Forgets the translations of the present CR3. */
function flushTables(): void {
  tlbFlushAddressSpace(rootOf(spaceKey()));
}

function writeCr4(value: u64): void {
  const old = load<u64>(cpu, CPU_CR4);
  const long = (load<u64>(cpu, CPU_EFER) & EFER_LMA) != 0;
  const turnsPcidOn = (value & ~old & CR4_PCIDE) != 0;
  if (
    value & ~CR4_KNOWN ||
    value & (<u64>load<u32>(cpu, CPU_CR4_REFUSED)) ||
    (long && !(value & CR4_PAE)) ||
    (turnsPcidOn && (!long || load<u64>(cpu, CPU_CR3) & 0xfff))
  ) {
    raise(VECTOR_GP);
    return;
  }
  store<u64>(cpu, value, CPU_CR4);
  if ((value ^ old) & CR4_TRANSLATES) tlbFlushAll();
}

/** Returns false for #GP(0). */
export function writeEfer(value: u64): bool {
  const old = load<u64>(cpu, CPU_EFER);
  if (value & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)) return false;
  if ((value ^ old) & EFER_LME && load<u64>(cpu, CPU_CR0) & CR0_PG) return false;
  store<u64>(cpu, (value & ~EFER_LMA) | (old & EFER_LMA), CPU_EFER);
  if ((value ^ old) & EFER_NXE) tlbFlushAll();
  setModeStale(true);
  return true;
}

/** DR4 and DR5 mean DR6 and DR7, unless debugging extensions make them invalid. Returns 8 after raising. */
function debugIndex(n: u32): u32 {
  if (n == 4 || n == 5) {
    if (load<u64>(cpu, CPU_CR4) & CR4_DE) {
      raise(VECTOR_UD);
      return 8;
    }
    n += 2;
  }
  if (load<u64>(cpu, CPU_DR + 7 * 8) & DR7_GD) {
    store<u64>(cpu, load<u64>(cpu, CPU_DR + 6 * 8) | DR6_BD, CPU_DR + 6 * 8);
    raise(VECTOR_DB);
    return 8;
  }
  return n;
}

export function readDebugRegister(number: u32): u64 {
  const n = debugIndex(number);
  return n < 8 ? load<u64>(cpu + <usize>n * 8, CPU_DR) : 0;
}
export function writeDebugRegister(number: u32, value: u64): void {
  const n = debugIndex(number);
  if (n == 8) return;
  if (n >= 6 && value >> 32) {
    raise(VECTOR_GP);
    return;
  }
  const fixed = n == 6 ? (value & 0xe00f) | 0xffff0ff0 : n == 7 ? (value & 0xffff2fff) | 0x400 : value;
  store<u64>(cpu + <usize>n * 8, fixed, CPU_DR);
  setModeStale(true);
}
