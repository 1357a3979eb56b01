/**
 * The mode in which code runs, and what follows from it for the engine: how to decode, which translations to use, and whether to execute instructions
 * one by one.
 */
import { accessNeedsInspection, setLinearMasks } from "./access";
import { RF, TF, VM } from "./flags";
import { cpu, setModeStale } from "./machine";
import { MODE_64, MODE_CODE32, MODE_FLAT, MODE_REAL, MODE_STACK32 } from "./mode_bits";
import {
  CPU_CR0,
  CPU_DR,
  CPU_EFER,
  CPU_RFLAGS,
  CPU_RIP,
  CPU_SEG,
  CPU_WINDOW,
  CS,
  DS,
  ES,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SIZE,
  SS,
} from "./state";
import { tlbSelect } from "./tlb";

/** The decoding mode of the running code, MODE_*. */
export let codeMode: u32 = 0;
/** Whether instructions must be executed one by one, because of TF, RF or breakpoints. */
export let careful: bool = false;
/** Whether run() is to return when an interrupt can be delivered. */
export let windowWanted: bool = false;

function isFlat(n: i32): bool {
  const at = cpu + CPU_SEG + <usize>(n * SEG_SIZE);
  const attr = load<u16>(at, SEG_ATTR);
  if (attr & 0x8000 || load<u64>(at, SEG_BASE) || load<u32>(at, SEG_LIMIT) != 0xffffffff) return false;
  // Code must be readable; data must be writable and not expand-down.
  return n == CS ? (attr & 10) == 10 : (attr & 14) == 2;
}

/** Takes over changes in CPL, control registers, segments, flags and debug registers of the running vCPU. */
export function refreshMode(): void {
  setModeStale(false);
  const attr = load<u16>(cpu, CPU_SEG + CS * SEG_SIZE + SEG_ATTR);
  if (attr & 0x200 && load<u64>(cpu, CPU_EFER) & 0x400) {
    codeMode = MODE_64;
    setLinearMasks(~(<u64>0), ~(<u64>0));
  } else {
    setLinearMasks(0xffffffff, load<u64>(cpu, CPU_EFER) & 0x400 ? ~(<u64>0) : 0xffffffff);
    codeMode = attr & 0x400 ? MODE_CODE32 : 0;
    if (load<u16>(cpu, CPU_SEG + SS * SEG_SIZE + SEG_ATTR) & 0x400) codeMode |= MODE_STACK32;
    if (!(load<u64>(cpu, CPU_CR0) & 1) || load<u64>(cpu, CPU_RFLAGS) & VM) codeMode |= MODE_REAL;
    if (isFlat(CS) && isFlat(SS) && isFlat(DS) && isFlat(ES)) codeMode |= MODE_FLAT;
  }
  careful = (load<u64>(cpu, CPU_RFLAGS) & (TF | RF)) != 0 || (load<u64>(cpu, CPU_DR + 7 * 8) & 0xff) != 0;
  windowWanted = load<u32>(cpu, CPU_WINDOW) != 0;
  tlbSelect(accessNeedsInspection());
}

/** Returns the linear address of the next instruction, of code of this mode. */
// @ts-ignore: decorator
@inline
export function codeLinear(mode: u32): u64 {
  const rip = load<u64>(cpu, CPU_RIP);
  return mode & MODE_64 ? rip : (rip + load<u64>(cpu, CPU_SEG + CS * SEG_SIZE + SEG_BASE)) & 0xffffffff;
}
