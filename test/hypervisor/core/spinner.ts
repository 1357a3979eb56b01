/** A PV domain whose vCPUs do nothing but count, made with dom0's hypercalls: four page tables, a page of code, a stack. */
import {
  CPU_USER_REGS_CS,
  CPU_USER_REGS_RFLAGS,
  CPU_USER_REGS_RIP,
  CPU_USER_REGS_RSP,
  CPU_USER_REGS_SS,
  FLAT_KERNEL_CS64,
  FLAT_KERNEL_SS64,
  VCPU_GUEST_CONTEXT_CTRLREG,
  VCPU_GUEST_CONTEXT_FLAGS,
  VCPU_GUEST_CONTEXT_KERNEL_SP,
  VCPU_GUEST_CONTEXT_KERNEL_SS,
  VCPU_GUEST_CONTEXT_SIZE,
  VCPU_GUEST_CONTEXT_USER_REGS,
  VGCF_in_kernel,
  VGCF_online,
} from "../../../core/abi/arch_x86.ts";
import { ForeignFrames } from "../../../core/dom0/kernel/native.ts";
import type { Dom0 } from "./machine.ts";

const PAGES = 8;
const [L4, L3, L2, L1, CODE, STACK] = [0, 1, 2, 3, 4, 5];
const TABLE = 0x67n;
const WRITABLE = 0x67n;
const READ_ONLY = 0x65n;

/** inc rax; jmp back */
export const COUNT = Uint8Array.of(0x48, 0xff, 0xc0, 0xeb, 0xfb);

export interface SpinnerOptions {
  vcpus: number;
  weight?: number;
  cap?: number;
  pcpus?: number;
  code?: Uint8Array;
  /** Changes each vCPU's struct vcpu_guest_context before it is set. `root` is the CR3 of its page tables. */
  context?: (view: DataView, root: bigint) => void;
}

export const CODE_ADDRESS = 0x4000;

/** Makes the domain, paused. Its code lies at 0x4000 and its stack ends at 0x6000. */
export function makeSpinner({ calls, physical }: Dom0, options: SpinnerOptions): number {
  const { vcpus, weight = 256, cap = 0, pcpus = 3, code = COUNT, context: change } = options;
  const domid = calls.domains.create("00000000-0000-4000-8000-000000000001", vcpus);
  calls.domains.setMaxMemory(domid, PAGES * 4);
  calls.domains.setMaxVcpus(domid, vcpus);
  const mfns = new Float64Array(PAGES);
  if (calls.frames.populatePhysmap(domid, 0, PAGES, mfns) !== PAGES) throw new Error("no memory for the spinner");
  const frames = new ForeignFrames(calls);
  const entry = (page: number, flags: bigint): bigint => (BigInt(mfns[page]!) << 12n) | flags;
  const write = (page: number, index: number, value: bigint): void =>
    frames.with(domid, mfns[page]!, (address) => physical.set64(address + 8 * index, value));
  write(L4, 0, entry(L3, TABLE));
  write(L3, 0, entry(L2, TABLE));
  write(L2, 0, entry(L1, TABLE));
  write(L1, CODE, entry(CODE, READ_ONLY));
  write(L1, STACK, entry(STACK, WRITABLE));
  frames.with(domid, mfns[CODE]!, (address) => physical.bytes(address, code.length).set(code));
  calls.frames.pinTable(domid, 4, mfns[L4]!);
  calls.domains.setCredit(domid, weight, cap);
  for (let vcpu = 0; vcpu < vcpus; vcpu++) {
    const context = new Uint8Array(VCPU_GUEST_CONTEXT_SIZE);
    const view = new DataView(context.buffer);
    view.setBigUint64(VCPU_GUEST_CONTEXT_FLAGS, BigInt(VGCF_in_kernel | VGCF_online), true);
    view.setBigUint64(VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_RIP, BigInt(CODE_ADDRESS), true);
    view.setBigUint64(VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_RSP, BigInt((STACK + 1) * 4096), true);
    view.setBigUint64(VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_CS, BigInt(FLAT_KERNEL_CS64), true);
    view.setBigUint64(VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_SS, BigInt(FLAT_KERNEL_SS64), true);
    view.setBigUint64(VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_RFLAGS, 0x200n, true);
    view.setBigUint64(VCPU_GUEST_CONTEXT_KERNEL_SS, BigInt(FLAT_KERNEL_SS64), true);
    view.setBigUint64(VCPU_GUEST_CONTEXT_KERNEL_SP, BigInt((STACK + 1) * 4096), true);
    view.setBigUint64(VCPU_GUEST_CONTEXT_CTRLREG + 24, entry(L4, 0n), true);
    change?.(view, entry(L4, 0n));
    calls.vcpus.setContext(domid, vcpu, context);
    calls.vcpus.setAffinity(domid, vcpu, { hard: pcpus });
  }
  return domid;
}
