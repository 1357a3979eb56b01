/** A saved domain made by hand: the smallest guest that runs, in parts that can each be spoiled. */
import { TABLE_PINNED } from "../../core/dom0/kernel/page-types.ts";
import { SHARED_INFO_MAX_PFN, START_INFO_CONSOLE_MFN, START_INFO_STORE_MFN } from "../../core/abi/xen.ts";
import {
  CPU_USER_REGS_CS,
  CPU_USER_REGS_RDX,
  CPU_USER_REGS_RFLAGS,
  CPU_USER_REGS_RIP,
  CPU_USER_REGS_RSP,
  CPU_USER_REGS_SS,
  FLAT_KERNEL_CS64,
  FLAT_KERNEL_SS64,
  VCPU_GUEST_CONTEXT_CTRLREG,
  VCPU_GUEST_CONTEXT_FLAGS,
  VCPU_GUEST_CONTEXT_GDT_ENTS,
  VCPU_GUEST_CONTEXT_GDT_FRAMES,
  VCPU_GUEST_CONTEXT_KERNEL_SP,
  VCPU_GUEST_CONTEXT_KERNEL_SS,
  VCPU_GUEST_CONTEXT_SIZE,
  VCPU_GUEST_CONTEXT_USER_REGS,
  VGCF_in_kernel,
  VGCF_online,
} from "../../core/abi/arch_x86.ts";
import { writeFileSync } from "node:fs";
import { DOMCTL_EXT_VCPUCONTEXT_SIZE } from "../../core/abi/domctl.ts";
import * as stream from "../../core/dom0/saved/stream.ts";
import { fileOf } from "../saved-blocks.ts";

export const PAGES = 16;
const [START_INFO, CODE, STORE, CONSOLE, P2M, L1, L2, L3, L4, STACK, GDT, USER_L4] = Array.from(
  { length: 12 },
  (_, pfn) => pfn,
) as [number, number, number, number, number, number, number, number, number, number, number, number];
const LEVELS: Record<number, number> = {
  [L1]: 1,
  [L2]: 2,
  [L3]: 3,
  [L4]: 4 | TABLE_PINNED,
  [USER_L4]: 4 | TABLE_PINNED,
};
export const TABLES = [L1, L2, L3, L4, USER_L4];
/** offsetof(struct vcpu_guest_context, event_callback_eip). */
const EVENT_CALLBACK = 5112;

