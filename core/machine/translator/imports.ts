/** The functions in core.wasm that translated code calls: ../cpu/region_imports.ts. They are called through a table; see moduleBytes(). */
import { Code, I32, I64, V128, type FunctionType, type SharedFunction } from "./wasm.ts";

/** The function types that a module has, in their order. */
export const TYPES = [
  /** A region: takes vCPU state, instructions left, this pCPU's TLB, and the word that calls it away; returns the instructions left. */
  { parameters: [I32, I32, I32, I32], results: [I32] },
  /** A family of instructions that the interpreter executes: takes the address of the decoded operation, returns a status. */
  { parameters: [I32], results: [I32] },
  { parameters: [I64, I32], results: [I32] },
  { parameters: [I64, I64, I32, I32], results: [I32] },
  { parameters: [], results: [I64] },
  { parameters: [], results: [I32] },
  { parameters: [I32, I32], results: [] },
  { parameters: [I64, I64], results: [I32] },
  { parameters: [V128, V128, V128], results: [V128] },
] satisfies FunctionType[];
export const REGION_TYPE = 0;
const EXECUTE = 1;

export const STATE = 0;
export const LEFT = 1;
export const TLB = 2;
export const POLL = 3;
export const PARAMETERS = 4;

export const STATUS_BAIL = 1;

/** Names in core.wasm and the numbers of their types, in the order of the table. */
export const HELPERS = {
  region_read: 2,
  region_write: 2,
  region_alu: EXECUTE,
  region_data: EXECUTE,
  region_stack: EXECUTE,
  region_shift: EXECUTE,
  region_bits: EXECUTE,
  region_string: EXECUTE,
  region_x87: EXECUTE,
  region_x87_product: 3,
  region_x87_sum: 3,
  region_sse: EXECUTE,
  region_avx: EXECUTE,
  region_wait: EXECUTE,
  region_system: EXECUTE,
  region_segment: EXECUTE,
  region_rflags: 4,
  region_condition: EXECUTE,
  region_carry: 5,
  region_change_flags: 6,
  region_imul_flags: 7,
  region_fused_doubles: 8,
  region_fused_singles: 8,
} as const;

export type HelperName = keyof typeof HELPERS;
export const HELPER_NAMES = Object.keys(HELPERS) as HelperName[];

const places = Object.fromEntries(HELPER_NAMES.map((name, n) => [name, n])) as Record<HelperName, number>;
/** Returns its place in the table. */
export function helperIndex(name: HelperName): number {
  return places[name];
}

/**
 * Helpers that are called from so many places that each module has a function of its own for each, called by number. A call through the table costs
 * V8 a dozen instructions and a type check at every place.
 */
const OFTEN: HelperName[] = ["region_read", "region_write"];
export const SHARED: SharedFunction[] = OFTEN.map((name) => {
  const code = new Code();
  const type = HELPERS[name];
  TYPES[type]!.parameters.forEach((_, n) => code.get(n));
  return { type, code: code.callHelper(helperIndex(name), type) };
});
/** Writes a call of the helper. */
export function callHelper(code: Code, name: HelperName): Code {
  const own = OFTEN.indexOf(name);
  return own < 0 ? code.callHelper(helperIndex(name), HELPERS[name]) : code.call(own);
}
