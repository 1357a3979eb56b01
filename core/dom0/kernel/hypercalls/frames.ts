/** Hypercalls about the memory and the page tables of a PV domain. */
import { E820ENTRY_ADDR, E820ENTRY_SIZE, E820ENTRY_SIZE_MEMBER, E820ENTRY_TYPE } from "../../../abi/e820.ts";
import {
  FOREIGN_MEMORY_MAP_DOMID,
  FOREIGN_MEMORY_MAP_MAP,
  FOREIGN_MEMORY_MAP_SIZE,
  MEMORY_MAP_BUFFER,
  MEMORY_MAP_NR_ENTRIES,
  MEMORY_RESERVATION_DOMID,
  MEMORY_RESERVATION_EXTENT_ORDER,
  MEMORY_RESERVATION_EXTENT_START,
  MEMORY_RESERVATION_NR_EXTENTS,
  MEMORY_RESERVATION_SIZE,
  XENMEM_populate_physmap,
  XENMEM_set_memory_map,
} from "../../../abi/memory.ts";
import {
  HYPERVISOR_arch_7,
  HYPERVISOR_memory_op,
  HYPERVISOR_mmu_update,
  HYPERVISOR_mmuext_op,
  MMUEXT_OP_ARG1,
  MMUEXT_OP_CMD,
  MMUEXT_OP_SIZE,
  MMUEXT_PIN_L1_TABLE,
  MMU_UPDATE_PTR,
  MMU_UPDATE_SIZE,
  MMU_UPDATE_VAL,
} from "../../../abi/xen.ts";
import { NATIVE_copy_frames } from "../../../hypervisor/abi/native.ts";
import type { NativeCalls } from "./calls.ts";

/** The number of frame numbers that the scratch area has room for in one memory_op, after the reservation structure. */
const EXTENTS_PER_CALL = 8192;
const UPDATES_PER_CALL = 4096;
const EXTENT_BYTES = 8;
const PAIR_BYTES = 8;

/** A region of the memory map that a guest is given. `type` is E820_*. */
export interface MemoryRegion {
  start: number;
  bytes: number;
  type: number;
}

export class FrameCalls {
  readonly #calls: NativeCalls;

  constructor(calls: NativeCalls) {
    this.#calls = calls;
  }

  /**
   * Gives a domain 2^`order` adjacent frames for the guest frames from `firstPfn` on. Returns the first one's mfn, or null when the host has no so
   * many that lie side by side.
   */
  populateExtent(domid: number, firstPfn: number, order: number): number | null {
    const { memory } = this.#calls;
    const struct = this.#calls.scratch(MEMORY_RESERVATION_SIZE + EXTENT_BYTES);
    const extent = struct + MEMORY_RESERVATION_SIZE;
    memory.set64(extent, firstPfn);
    memory.set64(struct + MEMORY_RESERVATION_EXTENT_START, extent);
    memory.set64(struct + MEMORY_RESERVATION_NR_EXTENTS, 1);
    memory.set32(struct + MEMORY_RESERVATION_EXTENT_ORDER, order);
    memory.set16(struct + MEMORY_RESERVATION_DOMID, domid);
    const operation = `populate_physmap of domain ${domid}`;
    const got = this.#calls.call(operation, HYPERVISOR_memory_op, XENMEM_populate_physmap, struct);
    return got === 1 ? Number(memory.get64(extent)) : null;
  }

  /**
   * Gives a domain frames for the guest frames `firstPfn` to `firstPfn + count - 1`. Their mfns are put into `mfns` from index `firstPfn` on. Returns
   * how many frames it got, which are fewer if the host ran out of memory.
   */
  populatePhysmap(domid: number, firstPfn: number, count: number, mfns: Float64Array | Uint32Array): number {
    const { memory } = this.#calls;
    let done = 0;
    while (done < count) {
      const chunk = Math.min(count - done, EXTENTS_PER_CALL);
      const struct = this.#calls.scratch(MEMORY_RESERVATION_SIZE);
      const extents = struct + MEMORY_RESERVATION_SIZE;
      const words = memory.words(extents, 2 * chunk);
      for (let i = 0; i < chunk; i++) {
        words[2 * i] = firstPfn + done + i;
        words[2 * i + 1] = 0;
      }
      memory.set64(struct + MEMORY_RESERVATION_EXTENT_START, extents);
      memory.set64(struct + MEMORY_RESERVATION_NR_EXTENTS, chunk);
      memory.set16(struct + MEMORY_RESERVATION_DOMID, domid);
      const operation = `populate_physmap of domain ${domid}`;
      const got = this.#calls.call(operation, HYPERVISOR_memory_op, XENMEM_populate_physmap, struct);
      // Every frame number of a host has 20 bits.
      for (let i = 0; i < got; i++) mfns[firstPfn + done + i] = words[2 * i]! >>> 0;
      done += got;
      if (got < chunk) break;
    }
    return done;
  }

