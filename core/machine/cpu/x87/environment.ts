/** FNSTENV FLDENV FNSAVE FRSTOR: the state of the unit in memory, in the four formats of SDM volume 1, 8.1.10. FCS and FDS are 0. */
import { CR0_PE, RFLAGS_VM } from "../control_bits";
import { cpu, fault } from "../machine";
import { OP_OPSIZE } from "../op";
import { effectiveAddress, probeRead, probeWrite, read16, read32, read64, write16, write32, write64 } from "../access";
import {
  CPU_CR0,
  CPU_FCW,
  CPU_FDP,
  CPU_FIP,
  CPU_FOP,
  CPU_FPR,
  CPU_FSW,
  CPU_FTW,
  CPU_RFLAGS,
  FPR_SIGN_EXPONENT,
} from "../state";
import { FCW_MASK, FCW_ONE, fninit, updateSummary, x87Available } from "./control";
import { st } from "./status";

/** Exception masks. */
const FCW_ALL_MASKED: u16 = 0x3f;

/** Bytes of the environment; in the image of FNSAVE, 80 bytes of registers follow. */
// @ts-ignore: decorator
@inline
function environmentSize(op: usize): u32 {
  return load<u8>(op, OP_OPSIZE) == 2 ? 14 : 28;
}
function isRealFormat(): bool {
  return !(load<u64>(cpu, CPU_CR0) & CR0_PE) || (load<u64>(cpu, CPU_RFLAGS) & RFLAGS_VM) != 0;
}

/** The full tag word: valid 0, zero 1, special 2, empty 3 for each physical register. */
function tagWord(): u32 {
  const abridged = <u32>load<u8>(cpu, CPU_FTW);
  let tags: u32 = 0;
  for (let i: u32 = 0; i < 8; i++) {
    let tag: u32 = 3;
    if ((abridged >> i) & 1) {
      const at = cpu + CPU_FPR + ((<usize>i) << 4);
      const sig = load<u64>(at);
      const exponent = (<u32>load<u16>(at, FPR_SIGN_EXPONENT)) & 0x7fff;
      if (!exponent && !sig) tag = 1;
      else tag = exponent == 0x7fff || !(sig >> 63) ? 2 : exponent ? 0 : 2;
    }
    tags |= tag << (2 * i);
  }
  return tags;
}
function setTagWord(tags: u32): void {
  let abridged: u32 = 0;
  for (let i: u32 = 0; i < 8; i++) if (((tags >> (2 * i)) & 3) != 3) abridged |= 1 << i;
  store<u8>(cpu, <u8>abridged, CPU_FTW);
}

function storeEnvironment(op: usize, lin: u64): void {
  const real = isRealFormat();
  const fip = <u32>load<u64>(cpu, CPU_FIP);
  const fdp = <u32>load<u64>(cpu, CPU_FDP);
  const fop = <u32>load<u16>(cpu, CPU_FOP);
  const tags = tagWord();
  if (environmentSize(op) == 14) {
    write16(lin, load<u16>(cpu, CPU_FCW));
    write16(lin + 2, load<u16>(cpu, CPU_FSW));
    write16(lin + 4, tags);
    write16(lin + 6, fip & 0xffff);
    write16(lin + 8, real ? ((fip >> 4) & 0xf000) | fop : 0);
    write16(lin + 10, fdp & 0xffff);
    write16(lin + 12, real ? (fdp >> 4) & 0xf000 : 0);
    return;
  }
  const unused: u32 = 0xffff0000;
  write32(lin, unused | load<u16>(cpu, CPU_FCW));
  write32(lin + 4, unused | load<u16>(cpu, CPU_FSW));
  write32(lin + 8, unused | tags);
  write32(lin + 12, real ? unused | (fip & 0xffff) : fip);
  write32(lin + 16, real ? ((fip >> 16) << 12) | fop : fop << 16);
  write32(lin + 20, real ? unused | (fdp & 0xffff) : fdp);
  write32(lin + 24, real ? (fdp >> 16) << 12 : unused);
}

function loadEnvironment(op: usize, lin: u64): void {
  const real = isRealFormat();
  let fip: u32;
  let fdp: u32;
  let fop: u32;
  const step: u64 = environmentSize(op) == 14 ? 2 : 4;
  if (step == 2) {
    const selector = read16(lin + 8);
    fip = read16(lin + 6) | (real ? (selector & 0xf000) << 4 : 0);
    fdp = read16(lin + 10) | (real ? (read16(lin + 12) & 0xf000) << 4 : 0);
    fop = real ? selector : 0;
  } else {
    const selector = read32(lin + 16);
    fip = real ? read16(lin + 12) | ((selector << 4) & 0xffff0000) : read32(lin + 12);
    fdp = real ? read16(lin + 20) | ((read32(lin + 24) << 4) & 0xffff0000) : read32(lin + 20);
    fop = real ? selector : selector >> 16;
  }
  store<u16>(cpu, <u16>((read16(lin) & FCW_MASK) | FCW_ONE), CPU_FCW);
  store<u16>(cpu, <u16>read16(lin + step), CPU_FSW);
  setTagWord(read16(lin + 2 * step));
  store<u64>(cpu, fip, CPU_FIP);
  store<u64>(cpu, fdp, CPU_FDP);
  store<u16>(cpu, <u16>(fop & 0x7ff), CPU_FOP);
  updateSummary();
}

export function fnstenv(op: usize): void {
  if (!x87Available(false)) return;
  const lin = effectiveAddress(op);
  probeWrite(lin, environmentSize(op));
  if (fault) return;
  storeEnvironment(op, lin);
  store<u16>(cpu, load<u16>(cpu, CPU_FCW) | FCW_ALL_MASKED, CPU_FCW);
  updateSummary();
}
export function fldenv(op: usize): void {
  if (!x87Available(true)) return;
  const lin = effectiveAddress(op);
  probeRead(lin, environmentSize(op));
  if (!fault) loadEnvironment(op, lin);
}
export function fnsave(op: usize): void {
  if (!x87Available(false)) return;
  const lin = effectiveAddress(op);
  const size = environmentSize(op);
  probeWrite(lin, size + 80);
  if (fault) return;
  storeEnvironment(op, lin);
  for (let i: u32 = 0; i < 8; i++) {
    write64(lin + size + <u64>i * 10, load<u64>(st(i)));
    write16(lin + size + <u64>i * 10 + 8, load<u16>(st(i), FPR_SIGN_EXPONENT));
  }
  fninit();
}
export function frstor(op: usize): void {
  if (!x87Available(true)) return;
  const lin = effectiveAddress(op);
  const size = environmentSize(op);
  probeRead(lin, size + 80);
  if (fault) return;
  loadEnvironment(op, lin);
  for (let i: u32 = 0; i < 8; i++) {
    store<u64>(st(i), read64(lin + size + <u64>i * 10));
    store<u16>(st(i), <u16>read16(lin + size + <u64>i * 10 + FPR_SIGN_EXPONENT), FPR_SIGN_EXPONENT);
  }
}
