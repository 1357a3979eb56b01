/**
 * The x87 unit's place in the engine. Its arithmetic is not built yet: every x87 instruction is #UD until it is, so a
 * guest is told the truth. What MMX and FXSAVE share with it works.
 */
import { VECTOR_MF, cpu, raise } from "../machine";
import { CPU_FSW, CPU_FTW } from "../state";

/** The instruction's id; 0 = #UD. */
export function x87Identify(op: usize): u32 {
  return 0;
}
/** Never reached while x87Identify knows no instruction. */
export function x87Execute(op: usize): void {}
/** FWAIT: raises what is pending. */
export function x87Wait(): void {
  x87CheckPending();
}
/** An MMX instruction: TOP = 0, all registers valid. */
export function x87EnterMmx(): void {
  store<u16>(cpu, load<u16>(cpu, CPU_FSW) & ~0x3800, CPU_FSW);
  store<u8>(cpu, 0xff, CPU_FTW);
}
/** Raises #MF when an unmasked exception is pending (FSW.ES). */
export function x87CheckPending(): void {
  if (load<u16>(cpu, CPU_FSW) & 0x80) raise(VECTOR_MF);
}
