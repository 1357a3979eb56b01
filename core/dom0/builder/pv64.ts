/**
 * Builds a 64-bit PV domain: memory, kernel, ramdisk, P2M, page tables, start_info, first vCPU. It makes the same hypercalls as libxenguest, and
 * leaves the domain paused.
 */
import { START_INFO_MAGIC_TEXT } from "../../hypervisor/abi/implied.ts";
import {
  MAX_GUEST_CMDLINE,
  SIF_MOD_START_PFN,
  START_INFO_CMD_LINE,
  START_INFO_CONSOLE_EVTCHN,
  START_INFO_CONSOLE_MFN,
  START_INFO_FIRST_P2M_PFN,
  START_INFO_FLAGS,
  START_INFO_MFN_LIST,
  START_INFO_MOD_LEN,
  START_INFO_MOD_START,
  START_INFO_NR_P2M_FRAMES,
  START_INFO_NR_PAGES,
  START_INFO_NR_PT_FRAMES,
  START_INFO_PT_BASE,
  START_INFO_SHARED_INFO,
  START_INFO_STORE_EVTCHN,
  START_INFO_STORE_MFN,
  VCPU_INFO_EVTCHN_UPCALL_MASK,
  VCPU_INFO_SIZE,
} from "../../abi/xen.ts";
import {
  CPU_USER_REGS_CS,
  CPU_USER_REGS_RFLAGS,
  CPU_USER_REGS_RIP,
  CPU_USER_REGS_RSI,
  CPU_USER_REGS_RSP,
  CPU_USER_REGS_SS,
  FLAT_KERNEL_CS64,
  FLAT_KERNEL_SS64,
  VCPU_GUEST_CONTEXT_CTRLREG,
  VCPU_GUEST_CONTEXT_FLAGS,
  VCPU_GUEST_CONTEXT_FPU_CTXT,
  VCPU_GUEST_CONTEXT_KERNEL_SP,
  VCPU_GUEST_CONTEXT_KERNEL_SS,
  VCPU_GUEST_CONTEXT_SIZE,
  VCPU_GUEST_CONTEXT_USER_REGS,
  VGCF_in_kernel,
  VGCF_online,
  XEN_LEGACY_MAX_VCPUS,
} from "../../abi/arch_x86.ts";
import { HypercallError } from "../kernel/errno.ts";
import type { Hypercalls } from "../kernel/hypercalls.ts";
import { PAGE_SIZE } from "../kernel/memory.ts";
import type { ForeignFrames } from "../kernel/native.ts";
import { E820_RAM } from "../../abi/e820.ts";
import type { Built, DomainBuild, DomainPreparation } from "./build.ts";
import { ImageError, type ElfImage } from "./elf.ts";
import { fillTable, layoutPv, type PvLayout, type Segment } from "./layout.ts";
import { pvParameters, type PvParameters } from "./notes.ts";
import { seedGrants } from "./reserved-grants.ts";

/** Pages that are copied before the events of dom0 have their turn. */
const PAGES_PER_TURN = 4096;

const ramdiskOf = ({ modules }: DomainBuild): Uint8Array | null => modules[0]?.bytes ?? null;

export class PvBuilder {
  readonly #hypercalls: Hypercalls;
  readonly #frames: ForeignFrames;

  constructor(hypercalls: Hypercalls, frames: ForeignFrames) {
    this.#hypercalls = hypercalls;
    this.#frames = frames;
  }

  framesBesides(): number {
    return 0;
  }

  /** Its memory map is one range from 0 on, into which it may grow. */
  prepare({ domid, mostPages }: DomainPreparation): void {
    this.#hypercalls.frames.setMemoryMap(domid, [{ start: 0, bytes: mostPages * PAGE_SIZE, type: E820_RAM }]);
  }

  /** A PV domain needs nothing for this, since it manages its frames itself. */
  retarget(): void {}

