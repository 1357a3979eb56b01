/** A PVH domain for the tests of second stages. Its vCPU has no paging, so the pointers in its calls are guest-physical addresses. */
import { expect } from "vitest";
import {
  ADD_TO_PHYSMAP_GPFN,
  ADD_TO_PHYSMAP_IDX,
  ADD_TO_PHYSMAP_SPACE,
  MEMORY_RESERVATION_DOMID,
  MEMORY_RESERVATION_EXTENT_ORDER,
  MEMORY_RESERVATION_EXTENT_START,
  MEMORY_RESERVATION_MEM_FLAGS,
  MEMORY_RESERVATION_NR_EXTENTS,
  REMOVE_FROM_PHYSMAP_GPFN,
  XENMEM_add_to_physmap,
  XENMEM_populate_physmap,
  XENMEM_remove_from_physmap,
} from "../../../core/abi/memory.ts";
import {
  GNTMAP_host_map,
  GNTTABOP_map_grant_ref,
  GNTTABOP_unmap_grant_ref,
  GTF_permit_access,
} from "../../../core/abi/grant_table.ts";
import { DOM0, Host, SELF, dom0Page } from "./host.ts";

/** The guest frame that holds the arguments of the guest's calls and nothing else. */
export const ARGS = 0x10n;

/** A PVH domain whose memory begins at guest frame 0. */
export class PvhDomain {
  readonly host: Host;
  readonly domid: number;

  constructor(host: Host, domid: number, frames = 64n, maxPages = 0x4000) {
    this.host = host;
    this.domid = domid;
    if (!host.core.makeDomain(domid, 4, maxPages)) throw new Error("no memory for the domain");
    expect(this.populate(0n, frames)).toBe(frames);
  }
  entry = (gfn: bigint): bigint => this.host.core.secondStage(this.domid, gfn);
  mfn = (gfn: bigint): number => Number((this.entry(gfn) & 0xffffffffff000n) >> 12n);
  /** The machine address of the arguments. */
  get args(): number {
    return this.mfn(ARGS) * 4096;
  }

  /** Populates memory. dom0 makes the call, as the domain builder does. */
  populate(gfn: bigint, count: bigint, order = 0, flags = 0): bigint {
    const { host } = this;
    host.core.become(DOM0);
    let done = 0n;
    for (; done < count; done++) {
      const at = dom0Page(host);
      this.#reservation(at, BigInt(at + 256), gfn + (done << BigInt(order)), order, this.domid);
      host.set32(at + MEMORY_RESERVATION_MEM_FLAGS, flags);
      host.set64(at + 256, gfn + (done << BigInt(order)));
      if (host.core.doMemoryOp(BigInt(XENMEM_populate_physmap), BigInt(at)) !== 1n) break;
    }
    host.core.become(this.domid);
    return done;
  }
  #reservation(at: number, list: bigint, gfn: bigint, order: number, domid: number): void {
    const { host } = this;
    host.bytes.fill(0, at, at + 256);
    host.set64(at + MEMORY_RESERVATION_EXTENT_START, list);
    host.set64(at + MEMORY_RESERVATION_NR_EXTENTS, 1);
    host.set32(at + MEMORY_RESERVATION_EXTENT_ORDER, order);
    host.set16(at + MEMORY_RESERVATION_DOMID, domid);
  }
  /** The guest itself populates or gives back one extent. Returns how many extents were done. */
  reserve(operation: number, gfn: bigint, order = 0): bigint {
    const { host } = this;
    host.core.become(this.domid);
    const at = this.args;
    this.#reservation(at, ARGS * 4096n + 256n, gfn, order, SELF);
    host.set64(at + 256, gfn);
    return host.core.doMemoryOp(BigInt(operation), ARGS * 4096n);
  }
  add(space: number, index: bigint, gfn: bigint): bigint {
    const { host } = this;
    host.core.become(this.domid);
    const at = this.args;
    host.bytes.fill(0, at, at + 64);
    host.set16(at, SELF);
    host.set32(at + ADD_TO_PHYSMAP_SPACE, space);
    host.set64(at + ADD_TO_PHYSMAP_IDX, index);
    host.set64(at + ADD_TO_PHYSMAP_GPFN, gfn);
    return host.core.doMemoryOp(BigInt(XENMEM_add_to_physmap), ARGS * 4096n);
  }
  remove(gfn: bigint): bigint {
    const { host } = this;
    host.core.become(this.domid);
    host.bytes.fill(0, this.args, this.args + 64);
    host.set16(this.args, SELF);
    host.set64(this.args + REMOVE_FROM_PHYSMAP_GPFN, gfn);
    return host.core.doMemoryOp(BigInt(XENMEM_remove_from_physmap), ARGS * 4096n);
  }
  /** map_grant_ref of a reference of domain `granter` at guest frame `gfn`. Returns status and handle. */
  map(granter: number, ref: number, gfn: bigint, flags = GNTMAP_host_map): { status: number; handle: number } {
    const { host } = this;
    host.core.become(this.domid);
    const at = this.args;
    host.bytes.fill(0, at, at + 64);
    host.set64(at, gfn << 12n);
    host.set32(at + 8, flags);
    host.set32(at + 12, ref);
    host.set16(at + 16, granter);
    expect(host.core.doGrantTableOp(GNTTABOP_map_grant_ref, ARGS * 4096n, 1)).toBe(0n);
    return { status: (host.get16(at + 18) << 16) >> 16, handle: host.get32(at + 20) };
  }
  unmap(handle: number, gfn: bigint): number {
    const { host } = this;
    host.core.become(this.domid);
    const at = this.args;
    host.bytes.fill(0, at, at + 64);
    host.set64(at, gfn << 12n);
    host.set32(at + 16, handle);
    expect(host.core.doGrantTableOp(GNTTABOP_unmap_grant_ref, ARGS * 4096n, 1)).toBe(0n);
    return (host.get16(at + 20) << 16) >> 16;
  }
  /** Writes entry `ref` of the guest's grant table, which is mapped at `table`: `domid` may use guest frame `gfn`. */
  grant(table: bigint, ref: number, domid: number, gfn: bigint): void {
    const at = this.mfn(table) * 4096 + ref * 8;
    this.host.set32(at + 4, Number(gfn));
    this.host.set32(at, GTF_permit_access | (domid << 16));
  }
  destroy(): void {
    const { host } = this;
    host.core.become(DOM0);
    host.core.dropVcpu(this.domid);
    for (let i = 0; host.core.relinquishMemory(this.domid); i++) if (i > 1000) throw new Error("teardown does not end");
    expect(host.core.tablesOfSecondStage(this.domid)).toBe(0);
    host.core.unshareInfo(this.domid);
    expect(host.core.memoryDomainGone(this.domid), host.log()).toBe(1);
    host.core.forgetDomain(this.domid);
  }
}
