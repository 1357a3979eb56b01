/** Hypercalls about domains that number their frames themselves (PVH): those that libxenguest and libxl make for such a domain. */
import {
  DOMCTL_HVMCONTEXT_BUFFER,
  XEN_DOMCTL_set_paging_mempool_size,
  XEN_DOMCTL_gethvmcontext,
  XEN_DOMCTL_sethvmcontext,
} from "../../abi/domctl.ts";
import {
  HVMOP_get_param,
  HVMOP_set_param,
  HVM_PARAM_INDEX,
  HVM_PARAM_SIZE,
  HVM_PARAM_VALUE,
} from "../../abi/hvm_op.ts";
import {
  ADD_TO_PHYSMAP_GPFN,
  ADD_TO_PHYSMAP_IDX,
  ADD_TO_PHYSMAP_SIZE,
  ADD_TO_PHYSMAP_SPACE,
  MEMORY_RESERVATION_DOMID,
  MEMORY_RESERVATION_EXTENT_ORDER,
  MEMORY_RESERVATION_MEM_FLAGS,
  MEMORY_RESERVATION_NR_EXTENTS,
  MEMORY_RESERVATION_SIZE,
  POD_TARGET_DOMID,
  POD_TARGET_POD_CACHE_PAGES,
  POD_TARGET_POD_ENTRIES,
  POD_TARGET_SIZE,
  POD_TARGET_TARGET_PAGES,
  REMOVE_FROM_PHYSMAP_GPFN,
  REMOVE_FROM_PHYSMAP_SIZE,
  XENMAPSPACE_grant_table,
  XENMEMF_populate_on_demand,
  XENMEM_add_to_physmap,
  XENMEM_get_pod_target,
  XENMEM_maximum_gpfn,
  XENMEM_populate_physmap,
  XENMEM_remove_from_physmap,
  XENMEM_set_pod_target,
} from "../../abi/memory.ts";
import { HYPERVISOR_arch_7, HYPERVISOR_hvm_op, HYPERVISOR_memory_op } from "../../abi/xen.ts";
import { NATIVE_copy_memory, NATIVE_make_shareable } from "../../hypervisor/abi/native.ts";
import type { MemoryRegion } from "./hypercalls/frames.ts";
import type { Hypercalls } from "./hypercalls.ts";
import { NOT_THE_DOMAINS } from "./page-types.ts";

/** The number of extents in one populate_physmap. */
const EXTENTS_PER_CALL = 4096;
/** The place of the list of extents in the scratch area. */
const LIST = 64;
/** The bytes for a context in the scratch area, after the domctl. The contexts of the most vCPUs that a domain may have take 104 KB. */
export const CONTEXT_MOST = 0x1f000;
/** How many frame numbers are looked at in one call. */
const LOOKED = 64;
/** Extents of 2 MiB, and of 1 GiB, which hosts have few of. */
const LARGE_ORDER = 9;
const LARGE_FRAMES = 1 << LARGE_ORDER;
const HUGE_ORDER = 18;
const HUGE_FRAMES = 1 << HUGE_ORDER;

/** The calls by which PVH domains are built. */
export class HvmHypercalls {
  readonly #hypercalls: Hypercalls;

  constructor(hypercalls: Hypercalls) {
    this.#hypercalls = hypercalls;
  }