  /** Throws ImageError when the kernel can't be started this way, HypercallError when the hypervisor refuses. The caller then destroys the domain. */
  async build(request: DomainBuild): Promise<Built> {
    const timings: Built["timings"] = [];
    let began = performance.now();
    const step = (name: string): void => {
      const now = performance.now();
      timings.push({ name, milliseconds: now - began });
      began = now;
    };
    const { domid, kernel, totalPages } = request;
    const ramdisk = ramdiskOf(request);
    const parameters = pvParameters(kernel);
    const layout = layoutPv(parameters, totalPages, ramdisk ? ramdisk.length : null);

    const mfns = new Uint32Array(totalPages);
    const got = this.#hypercalls.frames.populatePhysmap(domid, 0, totalPages, mfns);
    if (got < totalPages) throw new HypercallError(`memory for domain ${domid} (${got} of ${totalPages} pages)`, 12);
    step("memory");

    await this.#loadKernel(domid, kernel, parameters, mfns);
    step("kernel");
    if (ramdisk && layout.ramdisk) {
      await this.#copy(domid, mfns, layout.ramdisk.pfn * PAGE_SIZE, ramdisk);
      step("ramdisk");
    }
    await this.#writeP2m(domid, layout.p2m, mfns);
    this.#writePageTables(domid, layout, mfns);
    this.#writeStartInfo(request, layout, mfns);
    if (parameters.hypercallPage !== null) {
      const pfn = Number((parameters.hypercallPage - parameters.virtBase) / BigInt(PAGE_SIZE));
      this.#hypercalls.domains.initHypercallPage(domid, mfns[pfn]!);
    }
    step("tables");

    const l4 = mfns[layout.tables[0]!.pfn]!;
    this.#hypercalls.frames.pinTable(domid, 4, l4);
    step("validation");
    this.#hypercalls.vcpus.setContext(domid, 0, this.#context(parameters, layout, l4));
    const storeMfn = mfns[layout.xenstore.pfn]!;
    const consoleMfn = mfns[layout.console.pfn]!;
    seedGrants(this.#hypercalls, this.#frames, domid, storeMfn, consoleMfn);
    step("start");
    return { storeMfn, consoleMfn, timings };
  }

  /**
   * The kernel is copied and not mapped: the domain may write to its frames, and Linux writes to most of its image (relocation, alternatives, freed
   * init pages). Sharing one copy among domains would need copy-on-write, for which PV guests' own page tables leave no place.
   */
  async #loadKernel(domid: number, kernel: ElfImage, parameters: PvParameters, mfns: Uint32Array): Promise<void> {
    for (const segment of kernel.segments) {
      const at = Number(segment.physicalAddress + parameters.virtOffset - parameters.virtBase);
      // What follows the part in the file must be zero, which fresh frames are.
      await this.#copy(domid, mfns, at, kernel.bytes.subarray(segment.offset, segment.offset + segment.fileSize));
    }
  }

  /** Copies `bytes` to the guest-physical byte address `at`, a frame at a time. */
  async #copy(domid: number, mfns: Uint32Array, at: number, bytes: Uint8Array): Promise<void> {
    const { memory } = this.#hypercalls;
    let pages = 0;
    for (let done = 0; done < bytes.length;) {
      const offset = (at + done) % PAGE_SIZE;
      const length = Math.min(PAGE_SIZE - offset, bytes.length - done);
      const pfn = Math.floor((at + done) / PAGE_SIZE);
      if (pfn >= mfns.length) throw new ImageError("The kernel does not fit into the domain's memory.");
      this.#frames.with(domid, mfns[pfn]!, (address) =>
        memory.bytes(address + offset, length).set(bytes.subarray(done, done + length)),
      );
      done += length;
      if (++pages % PAGES_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #writeP2m(domid: number, p2m: Segment, mfns: Uint32Array): Promise<void> {
    const entries = new BigUint64Array(p2m.pages * 512);
    for (let pfn = 0; pfn < mfns.length; pfn++) entries[pfn] = BigInt(mfns[pfn]!);
    // Entries beyond the domain's pages are INVALID_MFN.
    entries.fill(0xffffffffffffffffn, mfns.length);
    await this.#copy(domid, mfns, p2m.pfn * PAGE_SIZE, new Uint8Array(entries.buffer));
  }

