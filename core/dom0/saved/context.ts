/** Converts struct vcpu_guest_context between machine frame numbers and the pfns that it has in an image. */
import {
  CPU_USER_REGS_RDX,
  VCPU_GUEST_CONTEXT_CTRLREG,
  VCPU_GUEST_CONTEXT_GDT_ENTS,
  VCPU_GUEST_CONTEXT_GDT_FRAMES,
  VCPU_GUEST_CONTEXT_USER_REGS,
} from "../../abi/arch_x86.ts";
import * as hvm from "../../abi/hvm_save.ts";
import { NONE, TableError } from "./tables.ts";

const GDT_ENTRIES_PER_FRAME = 512;
const MOST_GDT_ENTRIES = 8192;

/** Converts the roots of page tables, and the GDT's frames. Throws TableError when `convert` returns NONE for one of them. */
export function convertContext(context: Uint8Array, convert: (frame: number) => number): void {
  const view = new DataView(context.buffer, context.byteOffset, context.byteLength);
  const change = (at: number, shift: bigint, what: string): void => {
    const frame = view.getBigUint64(at, true) >> shift;
    const other = frame < BigInt(NONE) ? convert(Number(frame)) : NONE;
    if (other === NONE)
      throw new TableError(`${what} of a vCPU is frame 0x${frame.toString(16)}, which is not the domain's`);
    view.setBigUint64(at, BigInt(other) << shift, true);
  };
  change(VCPU_GUEST_CONTEXT_CTRLREG + 3 * 8, 12n, "CR3");
  // A 64-bit guest may have set tables for user mode.
  if (view.getBigUint64(VCPU_GUEST_CONTEXT_CTRLREG + 8, true) !== 0n)
    change(VCPU_GUEST_CONTEXT_CTRLREG + 8, 12n, "the user mode's CR3");
  const entries = Math.min(Number(view.getBigUint64(VCPU_GUEST_CONTEXT_GDT_ENTS, true)), MOST_GDT_ENTRIES);
  for (let i = 0; i < Math.ceil(entries / GDT_ENTRIES_PER_FRAME); i++)
    change(VCPU_GUEST_CONTEXT_GDT_FRAMES + 8 * i, 0n, "the GDT");
}

/** Returns the frame of start_info, which a guest that suspends leaves in RDX (include/public/sched.h, SCHEDOP_shutdown). */
export function startInfoOf(context: Uint8Array): number {
  const rdx = new DataView(context.buffer, context.byteOffset).getBigUint64(
    VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_RDX,
    true,
  );
  return rdx < BigInt(NONE) ? Number(rdx) : NONE;
}
export function setStartInfo(context: Uint8Array, frame: number): void {
  new DataView(context.buffer, context.byteOffset).setBigUint64(
    VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_RDX,
    BigInt(frame),
    true,
  );
}

/** Sets RAX of vCPU 0 in an HVM context that the hypervisor gave. */
export function setHvmRax(records: Uint8Array, value: bigint): void {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  for (let at = 0; at < records.length;) {
    const code = view.getUint16(at + hvm.HVM_SAVE_DESCRIPTOR_TYPECODE, true);
    const body = at + hvm.HVM_SAVE_DESCRIPTOR_SIZE;
    if (code === hvm.HVM_SAVE_CODE_CPU && view.getUint16(at + hvm.HVM_SAVE_DESCRIPTOR_INSTANCE, true) === 0)
      view.setBigUint64(body + hvm.HVM_HW_CPU_RAX, value, true);
    at = body + view.getUint32(at + hvm.HVM_SAVE_DESCRIPTOR_LENGTH, true);
  }
}
