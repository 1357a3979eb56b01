/** Translation for tests that must not need the interpreter's functions for vector instructions: regions that call one stop the test. */
import type { Machine } from "../machine.ts";
import { TranslatedCode } from "./translated.ts";

/** A module whose function f, of an i32 and with an i32 as result, traps. */
const UNREACHABLE = Buffer.from("0061736d010000000106016001" + "7f017f03020100070501016600000a05010300000b", "hex");
/** Room and indices of a second translator beside that of the lockstep. */
const POOL = 0x3d00000;
const INDICES = { first: 2048, end: 4096 };

/** Returns a second translator for the machine, in whose regions the interpreter's functions for SSE and AVX are unreachable. */
export function withoutInterpreter({ exports, memory }: Machine): TranslatedCode {
  const never = new WebAssembly.Instance(new WebAssembly.Module(UNREACHABLE)).exports.f!;
  const replaced = { ...exports, region_sse: never, region_avx: never } as unknown as WebAssembly.Exports;
  return new TranslatedCode(replaced, memory, POOL, { indices: INDICES });
}
