/**
 * Builds a PVH domain: memory, kernel, ramdisk, hvm_start_info, ACPI tables, first vCPU. It makes the same hypercalls as libxenguest, and leaves the
 * domain paused.
 */
import { HypercallError } from "../../kernel/errno.ts";
import type { HvmHypercalls } from "../../kernel/hvm.ts";
import { PAGE_SIZE, type PhysicalMemory } from "../../kernel/memory.ts";
import type { ForeignFrames } from "../../kernel/native.ts";
import type { Built, DomainBuild, DomainPreparation } from "../build.ts";
import { pvhEntry } from "../notes.ts";
import { ACPI_END, ACPI_START, acpiTables } from "./acpi.ts";
import { entryContext } from "./context.ts";
import {
  CONSOLE_PAGE,
  EXTRA_PAGES,
  SPECIAL_FIRST,
  SPECIAL_PAGES,
  STORE_PAGE,
  layoutPvh,
  leastTables,
  memoryRanges,
  pagingPool,
  pvhMemoryMap,
} from "./layout.ts";
import { connectRings } from "./rings.ts";
import { startInfo, startInfoBytes } from "./start-info.ts";

/** Pages that are copied before the events of dom0 have their turn. */
const PAGES_PER_TURN = 4096;

export class PvhBuilder {
  readonly #hypercalls: HvmHypercalls;
  readonly #frames: ForeignFrames;
  readonly #memory: PhysicalMemory;

  constructor(hypercalls: HvmHypercalls, frames: ForeignFrames, memory: PhysicalMemory) {
    this.#hypercalls = hypercalls;
    this.#frames = frames;
    this.#memory = memory;
  }

  framesBesides(mostPages: number): number {
    return EXTRA_PAGES + leastTables(mostPages);
  }

  prepare({ domid, mostPages, maxvcpus }: DomainPreparation): void {
    this.#hypercalls.setPagingPool(domid, pagingPool(mostPages, maxvcpus));
    this.#hypercalls.setMemoryMap(domid, pvhMemoryMap(mostPages));
  }

  /** Adapts the reserve for memory on demand to another target of the balloon driver. */
  retarget(domid: number, pages: number): void {
    this.#hypercalls.setOnDemandTarget(domid, pages + EXTRA_PAGES);
  }

  /** Throws ImageError when the kernel can't be started this way, HypercallError when the hypervisor refuses. The caller then destroys the domain. */
  async build(request: DomainBuild): Promise<Built> {
    const timings: Built["timings"] = [];
    let began = performance.now();
    const step = (name: string): void => {
      const now = performance.now();
      timings.push({ name, milliseconds: now - began });
      began = now;
    };
    const { domid, kernel, modules, cmdline, totalPages, mostPages, vcpus, maxvcpus } = request;
    const entry = pvhEntry(kernel);
    const lengths = modules.map(({ bytes }) => bytes.length);
    const map = pvhMemoryMap(mostPages);
    const layout = layoutPvh(kernel, totalPages, lengths, startInfoBytes(cmdline, modules, map.length));
    if (mostPages === totalPages)
      for (const { first, count } of memoryRanges(totalPages)) this.#populate(domid, first, count);
    this.#populate(domid, ACPI_START / PAGE_SIZE, Math.ceil((ACPI_END - ACPI_START) / PAGE_SIZE));
    this.#populate(domid, SPECIAL_FIRST, SPECIAL_PAGES);
    // The domain is told the most memory that it may have, and its balloon driver gives back what exceeds its target, as with libxenguest.
    if (mostPages > totalPages) this.#promise(domid, mostPages, totalPages);
    step("memory");

    for (const { at, offset, length } of layout.segments)
      await this.#copy(domid, at, kernel.bytes.subarray(offset, offset + length));
    step("kernel");
    for (const [i, { bytes }] of modules.entries()) await this.#copy(domid, layout.modules[i]!, bytes);
    if (modules.length > 0) step("ramdisk");
    const tables = acpiTables(maxvcpus, vcpus);
    for (const { address, bytes } of tables.pieces) await this.#copy(domid, address, bytes);
    const placed = modules.map((module, i) => ({ ...module, at: layout.modules[i]! }));
    await this.#copy(domid, layout.startInfo, startInfo(layout.startInfo, cmdline, tables.rsdp, placed, map));
    step("tables");

    connectRings(this.#hypercalls, this.#frames, this.#memory, request, STORE_PAGE, CONSOLE_PAGE);
    this.#hypercalls.setContext(domid, entryContext(entry, layout.startInfo));
    step("start");
    return { storeMfn: STORE_PAGE, consoleMfn: CONSOLE_PAGE, timings };
  }

  #promise(domid: number, mostPages: number, totalPages: number): void {
    for (const { first, count } of memoryRanges(mostPages)) {
      const got = this.#hypercalls.populateOnDemand(domid, first, count);
      if (got < count) throw new HypercallError(`memory on demand for domain ${domid} (${got} of ${count} pages)`, 12);
    }
    this.retarget(domid, totalPages);
  }

  #populate(domid: number, first: number, count: number): void {
    const got = this.#hypercalls.populate(domid, first, count);
    if (got < count) throw new HypercallError(`memory for domain ${domid} (${got} of ${count} pages)`, 12);
  }

  /** Copies `bytes` to guest-physical address `at`, a frame at a time. */
  async #copy(domid: number, at: number, bytes: Uint8Array): Promise<void> {
    let pages = 0;
    for (let done = 0; done < bytes.length;) {
      const offset = (at + done) % PAGE_SIZE;
      const length = Math.min(PAGE_SIZE - offset, bytes.length - done);
      this.#frames.with(domid, Math.floor((at + done) / PAGE_SIZE), (address) =>
        this.#memory.bytes(address + offset, length).set(bytes.subarray(done, done + length)),
      );
      done += length;
      if (++pages % PAGES_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