// Page i is at i << 12. "O" to the console's ring, then SCHEDOP_block for ever.
// prettier-ignore
const PROGRAM = [
  0xc6, 0x04, 0x25, 0x00, 0x34, 0x00, 0x00, 0x4f, // movb $'O', 0x3400
  0xc7, 0x04, 0x25, 0x0c, 0x3c, 0x00, 0x00, 1, 0, 0, 0, // movl $1, 0x3c0c: out_prod
  0xb8, 29, 0, 0, 0, // mov $__HYPERVISOR_sched_op, %eax
  0xbf, 1, 0, 0, 0, // mov $SCHEDOP_block, %edi
  0x31, 0xf6, // xor %esi, %esi
  0x0f, 0x05, // syscall
  0xeb, 0xf0, // jmp to the first mov
];
const SUSPEND = 2;
// Maps shared_info at 0xf000, enters page 12 as the list of lists of the P2M's frames, of which there is one, page 13, whose entries are all
// page 4; unmaps it; leaves the rings' pfns in start_info; suspends. Then "R" to the console's ring, and SCHEDOP_block for ever.
// prettier-ignore
const SUSPENDING = [
  0x48, 0x8b, 0x34, 0x25, 0x28, 0x00, 0x00, 0x00, // mov 0x28, %rsi: start_info's shared_info
  0x48, 0x83, 0xce, 0x07, // or $7, %rsi
  0xbf, 0x00, 0xf0, 0x00, 0x00, // mov $0xf000, %edi
  0x31, 0xd2, // xor %edx, %edx
  0xb8, 14, 0, 0, 0, // mov $__HYPERVISOR_update_va_mapping, %eax
  0x0f, 0x05, // syscall
  0x48, 0x8b, 0x04, 0x25, 0x60, 0x40, 0x00, 0x00, // mov 0x4060, %rax: page 12's frame, of the P2M
  0x48, 0x89, 0x04, 0x25, 0x18, 0xfc, 0x00, 0x00, // mov %rax, 0xfc18
  0x48, 0x8b, 0x04, 0x25, 0x68, 0x40, 0x00, 0x00, // mov 0x4068, %rax: page 13's
  0x48, 0x89, 0x04, 0x25, 0x00, 0xc0, 0x00, 0x00, // mov %rax, 0xc000
  0x48, 0x8b, 0x04, 0x25, 0x20, 0x40, 0x00, 0x00, // mov 0x4020, %rax: page 4's
  0xbf, 0x00, 0xd0, 0x00, 0x00, // mov $0xd000, %edi
  0xb9, 0x00, 0x02, 0x00, 0x00, // mov $512, %ecx
  0xf3, 0x48, 0xab, // rep stos %rax, (%rdi)
  0xbf, 0x00, 0xf0, 0x00, 0x00, // mov $0xf000, %edi
  0x31, 0xf6, // xor %esi, %esi
  0x31, 0xd2, // xor %edx, %edx
  0xb8, 14, 0, 0, 0, // mov $__HYPERVISOR_update_va_mapping, %eax
  0x0f, 0x05, // syscall
  0x48, 0xc7, 0x04, 0x25, 0x38, 0x00, 0x00, 0x00, 2, 0, 0, 0, // movq $2, 0x38: start_info's store_mfn, as a pfn
  0x48, 0xc7, 0x04, 0x25, 0x48, 0x00, 0x00, 0x00, 3, 0, 0, 0, // movq $3, 0x48: its console_mfn
  0xb8, 29, 0, 0, 0, // mov $__HYPERVISOR_sched_op, %eax
  0xbf, 2, 0, 0, 0, // mov $SCHEDOP_shutdown, %edi
  0xbe, 0x00, 0x90, 0x00, 0x00, // mov $0x9000, %esi: SUSPEND
  0x48, 0x8b, 0x14, 0x25, 0x00, 0x40, 0x00, 0x00, // mov 0x4000, %rdx: page 0's frame, start_info
  0x0f, 0x05, // syscall
  0xc6, 0x04, 0x25, 0x00, 0x34, 0x00, 0x00, 0x52, // movb $'R', 0x3400
  0xc7, 0x04, 0x25, 0x0c, 0x3c, 0x00, 0x00, 1, 0, 0, 0, // movl $1, 0x3c0c: out_prod
  0xb8, 29, 0, 0, 0, // mov $__HYPERVISOR_sched_op, %eax
  0xbf, 1, 0, 0, 0, // mov $SCHEDOP_block, %edi
  0x31, 0xf6, // xor %esi, %esi
  0x0f, 0x05, // syscall
  0xeb, 0xf0, // jmp to the mov before the last
];
/** The bytes of the jump at a program's end and of the instructions that it jumps back over. */
const LOOP_BYTES = 16;

export interface SavedPage {
  type: number;
  pfn: bigint;
  data: DataView;
}
export interface SavedImage {
  pages: SavedPage[];
  p2m: { end: number; frames: bigint[] };
  sharedInfo: DataView;
  contexts: DataView[];
}
const view = (size: number): DataView => new DataView(new ArrayBuffer(size));

/** A guest of PAGES pages and two vCPUs. */
export function savedImage(): SavedImage {
  return image(PROGRAM);
}

/** A guest that suspends at once, and says in its shared_info that it has that many pages. */
export function suspendingImage(pages: bigint): SavedImage {
  const made = image(SUSPENDING);
  made.pages[STACK]!.data.setUint32(0, SUSPEND, true);
  made.sharedInfo.setBigUint64(SHARED_INFO_MAX_PFN, pages, true);
  return made;
}

function image(program: readonly number[]): SavedImage {
  const loop = (CODE << 12) + program.length - LOOP_BYTES;
  const pages = Array.from({ length: PAGES }, (_, pfn): SavedPage => ({
    type: LEVELS[pfn] ?? 0,
    pfn: BigInt(pfn),
    data: view(4096),
  }));
  const page = (pfn: number): DataView => pages[pfn]!.data;
  const entry = (table: number, i: number, pfn: number, flags: bigint): void =>
    page(table).setBigUint64(8 * i, (BigInt(pfn) << 12n) | flags, true);
  for (let pfn = 0; pfn < PAGES; pfn++) entry(L1, pfn, pfn, TABLES.includes(pfn) || pfn === GDT ? 0x5n : 0x7n);
  entry(L2, 0, L1, 0x7n);
  entry(L3, 0, L2, 0x7n);
  entry(L4, 0, L3, 0x7n);
  entry(USER_L4, 0, L3, 0x7n);
  program.forEach((byte, i) => page(CODE).setUint8(i, byte));
  page(START_INFO).setBigUint64(START_INFO_STORE_MFN, BigInt(STORE), true);
  page(START_INFO).setBigUint64(START_INFO_CONSOLE_MFN, BigInt(CONSOLE), true);
  for (let i = 0; i < 512; i++) page(P2M).setBigUint64(8 * i, i < PAGES ? BigInt(i) : 0xffffffffffffffffn, true);
  const sharedInfo = view(4096);
  sharedInfo.setBigUint64(SHARED_INFO_MAX_PFN, BigInt(PAGES), true);
  return {
    pages,
    p2m: { end: PAGES - 1, frames: [BigInt(P2M)] },
    sharedInfo,
    contexts: [CODE << 12, loop].map((rip, vcpu) => context(rip, (STACK << 12) + 0x800 * (2 - vcpu), loop)),
  };
}

