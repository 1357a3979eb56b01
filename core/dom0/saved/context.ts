/** struct vcpu_guest_context with pfns instead of machine frame numbers, as it is in an image, and back. */
import * as abi from "../kernel/abi.ts";
import { NONE, TableError } from "./tables.ts";

const GDT_ENTRIES_PER_FRAME = 512;
const MOST_GDT_ENTRIES = 8192;

/** Of the page tables' roots and the GDT. Throws TableError when `convert` gives NONE for one of them. */
export function convertContext(context: Uint8Array, convert: (frame: number) => number): void {
  const view = new DataView(context.buffer, context.byteOffset, context.byteLength);
  const field = abi.VCPU_GUEST_CONTEXT;
  const change = (at: number, shift: bigint, what: string): void => {
    const frame = view.getBigUint64(at, true) >> shift;
    const other = frame < BigInt(NONE) ? convert(Number(frame)) : NONE;
    if (other === NONE)
      throw new TableError(`${what} of a vCPU is frame 0x${frame.toString(16)}, which is not the domain's`);
    view.setBigUint64(at, BigInt(other) << shift, true);
  };
  change(field.ctrlreg + 3 * 8, 12n, "CR3");
  // A 64-bit guest's tables for user mode, if it has set any.
  if (view.getBigUint64(field.ctrlreg + 8, true) !== 0n) change(field.ctrlreg + 8, 12n, "the user mode's CR3");
  const entries = Math.min(Number(view.getBigUint64(field.gdt_ents, true)), MOST_GDT_ENTRIES);
  for (let i = 0; i < Math.ceil(entries / GDT_ENTRIES_PER_FRAME); i++) change(field.gdt_frames + 8 * i, 0n, "the GDT");
}

/** The frame of start_info: a guest that suspends leaves it in RDX (include/public/sched.h, SCHEDOP_shutdown). */
export function startInfoOf(context: Uint8Array): number {
  const rdx = new DataView(context.buffer, context.byteOffset).getBigUint64(abi.VCPU_GUEST_CONTEXT.rdx, true);
  return rdx < BigInt(NONE) ? Number(rdx) : NONE;
}
export function setStartInfo(context: Uint8Array, frame: number): void {
  new DataView(context.buffer, context.byteOffset).setBigUint64(abi.VCPU_GUEST_CONTEXT.rdx, BigInt(frame), true);
}
