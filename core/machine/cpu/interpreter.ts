/** The functions that the hypervisor calls to prepare a pCPU and to run it. */
import { clearDebugHits } from "./access";
import { REGION_SIZE, blocksInit } from "./blocks";
import { clearCodeChanged, setRunningFrame } from "./frames/code";
import { beginTranslations } from "./frames/written";
import { execute } from "./dispatch";
import { EXIT_POLL, EXIT_SYSCALL } from "./exits";
import { clearFault, cpu, pollWord, requestExit, setActivityOf, setModeStale, setUnspent } from "./machine";
import { walkInit } from "./paging/walk";
import { careful, refreshMode, windowWanted } from "./mode";
import { adoptRegions, runRegions } from "./regions";
import { BAILED_SYSCALL, CPU_BAILED, CPU_RETIRED, CPU_SHADOW, CPU_ZERO } from "./state";
import { tlbInit } from "./tlb";

let budget: i32 = 1000000;
let interpreted: i32 = 1000000;

/** Returns the size in bytes of one pCPU's region, which holds TLB and decode cache. */
export function cpuRegionSize(): usize {
  return REGION_SIZE;
}

/** Prepares this instance for pCPU `pcpu`. `region` is 64-byte aligned and used by nobody else. */
export function cpuInit(pcpu: u32, region: usize): void {
  setActivityOf(pcpu);
  walkInit((<u64>memory.size()) << 16);
  tlbInit(region);
  blocksInit(region);
  setModeStale(true);
}

/** Sets the most instructions of one run(), and the most of them that may be interpreted. */
export function setBudget(instructions: i32, notTranslated: i32): void {
  budget = instructions;
  interpreted = notTranslated;
}

/** Executes until an exit; returns EXIT_*. A caller that will not call it again soon calls endTranslations(). */
export function run(): i32 {
  const s = cpu;
  beginTranslations();
  prepare();
  refreshMode();
  const poll = pollWord();
  // Most runs of a busy guest begin and end in translated code, and execute() has much to set up.
  if (!careful && !windowWanted && !load<u32>(s, CPU_SHADOW) && budget > 0 && !atomic.load<u32>(poll)) {
    const left = runRegions(budget, poll);
    store<u64>(s, load<u64>(s, CPU_RETIRED) + <u64>(budget - left), CPU_RETIRED);
    setUnspent(left, interpreted);
    const bailed = load<u32>(s, CPU_BAILED);
    if (bailed != BAILED_SYSCALL && left > 0 && !atomic.load<u32>(poll))
      return execute(left, interpreted, false, bailed != 0);
    setRunningFrame(0);
    return bailed == BAILED_SYSCALL ? EXIT_SYSCALL : EXIT_POLL;
  }
  return execute(budget, interpreted, false, false);
}

/** Executes exactly one instruction, or one element of a repeated one: RIP stays while it has more. Returns EXIT_POLL, or the exit that it caused. */
export function step(): i32 {
  beginTranslations();
  prepare();
  setModeStale(true);
  return execute(1, 1, true, false);
}

/** Discards what the last run may have left. */
function prepare(): void {
  store<u64>(cpu, 0, CPU_ZERO);
  clearFault();
  clearCodeChanged();
  clearDebugHits();
  requestExit(-1);
  adoptRegions();
}
