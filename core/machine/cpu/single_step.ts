/** What debugging demands before and after an instruction that the loop executes alone. */
import { DR6_SINGLE_STEP } from "./control_bits";
import { prepareSingle } from "./blocks";
import { debugTrap, instructionBreakpoints } from "./faults";
import { RF } from "./flags";
import { clearDebugHits, debugHits } from "./inspection";
import { setModeStale } from "./machine";
import { careful, codeMode } from "./mode";
import { CPU_RFLAGS, CPU_SHADOW, SHADOW_RUNNING, SHADOW_SS } from "./state";

/** Returns the execution breakpoints at CPU_RIP as bits of DR6; 0 if none counts now. */
export function breakpointsAt(flags: u64, shadow: u32): u32 {
  return careful && !(flags & RF) && shadow != SHADOW_SS ? instructionBreakpoints() : 0;
}

/** Returns the op at CPU_RIP, to be executed alone; 0 after raising. RF, which hides a breakpoint on it, is cleared. */
export function prepareAlone(s: usize, flags: u64, shadow: u32): usize {
  const op = prepareSingle(codeMode);
  if (op && flags & RF) {
    store<u64>(s, flags & ~(<u64>RF), CPU_RFLAGS);
    setModeStale(true);
  }
  if (shadow) store<u32>(s, SHADOW_RUNNING, CPU_SHADOW);
  return op;
}

/** Called after that instruction. `traced`: TF was set before it. Returns EXIT_*, or -1 to continue. */
export function settleAlone(s: usize, traced: bool): i32 {
  const shadow = load<u32>(s, CPU_SHADOW);
  if (shadow == SHADOW_RUNNING) store<u32>(s, 0, CPU_SHADOW);
  // A breakpoint hit by MOV SS or POP SS waits for the instruction after it, which TF traps anyway.
  if (shadow == SHADOW_SS) return -1;
  const hits = debugHits | (traced ? DR6_SINGLE_STEP : 0);
  if (!hits) return -1;
  clearDebugHits();
  return debugTrap(hits);
}
