/**
 * Makes V8 optimize a cluster before any pCPU runs it. Its function is called with an address that is none of its entrances, so it returns at once and
 * executes nothing. V8 counts the bytes of machine code that a call runs past, so a few hundred calls are enough.
 */
import { CPU_RIP } from "../cpu/state.ts";
import { TRANSLATOR_SCRATCH } from "../layout.ts";
import { NO_ENTRANCE } from "./dispatch.ts";
import { HELPER_NAMES } from "./imports.ts";

/** Milliseconds after which V8's optimizer has most likely finished: it takes 10 to 130 for a cluster, and does not tell. */
export const OPTIMIZED_AFTER = 150;
const CALLS = 4000;

/** A page that nobody else uses serves as the state of a vCPU that has nothing. */
export function warmUp(module: WebAssembly.Module, memory: WebAssembly.Memory): void {
  const length = HELPER_NAMES.length;
  const helpers = new WebAssembly.Table({ element: "anyfunc", initial: length, maximum: length });
  const { exports } = new WebAssembly.Instance(module, { core: { memory, helpers } });
  const enter = exports["0"] as (state: number, left: number, tlb: number, poll: number) => number;
  const view = new DataView(memory.buffer);
  for (let call = 0; call < CALLS; call++) {
    view.setBigUint64(TRANSLATOR_SCRATCH + CPU_RIP, BigInt(NO_ENTRANCE), true);
    enter(TRANSLATOR_SCRATCH, 1, TRANSLATOR_SCRATCH, TRANSLATOR_SCRATCH);
  }
}
