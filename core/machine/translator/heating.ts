/**
 * Makes V8 optimize a cluster before any pCPU runs it. Its function is called with an address that is none of its entrances, so it returns at once and does
 * nothing. V8 counts the bytes of machine code that a call runs past, so a few hundred are enough. It does not tell when its optimizer has finished.
 */
import { CPU_RIP } from "../cpu/state.ts";
import { NO_ENTRANCE } from "./dispatch.ts";
import { HELPER_NAMES } from "./imports.ts";

/** Milliseconds until V8's optimizer has most likely finished: it takes 10 to 50 for a cluster. */
export const RIPENING = 100;
const CALLS = 4000;

/** `scratch` is the address of a page of the memory that nobody uses meanwhile. It serves as the state of a vCPU that has nothing, and is left all zero. */
export function heat(module: WebAssembly.Module, memory: WebAssembly.Memory, scratch: number): void {
  const helpers = new WebAssembly.Table({
    element: "anyfunc",
    initial: HELPER_NAMES.length,
    maximum: HELPER_NAMES.length,
  });
  const { exports } = new WebAssembly.Instance(module, { core: { memory, helpers } });
  const enter = exports["0"] as (state: number, left: number, tlb: number, poll: number) => number;
  const page = new Uint8Array(memory.buffer, scratch, 4096);
  const view = new DataView(memory.buffer);
  page.fill(0);
  for (let call = 0; call < CALLS; call++) {
    view.setBigUint64(scratch + CPU_RIP, BigInt(NO_ENTRANCE), true);
    enter(scratch, 1, scratch, scratch);
  }
  page.fill(0);
}
