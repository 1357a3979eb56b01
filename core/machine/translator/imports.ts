/** What translated code calls in core.wasm: ../cpu/region_imports.ts. */
import { I32, I64, type FunctionType, type ImportedFunction } from "./wasm.ts";

/** Family of instructions that the interpreter executes for translated code: address of the decoded operation to status. */
const execute: FunctionType = { parameters: [I32], results: [I32] };

export const STATUS_BAIL = 1;

export const IMPORTS = [
  { name: "region_read", parameters: [I64, I32], results: [I32] },
  { name: "region_write", parameters: [I64, I32], results: [I32] },
  { name: "region_alu", ...execute },
  { name: "region_data", ...execute },
  { name: "region_stack", ...execute },
  { name: "region_shift", ...execute },
  { name: "region_bits", ...execute },
  { name: "region_string", ...execute },
  { name: "region_x87", ...execute },
  { name: "region_x87_product", parameters: [I64, I64, I32, I32], results: [I32] },
  { name: "region_x87_sum", parameters: [I64, I64, I32, I32], results: [I32] },
  { name: "region_sse", ...execute },
  { name: "region_wait", ...execute },
  { name: "region_tsc", ...execute },
  { name: "region_rflags", parameters: [], results: [I64] },
  { name: "region_condition", parameters: [I32], results: [I32] },
  { name: "region_carry", parameters: [], results: [I32] },
  { name: "region_change_flags", parameters: [I32, I32], results: [] },
  { name: "region_imul_flags", parameters: [I64, I64], results: [I32] },
] as const satisfies readonly ImportedFunction[];

export type ImportName = (typeof IMPORTS)[number]["name"];

export function importIndex(name: ImportName): number {
  return IMPORTS.findIndex((each) => each.name === name);
}

/** A region: vCPU state, instructions left, this pCPU's TLB, the word that calls it away; returns the instructions left. */
export const REGION_TYPE: FunctionType = { parameters: [I32, I32, I32, I32], results: [I32] };
export const STATE = 0;
export const LEFT = 1;
export const TLB = 2;
export const POLL = 3;
export const PARAMETERS = 4;
