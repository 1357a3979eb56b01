/** Control instructions of the x87 unit: FNINIT FNCLEX FLDCW FNSTCW FNSTSW. SDM volume 1, 8.1. */
import { CPU_CR0, CPU_FCW, CPU_FDP, CPU_FIP, CPU_FOP, CPU_FSW, CPU_FTW } from "../state";
import { VECTOR_NM, cpu, fault, raise, VECTOR_MF } from "../machine";
import { setReg16 } from "../access";
import { getRm, setRm } from "../operands";

const FCW_INITIAL: u16 = 0x37f;
/** The bits of FCW that exist; bit 6 reads as one. */
export const FCW_MASK: u32 = 0x1f3f;
export const FCW_ONE: u32 = 0x40;
const FSW_ES: u32 = 0x80;
const FSW_BUSY: u32 = 0x8000;
const FSW_EXCEPTIONS: u32 = 0x7f;

/** Raises #NM with CR0.EM or CR0.TS, and #MF for a pending exception unless the instruction does not wait. Returns false if it has raised. */
export function x87Available(waits: bool): bool {
  if (load<u64>(cpu, CPU_CR0) & 0xc) {
    raise(VECTOR_NM);
    return false;
  }
  if (waits && (<u32>load<u16>(cpu, CPU_FSW)) & FSW_ES) {
    raise(VECTOR_MF);
    return false;
  }
  return true;
}

/** Sets ES and B according to the exceptions that are set and not masked. */
export function updateSummary(): void {
  const status = <u32>load<u16>(cpu, CPU_FSW);
  const pending = (status & ~(<u32>load<u16>(cpu, CPU_FCW)) & 0x3f) != 0;
  store<u16>(cpu, <u16>(pending ? status | FSW_ES | FSW_BUSY : status & ~(FSW_ES | FSW_BUSY)), CPU_FSW);
}

export function fninit(): void {
  if (!x87Available(false)) return;
  store<u16>(cpu, FCW_INITIAL, CPU_FCW);
  store<u16>(cpu, 0, CPU_FSW);
  store<u8>(cpu, 0, CPU_FTW);
  store<u16>(cpu, 0, CPU_FOP);
  store<u64>(cpu, 0, CPU_FIP);
  store<u64>(cpu, 0, CPU_FDP);
}
export function fnclex(): void {
  if (!x87Available(false)) return;
  store<u16>(cpu, <u16>((<u32>load<u16>(cpu, CPU_FSW)) & ~(FSW_EXCEPTIONS | FSW_ES | FSW_BUSY)), CPU_FSW);
}
export function fldcw(op: usize): void {
  if (!x87Available(true)) return;
  const value = <u32>getRm(op, 2);
  if (fault) return;
  store<u16>(cpu, <u16>((value & FCW_MASK) | FCW_ONE), CPU_FCW);
  updateSummary();
}
export function fnstcw(op: usize): void {
  if (x87Available(false)) setRm(op, 2, load<u16>(cpu, CPU_FCW));
}
export function fnstsw(op: usize): void {
  if (x87Available(false)) setRm(op, 2, load<u16>(cpu, CPU_FSW));
}
export function fnstswAx(): void {
  if (x87Available(false)) setReg16(0, load<u16>(cpu, CPU_FSW));
}
