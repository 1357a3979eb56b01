/** Hypercalls about grant tables. */
import * as grant from "../../../abi/grant_table.ts";
import { HYPERVISOR_grant_table_op } from "../../../abi/xen.ts";
import type { NativeCalls } from "./calls.ts";

/** The number of grants that one hypercall maps or unmaps. */
const GRANTS_PER_CALL = 1024;
const FRAME_BYTES = 8;

export interface GrantMapResult {
  /** GNTST_*. */
  status: number;
  handle: number;
  /** The machine address of the frame that is mapped. */
  address: number;
}

export class GrantCalls {
  readonly #calls: NativeCalls;

  constructor(calls: NativeCalls) {
    this.#calls = calls;
  }

  /** Maps granted frames, many in one hypercall. Returns the outcome of each, in order. */
  map(domid: number, refs: readonly number[], readonly: boolean): GrantMapResult[] {
    const { memory } = this.#calls;
    const flags = grant.GNTMAP_device_map | grant.GNTMAP_host_map | (readonly ? grant.GNTMAP_readonly : 0);
    const size = grant.GNTTAB_MAP_GRANT_REF_SIZE;
    const results: GrantMapResult[] = [];
    for (let from = 0; from < refs.length; from += GRANTS_PER_CALL) {
      const count = Math.min(GRANTS_PER_CALL, refs.length - from);
      const struct = this.#calls.scratch(size * count);
      for (let i = 0, at = struct; i < count; i++, at += size) {
        memory.set32(at + grant.GNTTAB_MAP_GRANT_REF_FLAGS, flags);
        memory.set32(at + grant.GNTTAB_MAP_GRANT_REF_REF, refs[from + i]!);
        memory.set16(at + grant.GNTTAB_MAP_GRANT_REF_DOM, domid);
      }
      this.#calls.call("map_grant_ref", HYPERVISOR_grant_table_op, grant.GNTTABOP_map_grant_ref, struct, count);
      for (let i = 0, at = struct; i < count; i++, at += size)
        results.push({
          status: this.#status(at + grant.GNTTAB_MAP_GRANT_REF_STATUS),
          handle: memory.get32(at + grant.GNTTAB_MAP_GRANT_REF_HANDLE),
          address: Number(memory.get64(at + grant.GNTTAB_MAP_GRANT_REF_DEV_BUS_ADDR)),
        });
    }
    return results;
  }

  /** Returns the first status (GNTST_*) that is not okay, or 0. */
  unmap(maps: readonly { handle: number; address: number }[]): number {
    const { memory } = this.#calls;
    const size = grant.GNTTAB_UNMAP_GRANT_REF_SIZE;
    let status = 0;
    for (let from = 0; from < maps.length; from += GRANTS_PER_CALL) {
      const count = Math.min(GRANTS_PER_CALL, maps.length - from);
      const struct = this.#calls.scratch(size * count);
      for (let i = 0, at = struct; i < count; i++, at += size) {
        memory.set64(at + grant.GNTTAB_UNMAP_GRANT_REF_DEV_BUS_ADDR, maps[from + i]!.address);
        memory.set32(at + grant.GNTTAB_UNMAP_GRANT_REF_HANDLE, maps[from + i]!.handle);
      }
      this.#calls.call("unmap_grant_ref", HYPERVISOR_grant_table_op, grant.GNTTABOP_unmap_grant_ref, struct, count);
      for (let i = 0, at = struct; i < count; i++, at += size)
        status ||= this.#status(at + grant.GNTTAB_UNMAP_GRANT_REF_STATUS);
    }
    return status;
  }

  /** Makes `nrFrames` grant frames for a domain and returns their mfns. */
  setupTable(domid: number, nrFrames: number): number[] {
    const struct = this.#calls.scratch(grant.GNTTAB_SETUP_TABLE_SIZE + FRAME_BYTES * nrFrames);
    const list = struct + grant.GNTTAB_SETUP_TABLE_SIZE;
    const { memory } = this.#calls;
    memory.set16(struct + grant.GNTTAB_SETUP_TABLE_DOM, domid);
    memory.set32(struct + grant.GNTTAB_SETUP_TABLE_NR_FRAMES, nrFrames);
    memory.set64(struct + grant.GNTTAB_SETUP_TABLE_FRAME_LIST, list);
    this.#calls.call("grant table setup_table", HYPERVISOR_grant_table_op, grant.GNTTABOP_setup_table, struct, 1);
    const status = this.#status(struct + grant.GNTTAB_SETUP_TABLE_STATUS);
    if (status !== grant.GNTST_okay)
      throw new Error(`grant table of domain ${domid}: setup_table says GNTST ${status}`);
    return Array.from({ length: nrFrames }, (_, i) => Number(memory.get64(list + FRAME_BYTES * i)));
  }

  /** Reads a GNTST_*, which is an int16_t. */
  #status(at: number): number {
    return (this.#calls.memory.get16(at) << 16) >> 16;
  }
}