  /** Sets the bytes of tables that the domain's second stage may have. */
  setPagingPool(domid: number, bytes: number): void {
    const { memory } = this.#hypercalls;
    this.#hypercalls.domctl("set_paging_mempool_size", XEN_DOMCTL_set_paging_mempool_size, domid, (u) =>
      memory.set64(u, bytes),
    );
  }

  setMemoryMap = (domid: number, regions: readonly MemoryRegion[]): void =>
    this.#hypercalls.frames.setMemoryMap(domid, regions);

  /** Sets HVM_PARAM_*. */
  setParameter(domid: number, index: number, value: number): void {
    const { memory } = this.#hypercalls;
    const at = this.#hypercalls.scratch(HVM_PARAM_SIZE);
    memory.set16(at, domid);
    memory.set32(at + HVM_PARAM_INDEX, index);
    memory.set64(at + HVM_PARAM_VALUE, value);
    this.#hypercalls.call(`HVM parameter ${index} of domain ${domid}`, HYPERVISOR_hvm_op, HVMOP_set_param, at);
  }

  parameter(domid: number, index: number): number {
    const { memory } = this.#hypercalls;
    const at = this.#hypercalls.scratch(HVM_PARAM_SIZE);
    memory.set16(at, domid);
    memory.set32(at + HVM_PARAM_INDEX, index);
    this.#hypercalls.call(`HVM parameter ${index} of domain ${domid}`, HYPERVISOR_hvm_op, HVMOP_get_param, at);
    return Number(memory.get64(at + HVM_PARAM_VALUE));
  }

  /** Returns the highest guest frame number that has ever had memory. */
  highestFrame(domid: number): number {
    const at = this.#hypercalls.scratch(8);
    this.#hypercalls.memory.set16(at, domid);
    return this.#hypercalls.call(`highest frame of domain ${domid}`, HYPERVISOR_memory_op, XENMEM_maximum_gpfn, at);
  }

  /** Returns the state of all vCPUs, as Xen's records of HVM contexts. */
  context(domid: number): Uint8Array {
    const { memory } = this.#hypercalls;
    let buffer = 0;
    const u = this.#hypercalls.domctl("gethvmcontext", XEN_DOMCTL_gethvmcontext, domid, (at, struct) => {
      buffer = struct + 4096;
      memory.set32(at, CONTEXT_MOST);
      memory.set64(at + DOMCTL_HVMCONTEXT_BUFFER, buffer);
    });
    return memory.bytes(buffer, memory.get32(u)).slice();
  }

  /** Sets the state from such records. */
  setContext(domid: number, records: Uint8Array): void {
    const { memory, buffer } = this.#hypercalls;
    this.#hypercalls.domctl("sethvmcontext", XEN_DOMCTL_sethvmcontext, domid, (u) => {
      memory.bytes(buffer, records.length).set(records);
      memory.set32(u, records.length);
      memory.set64(u + DOMCTL_HVMCONTEXT_BUFFER, buffer);
    });
  }

  /**
   * Gives memory to the guest frames `first` to `first + count - 1`, in large extents where that is possible. Returns how many frames have got
   * memory, from `first` on.
   */
  populate(domid: number, first: number, count: number): number {
    return this.#fill(domid, first, count, 0);
  }

  /**
   * Does the same with memory that the domain gets only when it first touches it. Returns the number of such frames. setOnDemandTarget must follow,
   * because until then no memory can be given.
   */
  populateOnDemand(domid: number, first: number, count: number): number {
    return this.#fill(domid, first, count, XENMEMF_populate_on_demand);
  }

  /**
   * Makes the domain's own memory at `count` guest frames from `first` on shareable with copies of it, where it is used in no other way. COPY_MOST at
   * most, as in copyMemory().
   */
  makeShareable(domid: number, first: number, count: number): void {
    const operation = `sharing memory of domain ${domid}`;
    this.#hypercalls.call(operation, HYPERVISOR_arch_7, NATIVE_make_shareable, domid, first, count);
  }

  /**
   * Gives a new domain what another, which stands still, has at these guest frames: shared with it, copy-on-write, where that is possible. Throws
   * HypercallError ENOMEM.
   */
  copyMemory(source: number, target: number, first: number, count: number): void {
    const domids = source | (target << 16);
    const operation = `memory of domain ${source} for domain ${target}`;
    this.#hypercalls.call(operation, HYPERVISOR_arch_7, NATIVE_copy_memory, domids, first, count);
  }

  /**
   * Together with what it gets on demand, the domain will have this many pages. This has no effect on a domain that gets nothing on demand. Throws
   * HypercallError if the host has too few.
   */
  setOnDemandTarget(domid: number, pages: number): void {
    this.#podTarget(domid, XENMEM_set_pod_target, pages);
  }

  /** The number of frames for which the domain may still get memory on demand, and for how many of them there is memory in reserve. */
  onDemand(domid: number): { frames: number; reserve: number } {
    const at = this.#podTarget(domid, XENMEM_get_pod_target, 0);
    const { memory } = this.#hypercalls;
    return {
      frames: Number(memory.get64(at + POD_TARGET_POD_ENTRIES)),
      reserve: Number(memory.get64(at + POD_TARGET_POD_CACHE_PAGES)),
    };
  }

  #podTarget(domid: number, operation: number, pages: number): number {
    const { memory } = this.#hypercalls;
    const at = this.#hypercalls.scratch(POD_TARGET_SIZE);
    memory.set64(at + POD_TARGET_TARGET_PAGES, pages);
    memory.set16(at + POD_TARGET_DOMID, domid);
    this.#hypercalls.call(`memory on demand of domain ${domid}`, HYPERVISOR_memory_op, operation, at);
    return at;
  }

  #fill(domid: number, first: number, count: number, flags: number): number {
    let done = 0;
    while (done < count) {
      const at = first + done;
      // Memory on demand comes in extents of 2 MiB at most.
      if (!flags && at % HUGE_FRAMES === 0 && count - done >= HUGE_FRAMES) {
        const got = this.#extents(domid, at, 1, HUGE_ORDER, flags);
        done += got * HUGE_FRAMES;
        if (got > 0) continue;
      }
      // After a failure the rest of this GiB is tried in smaller ones.
      const untilHuge = HUGE_FRAMES - (at % HUGE_FRAMES);
      const large = Math.floor(Math.min(count - done, flags ? count : untilHuge) / LARGE_FRAMES);
      if (at % LARGE_FRAMES === 0 && large > 0) {
        const got = this.#extents(domid, at, large, LARGE_ORDER, flags);
        done += got * LARGE_FRAMES;
        if (got > 0) continue;
      }
      // Up to the place where a large extent could begin again.
      const small = Math.min(count - done, LARGE_FRAMES - (at % LARGE_FRAMES));
      const got = this.#extents(domid, at, small, 0, flags);
      done += got;
      if (got < small) break;
    }
    return done;
  }

  #extents(domid: number, first: number, count: number, order: number, flags: number): number {
    const { memory } = this.#hypercalls;
    const wanted = Math.min(count, EXTENTS_PER_CALL);
    const at = this.#hypercalls.scratch(MEMORY_RESERVATION_SIZE);
    for (let i = 0; i < wanted; i++) memory.set64(at + LIST + 8 * i, first + i * 2 ** order);
    memory.set64(at, at + LIST);
    memory.set64(at + MEMORY_RESERVATION_NR_EXTENTS, wanted);
    memory.set32(at + MEMORY_RESERVATION_EXTENT_ORDER, order);
    memory.set32(at + MEMORY_RESERVATION_MEM_FLAGS, flags);
    memory.set16(at + MEMORY_RESERVATION_DOMID, domid);
    const operation = `populate_physmap of domain ${domid}`;
    return this.#hypercalls.call(operation, HYPERVISOR_memory_op, XENMEM_populate_physmap, at);
  }

  /** Runs `body` while frame 0 of the domain's grant table is mapped at one of its guest frames up to `last`, at which it has nothing. */
  withGrantTable(domid: number, last: number, body: (gfn: number) => void): void {
    const { memory } = this.#hypercalls;
    const gfn = this.#emptyFrame(domid, last);
    const add = this.#hypercalls.scratch(ADD_TO_PHYSMAP_SIZE);
    memory.set16(add, domid);
    memory.set32(add + ADD_TO_PHYSMAP_SPACE, XENMAPSPACE_grant_table);
    memory.set64(add + ADD_TO_PHYSMAP_IDX, 0);
    memory.set64(add + ADD_TO_PHYSMAP_GPFN, gfn);
    const what = `grant table of domain ${domid}`;
    this.#hypercalls.call(`add_to_physmap of the ${what}`, HYPERVISOR_memory_op, XENMEM_add_to_physmap, add);
    try {
      body(gfn);
    } finally {
      const remove = this.#hypercalls.scratch(REMOVE_FROM_PHYSMAP_SIZE);
      memory.set16(remove, domid);
      memory.set64(remove + REMOVE_FROM_PHYSMAP_GPFN, gfn);
      this.#hypercalls.call(
        `remove_from_physmap of the ${what}`,
        HYPERVISOR_memory_op,
        XENMEM_remove_from_physmap,
        remove,
      );
    }
  }

  /** The last guest frame up to `last` at which the domain has no memory. A guest may have put its own anywhere, but has less than there is room for. */
  #emptyFrame(domid: number, last: number): number {
    for (let from = last; ; from -= LOOKED) {
      const asked = Uint32Array.from({ length: LOOKED }, (_, i) => from - i);
      const found = this.#hypercalls.domains.pageTypes(domid, asked).indexOf(NOT_THE_DOMAINS);
      if (found >= 0) return asked[found]!;
    }
  }
}