function context(rip: number, stack: number, callback: number): DataView {
  const words: Record<number, number> = {
    [VCPU_GUEST_CONTEXT_FLAGS]: VGCF_in_kernel | VGCF_online,
    [VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_RDX]: START_INFO,
    [VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_RIP]: rip,
    [VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_CS]: FLAT_KERNEL_CS64,
    [VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_RFLAGS]: 0x202,
    [VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_RSP]: stack,
    [VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_SS]: FLAT_KERNEL_SS64,
    [VCPU_GUEST_CONTEXT_GDT_FRAMES]: GDT,
    [VCPU_GUEST_CONTEXT_GDT_ENTS]: 8,
    [VCPU_GUEST_CONTEXT_KERNEL_SS]: FLAT_KERNEL_SS64,
    [VCPU_GUEST_CONTEXT_KERNEL_SP]: stack,
    [VCPU_GUEST_CONTEXT_CTRLREG + 8]: USER_L4 << 12,
    [VCPU_GUEST_CONTEXT_CTRLREG + 24]: L4 << 12,
    [EVENT_CALLBACK]: callback,
  };
  const bytes = view(VCPU_GUEST_CONTEXT_SIZE);
  for (const [at, word] of Object.entries(words)) bytes.setBigUint64(Number(at), BigInt(word), true);
  return bytes;
}

const bytesOf = ({ buffer }: DataView): Uint8Array => new Uint8Array(buffer);

/** Returns the records, of which the headers are the first and REC_END is the last. */
export function recordsOf({ pages, p2m, sharedInfo, contexts }: SavedImage): Uint8Array[] {
  const head = view(8 + 8 * pages.length);
  head.setUint32(0, pages.length, true);
  pages.forEach(({ type, pfn }, i) =>
    head.setBigUint64(8 + 8 * i, BigInt.asUintN(64, (BigInt(type) << 60n) | pfn), true),
  );
  const frames = view(8 + 8 * p2m.frames.length);
  frames.setUint32(4, p2m.end, true);
  p2m.frames.forEach((frame, i) => frames.setBigUint64(8 + 8 * i, frame, true));
  return [
    stream.headers(4, 17),
    stream.record(stream.REC_STATIC_DATA_END),
    stream.record(stream.REC_X86_PV_INFO, Uint8Array.of(8, 4, 0, 0, 0, 0, 0, 0)),
    stream.record(stream.REC_X86_PV_P2M_FRAMES, bytesOf(frames)),
    stream.record(stream.REC_PAGE_DATA, bytesOf(head), ...pages.map(({ data }) => bytesOf(data))),
    stream.record(stream.REC_SHARED_INFO, bytesOf(sharedInfo)),
    ...contexts.flatMap((each, vcpu) => {
      const number = Uint8Array.of(vcpu, 0, 0, 0, 0, 0, 0, 0);
      const extended = view(DOMCTL_EXT_VCPUCONTEXT_SIZE);
      extended.setBigUint64(8, 0xffffffff81000010n, true);
      extended.setUint32(4, DOMCTL_EXT_VCPUCONTEXT_SIZE, true);
      return [
        stream.record(stream.REC_X86_PV_VCPU_BASIC, number, bytesOf(each)),
        stream.record(stream.REC_X86_PV_VCPU_EXTENDED, number, bytesOf(extended)),
      ];
    }),
    stream.record(stream.REC_END),
  ];
}

/** Writes them in the format of the toolstack's file. */
export function writeImage(file: string, name: string, records: readonly Uint8Array[], type = "pv"): void {
  const header = Buffer.from(
    JSON.stringify({
      version: 1,
      name,
      uuid: crypto.randomUUID(),
      savedAt: 0,
      memoryMiB: PAGES / 256,
      config: `name = "${name}"\ntype = "${type}"\nkernel = "none"\nmemory = 16\nvcpus = 2\non_crash = "destroy"\non_reboot = "destroy"\n`,
      files: [],
    }),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  writeFileSync(file, fileOf(Buffer.concat([length, header, ...records])));
}
