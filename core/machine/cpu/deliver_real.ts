/** Delivery of interrupts and exceptions in real mode: through the table of far pointers at IDTR, without error codes. */
import { readSystem } from "./access";
import { AC, IF, RF, TF, setRflags } from "./flags";
import { VECTOR_GP, cpu, fault, raise, setModeStale } from "./machine";
import { setRealSegment, selectorOf } from "./segment";
import { CPU_IDTR_BASE, CPU_IDTR_LIMIT, CPU_RIP, CPU_SHADOW, CS } from "./state";
import { beginFrame, endFrame, pushFrame } from "./stack_frame";

/** See enterHandler() in exceptions.ts. */
export function enterReal(vector: u32, flagsSet: u64): void {
  if (vector * 4 + 3 > load<u32>(cpu, CPU_IDTR_LIMIT)) {
    raise(VECTOR_GP);
    return;
  }
  const pointer = <u32>readSystem(load<u64>(cpu, CPU_IDTR_BASE) + <u64>vector * 4, 4);
  if (fault) return;
  beginFrame(false);
  pushFrame(2, flagsSet);
  pushFrame(2, selectorOf(CS));
  pushFrame(2, load<u64>(cpu, CPU_RIP));
  if (fault) return;
  endFrame();
  setRealSegment(CS, pointer >> 16);
  store<u64>(cpu, pointer & 0xffff, CPU_RIP);
  setRflags(flagsSet & ~(<u64>(IF | TF | AC | RF)));
  store<u32>(cpu, 0, CPU_SHADOW);
  setModeStale(true);
}