  /**
   * Copies frames of a domain that stands still into frames of a new one, which are all zero: up to COPY_MOST, from `from[i]` into `to[i]`, as the
   * domains number them.
   */
  copy(source: number, from: Uint32Array, target: number, to: Uint32Array): void {
    const list = this.#calls.scratch(PAIR_BYTES * from.length);
    const words = this.#calls.memory.words(list, 2 * from.length);
    for (let i = 0; i < from.length; i++) {
      words[2 * i] = from[i]!;
      words[2 * i + 1] = to[i]!;
    }
    const domids = source | (target << 16);
    const operation = `copying frames of domain ${source} into domain ${target}`;
    this.#calls.call(operation, HYPERVISOR_arch_7, NATIVE_copy_frames, domids, list, from.length);
  }

  /** What the domain hears of its memory (XENMEM_memory_map). */
  setMemoryMap(domid: number, regions: readonly MemoryRegion[]): void {
    const { memory } = this.#calls;
    const struct = this.#calls.scratch(FOREIGN_MEMORY_MAP_SIZE + regions.length * E820ENTRY_SIZE);
    const entries = struct + FOREIGN_MEMORY_MAP_SIZE;
    regions.forEach(({ start, bytes, type }, i) => {
      const entry = entries + i * E820ENTRY_SIZE;
      memory.set64(entry + E820ENTRY_ADDR, start);
      memory.set64(entry + E820ENTRY_SIZE_MEMBER, bytes);
      memory.set32(entry + E820ENTRY_TYPE, type);
    });
    const map = struct + FOREIGN_MEMORY_MAP_MAP;
    memory.set16(struct + FOREIGN_MEMORY_MAP_DOMID, domid);
    memory.set32(map + MEMORY_MAP_NR_ENTRIES, regions.length);
    memory.set64(map + MEMORY_MAP_BUFFER, entries);
    this.#calls.call(`set_memory_map of domain ${domid}`, HYPERVISOR_memory_op, XENMEM_set_memory_map, struct);
  }

  /** Pins a page table of the domain, of level 1 to 4, which validates the whole tree below it. */
  pinTable(domid: number, level: number, mfn: number): void {
    const struct = this.#calls.scratch(MMUEXT_OP_SIZE);
    this.#calls.memory.set32(struct + MMUEXT_OP_CMD, MMUEXT_PIN_L1_TABLE + level - 1);
    this.#calls.memory.set64(struct + MMUEXT_OP_ARG1, mfn);
    this.#calls.call(`pinning page table ${mfn} of domain ${domid}`, HYPERVISOR_mmuext_op, struct, 1, 0, domid);
  }

  /** Makes mmu_update: pairs of `ptr` (with the command in its low bits) and `value`, for the domain's own memory. */
  mmuUpdate(domid: number, updates: readonly (readonly [ptr: bigint, value: bigint])[]): void {
    const { memory } = this.#calls;
    for (let i = 0; i < updates.length; i += UPDATES_PER_CALL) {
      const part = updates.slice(i, i + UPDATES_PER_CALL);
      const struct = this.#calls.scratch(part.length * MMU_UPDATE_SIZE);
      part.forEach(([ptr, value], j) => {
        memory.set64(struct + MMU_UPDATE_SIZE * j + MMU_UPDATE_PTR, ptr);
        memory.set64(struct + MMU_UPDATE_SIZE * j + MMU_UPDATE_VAL, value);
      });
      this.#calls.call("mmu_update", HYPERVISOR_mmu_update, struct, part.length, 0, domid);
    }
  }
}
