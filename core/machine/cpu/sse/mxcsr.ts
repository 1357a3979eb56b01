/** MXCSR: the control bits in force, and the exceptions that one floating-point instruction has met. */
import { CR4_OSXMMEXCPT } from "../control_bits";
import { VECTOR_UD, VECTOR_XM, cpu, raise } from "../machine";
import { CPU_CR4, CPU_MXCSR } from "../state";

export const MXCSR_IE: u32 = 1;
export const MXCSR_DE: u32 = 2;
export const MXCSR_ZE: u32 = 4;
export const MXCSR_OE: u32 = 8;
export const MXCSR_UE: u32 = 16;
export const MXCSR_PE: u32 = 32;
export const MXCSR_DAZ: u32 = 64;
export const MXCSR_FTZ: u32 = 0x8000;
/** The bits that exist; setting another one raises #GP. */
export const MXCSR_MASK: u32 = 0xffff;

/** Rounding: to nearest even, down, up, toward zero. */
export const ROUND_NEAREST: u32 = 0;
export const ROUND_DOWN: u32 = 1;
export const ROUND_UP: u32 = 2;

/** MXCSR as it was when the instruction began. */
export let control: u32 = 0;
/** The MXCSR_* flags that the instruction has met so far. */
export let raised: u32 = 0;
/** Whether the native arithmetic of wasm can be used: round to nearest, everything masked, no DAZ, no FTZ. */
export let nativeMode: bool = false;
/** Whether PE is set already, so that exactness need not be known. */
export let inexactKnown: bool = false;
/** Rounding mode in force; ROUNDPx with its own mode changes it for one instruction. */
export let rounding: u32 = 0;

// @ts-ignore: decorator
@inline
export function beginFloat(): void {
  control = load<u32>(cpu, CPU_MXCSR);
  raised = 0;
  nativeMode = (control & 0xffc0) == 0x1f80;
  inexactKnown = (control & MXCSR_PE) != 0;
  rounding = (control >> 13) & 3;
}
export function setRounding(mode: u32): void {
  rounding = mode;
}
// @ts-ignore: decorator
@inline
export function note(flags: u32): void {
  raised |= flags;
}
export function forget(flags: u32): void {
  raised &= ~flags;
}
// @ts-ignore: decorator
@inline
export function masked(flag: u32): bool {
  return ((control >> 7) & flag) != 0;
}

/**
 * Ends one of several dependent steps of an instruction (DPPS, DPPD). Returns false if it has met an unmasked exception, so that the next steps do
 * not take place. Otherwise its flags stay, whatever the next steps meet.
 */
export function endStep(): bool {
  if (raised & ~(control >> 7)) return false;
  control |= raised;
  store<u32>(cpu, control, CPU_MXCSR);
  raised = 0;
  inexactKnown = (control & MXCSR_PE) != 0;
  return true;
}

function trap(): void {
  const before: u32 = MXCSR_IE | MXCSR_DE | MXCSR_ZE;
  // An unmasked exception of the operands keeps those of the result from arising in any lane.
  const flags = raised & ~(control >> 7) & before ? raised & before : raised;
  store<u32>(cpu, control | flags, CPU_MXCSR);
  raise(load<u64>(cpu, CPU_CR4) & CR4_OSXMMEXCPT ? VECTOR_XM : VECTOR_UD);
}

/**
 * Makes the flags sticky. If one is not masked, raises #XM (#UD without CR4.OSXMMEXCPT), with the flags set all the same. To be called when no other
 * fault is possible any more, before the result is written.
 */
// @ts-ignore: decorator
@inline
export function endFloat(): void {
  if (raised & ~control) {
    if (raised & 63 & ~(control >> 7)) return trap();
    store<u32>(cpu, control | raised, CPU_MXCSR);
  } else if (raised & 63 & ~(control >> 7)) trap();
}
