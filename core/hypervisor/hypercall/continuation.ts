/**
 * Long hypercalls stop when something else waits for their pCPU, and are called again with what is left: the guest's registers (or the multicall
 * entry) get the new arguments, and the instruction is executed once more. For a native domain, native_hypercall repeats the call at once.
 */
import { mailbox, NO_PCPU, self } from "../sched/pcpu";
import { systemTime } from "../sched/clock";

/** What a handler returns after continueWith. It is never the result of a hypercall. */
export const HYPERCALL_CONTINUE: i64 = -0x7fffffffffffff01;
const LONG_NS: u64 = 500_000;

export let nextArg0: u64 = 0;
export let nextArg1: u64 = 0;
export let nextArg2: u64 = 0;
export let nextArg3: u64 = 0;
export let nextArg4: u64 = 0;
export let nextArg5: u64 = 0;
let began: u64 = 0;

/** Set by a handler that has set the guest's registers itself (iret), so that no result is stored. */
export let registersReplaced: bool = false;
export function replaceRegisters(): void {
  registersReplaced = true;
}

/** Whether the hypercall that comes next is an entry of a multicall. */
export let multicallMember: bool = false;
export function markMember(is: bool): void {
  multicallMember = is;
}

/** Called before a hypercall that is not part of another: preemptCheck measures from now. */
export function beginHypercall(): void {
  began = 0;
  registersReplaced = false;
  multicallMember = false;
}

/** Returns true if the pCPU has something else to do, or the call has taken long. To be called every few dozen units of work. */
export function preemptCheck(): bool {
  if (self.id == NO_PCPU) return false;
  if (atomic.load<u32>(mailbox(self.id))) return true;
  const now = systemTime();
  if (began == 0) {
    began = now;
    return false;
  }
  return now - began > LONG_NS;
}

/** Asks for the same hypercall to be made again with these arguments. The handler returns what this returns. */
export function continueWith(a0: u64, a1: u64, a2: u64 = 0, a3: u64 = 0, a4: u64 = 0, a5: u64 = 0): i64 {
  nextArg0 = a0;
  nextArg1 = a1;
  nextArg2 = a2;
  nextArg3 = a3;
  nextArg4 = a4;
  nextArg5 = a5;
  return HYPERCALL_CONTINUE;
}
