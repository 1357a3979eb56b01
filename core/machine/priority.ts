/**
 * Who waits when there are more threads than processors: those that make code faster (V8's compilers, the translator) and not the pCPUs that run it.
 * On a machine of two cores, half a dozen compiling threads would leave one pCPU a third of it just when much code is new.
 * Linux gives each thread a priority of its own and lets everybody lower it; on other systems nothing is done. `man 7 sched`, "The nice value".
 */
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { constants, getPriority, setPriority } from "node:os";

/**
 * Nice levels below the pCPUs: with 5, a compiler weighs a third of a pCPU. With 10, a pCPU gets more of two idle cores, but on a computer that other
 * programs keep busy, compilers would hardly run at all and guests be interpreted: a boot took 32 s then, and 9 to 13 s with 5 or 0.
 */
const LOWER_BY = 5;
/** V8's threads by name: "V8Worker" in Node 24, "node-V8Worker" in Node 26; and the one that waits for delayed tasks. */
const WORKER = /V8Worker$/;
const DELAYED = "DelayedTaskSche";
/**
 * Node 20 and 22 do not name V8's workers. There, they are among the first threads that the process starts, before any of its code runs: one that
 * waits for delayed tasks, then the pool. Threads are numbered upwards, and numbers in between may belong to other processes.
 */
const FIRST_THREADS = 5;
const NUMBERS_APART = 64;

/** Returns the threads of V8's compilers in this process. Those of Electron can't be distinguished from Chromium's. */
function compilers(): number[] {
  if (process.versions.electron) return [];
  const threads = readdirSync("/proc/self/task").map(Number);
  const nameOf = (thread: number): string => readFileSync(`/proc/self/task/${thread}/comm`, "utf8").trim();
  const named = threads.filter((thread) => WORKER.test(nameOf(thread)));
  if (named.length > 0) return [...named, ...threads.filter((thread) => nameOf(thread) === DELAYED)];
  const apart = (thread: number): number => thread - process.pid;
  return threads
    .filter((thread) => apart(thread) > 0 && apart(thread) < NUMBERS_APART)
    .sort((a, b) => a - b)
    .slice(0, FIRST_THREADS);
}

function lower(thread: number): void {
  setPriority(thread, Math.min(getPriority(process.pid) + LOWER_BY, constants.priority.PRIORITY_LOW));
}

/** Ignores failures: a thread may have ended, or a sandbox may hide /proc or forbid the call. */
function tryTo(action: () => void): void {
  if (process.platform !== "linux") return;
  try {
    action();
  } catch {
    // The thread keeps the priority that it had.
  }
}

/** From now on V8's compilers run after the process's other threads. Their priority is lowered relative to that of the main thread. */
export function lowerCompilers(): void {
  tryTo(() => compilers().forEach(lower));
}

/** The calling thread runs after the others from now on. */
export function lowerThisThread(): void {
  tryTo(() => lower(Number(/\d+$/.exec(readlinkSync("/proc/thread-self"))![0])));
}