  #writePageTables(domid: number, layout: PvLayout, mfns: Uint32Array): void {
    const { memory } = this.#hypercalls;
    for (const table of layout.tables) {
      this.#frames.with(domid, mfns[table.pfn]!, (address) => {
        memory.zero(address, PAGE_SIZE);
        fillTable(
          layout,
          table,
          (pfn) => mfns[pfn]!,
          (index, entry) => memory.set64(address + 8 * index, entry),
        );
      });
    }
  }

  #writeStartInfo(request: DomainBuild, layout: PvLayout, mfns: Uint32Array): void {
    const { memory } = this.#hypercalls;
    const { domid, totalPages } = request;
    const ramdisk = ramdiskOf(request);
    const info = this.#hypercalls.domains.info(domid);
    if (!info) throw new Error(`domain ${domid} vanished while it was built`);
    const { xenstore, console, startInfo, pageTables } = layout;
    for (const { pfn } of [xenstore, console])
      this.#frames.with(domid, mfns[pfn]!, (address) => memory.zero(address, PAGE_SIZE));
    // A guest starts with events masked, since it has no handler for them yet.
    this.#frames.with(domid, info.sharedInfoFrame, (at) => {
      for (let vcpu = 0; vcpu < XEN_LEGACY_MAX_VCPUS; vcpu++)
        memory.set8(at + vcpu * VCPU_INFO_SIZE + VCPU_INFO_EVTCHN_UPCALL_MASK, 1);
    });
    this.#frames.with(domid, mfns[startInfo.pfn]!, (at) => {
      memory.zero(at, PAGE_SIZE);
      memory.bytes(at, START_INFO_MAGIC_TEXT.length).set(Buffer.from(START_INFO_MAGIC_TEXT, "latin1"));
      memory.set64(at + START_INFO_NR_PAGES, totalPages);
      memory.set64(at + START_INFO_SHARED_INFO, info.sharedInfoFrame * PAGE_SIZE);
      memory.set64(at + START_INFO_STORE_MFN, mfns[xenstore.pfn]!);
      memory.set32(at + START_INFO_STORE_EVTCHN, request.storePort);
      memory.set64(at + START_INFO_CONSOLE_MFN, mfns[console.pfn]!);
      memory.set32(at + START_INFO_CONSOLE_EVTCHN, request.consolePort);
      memory.set64(at + START_INFO_PT_BASE, pageTables.address!);
      memory.set64(at + START_INFO_NR_PT_FRAMES, pageTables.pages);
      memory.set64(at + START_INFO_MFN_LIST, layout.p2m.address!);
      if (layout.ramdisk && ramdisk) {
        const mapped = layout.ramdisk.address;
        memory.set32(at + START_INFO_FLAGS, mapped === null ? SIF_MOD_START_PFN : 0);
        memory.set64(at + START_INFO_MOD_START, mapped ?? BigInt(layout.ramdisk.pfn));
        memory.set64(at + START_INFO_MOD_LEN, ramdisk.length);
      }
      const cmdline = Buffer.from(request.cmdline, "utf8").subarray(0, MAX_GUEST_CMDLINE - 1);
      memory.bytes(at + START_INFO_CMD_LINE, cmdline.length).set(cmdline);
      if (layout.p2mFrames > 0) {
        memory.set64(at + START_INFO_FIRST_P2M_PFN, layout.p2m.pfn);
        memory.set64(at + START_INFO_NR_P2M_FRAMES, layout.p2mFrames);
      }
    });
  }

  #context(parameters: PvParameters, layout: PvLayout, l4: number): Uint8Array {
    const bytes = new Uint8Array(VCPU_GUEST_CONTEXT_SIZE);
    const view = new DataView(bytes.buffer);
    const put = (offset: number, value: bigint | number): void => view.setBigUint64(offset, BigInt(value), true);
    const stack = layout.bootStack.address! + BigInt(PAGE_SIZE);
    put(VCPU_GUEST_CONTEXT_FLAGS, VGCF_in_kernel | VGCF_online);
    put(VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_RIP, parameters.entry);
    put(VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_RSP, stack);
    put(VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_RSI, layout.startInfo.address!);
    put(VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_RFLAGS, 0x200);
    view.setUint16(VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_CS, FLAT_KERNEL_CS64, true);
    view.setUint16(VCPU_GUEST_CONTEXT_USER_REGS + CPU_USER_REGS_SS, FLAT_KERNEL_SS64, true);
    put(VCPU_GUEST_CONTEXT_KERNEL_SS, FLAT_KERNEL_SS64);
    put(VCPU_GUEST_CONTEXT_KERNEL_SP, stack);
    put(VCPU_GUEST_CONTEXT_CTRLREG + 3 * 8, BigInt(l4) << 12n);
    // The x87 and SSE state of a reset processor, FCW 0x37f and MXCSR 0x1f80, which libxenguest leaves to Xen's defaults.
    view.setUint16(VCPU_GUEST_CONTEXT_FPU_CTXT, 0x37f, true);
    view.setUint32(VCPU_GUEST_CONTEXT_FPU_CTXT + 24, 0x1f80, true);
    return bytes;
  }
}
