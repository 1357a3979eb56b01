/** The second stage of a PVH domain: what its calls put where, what that keeps alive, and that nothing of it is left at the end. */
import { beforeAll, expect, test } from "vitest";
import {
  XENMAPSPACE_gmfn,
  XENMAPSPACE_grant_table,
  XENMAPSPACE_shared_info,
  XENMEM_decrease_reservation,
  XENMEM_exchange,
  XENMEM_populate_physmap,
} from "../../../core/abi/memory.ts";
import {
  GNTMAP_device_map,
  GNTMAP_host_map,
  GNTMAP_readonly,
  GNTTABOP_map_grant_ref,
} from "../../../core/abi/grant_table.ts";
import { EINVAL, ENOENT, EOPNOTSUPP } from "../../../core/abi/errno.ts";
import { XEN_HEAP_START } from "../../../core/machine/layout.ts";
import { DOM0, Host, PvDomain, SELF, destroy } from "./host.ts";
import { ARGS, PvhDomain } from "./pvh-domain.ts";

const MIB = 256n;
/** From memory/root.ts: the TLB clock's value at the last flush, and the number of second stages. */
const ROOT_TLB_FLUSHED = XEN_HEAP_START + 64;
const ROOT_SECOND_STAGES = XEN_HEAP_START + 72;
/** INVALID_M2P_ENTRY, as WebAssembly returns it. */
const INVALID = -1n;

function checked(host: Host): void {
  host.core.become(DOM0);
  expect(host.core.checkMemory(), host.log()).toBe(0);
}

// This compiles the hypervisor's part, which takes long on a busy computer.
beforeAll(() => Host.boot(64), 300_000);

test("memory is where it was populated, is the domain's, and goes when it is given back", async () => {
  const host = await Host.boot(64);
  const d = new PvhDomain(host, 1);
  const before = host.core.totPages(1);
  const mfn = d.mfn(5n);
  expect(host.core.pageOwner(mfn)).toBe(1);
  expect(host.core.m2pGet(mfn)).toBe(5n);
  expect([host.core.pageCount(mfn), host.core.pageTypeCount(mfn)]).toEqual([2, 1]);
  checked(host);

  expect(d.reserve(XENMEM_decrease_reservation, 5n)).toBe(1n);
  expect(d.entry(5n)).toBe(0n);
  expect(host.core.totPages(1)).toBe(before - 1);
  expect(host.core.m2pGet(mfn)).toBe(INVALID);
  // That works only once, and a guest frame number that maps nothing gives back nobody's frame.
  expect(d.reserve(XENMEM_decrease_reservation, 5n)).toBe(0n);
  expect(d.reserve(XENMEM_decrease_reservation, 1n << 40n)).toBe(0n);
  expect(d.reserve(XENMEM_populate_physmap, 5n)).toBe(1n);
  expect(d.entry(5n)).not.toBe(0n);
  // Guest frame numbers have an upper end, and a guest of this type cannot get machine frames by an exchange.
  expect(d.reserve(XENMEM_populate_physmap, 1n << 28n)).toBe(0n);
  expect(d.reserve(XENMEM_populate_physmap, (1n << 64n) - 1n)).toBe(0n);
  host.bytes.fill(0, d.args, d.args + 128);
  host.set64(d.args + 8, 1);
  host.set64(d.args + 40, 1);
  host.set16(d.args + 24, SELF);
  host.set16(d.args + 56, SELF);
  expect(host.core.doMemoryOp(BigInt(XENMEM_exchange), ARGS * 4096n)).toBe(BigInt(-EOPNOTSUPP));
  checked(host);
  d.destroy();
  checked(host);
});

test("2 MiB are one entry until a part of them changes, and hold what their parts hold", async () => {
  const host = await Host.boot(64);
  const d = new PvhDomain(host, 1);
  const tables = host.core.tablesOfSecondStage(1);
  expect(d.populate(8n * MIB, 1n, 9)).toBe(1n);
  expect(host.core.tablesOfSecondStage(1)).toBe(tables);
  const first = d.mfn(8n * MIB);
  expect(d.mfn(8n * MIB + 511n)).toBe(first + 511);
  expect(host.core.m2pGet(first + 77)).toBe(8n * MIB + 77n);
  expect([host.core.pageCount(first + 77), host.core.pageTypeCount(first + 77)]).toEqual([2, 1]);
  checked(host);
  expect(d.reserve(XENMEM_decrease_reservation, 8n * MIB + 77n)).toBe(1n);
  expect(host.core.tablesOfSecondStage(1)).toBe(tables + 1);
  expect([d.entry(8n * MIB + 77n), d.mfn(8n * MIB + 78n)]).toEqual([0n, first + 78]);
  checked(host);
  // A frame of 4 KiB fits into the hole. A whole extent of 2 MiB goes where nothing is yet.
  expect(d.reserve(XENMEM_populate_physmap, 8n * MIB + 77n)).toBe(1n);
  expect(d.reserve(XENMEM_populate_physmap, 10n * MIB, 9)).toBe(1n);
  checked(host);
  d.destroy();
  checked(host);
});

test("shared info and grant table are mapped at one place each; what was there goes back to the host", async () => {
  const host = await Host.boot(64);
  const d = new PvhDomain(host, 1);
  const before = host.core.totPages(1);
  expect(d.add(XENMAPSPACE_shared_info, 0n, 7n)).toBe(0n);
  expect(host.core.totPages(1)).toBe(before - 1);
  const shared = d.mfn(7n);
  expect(d.add(XENMAPSPACE_shared_info, 0n, 8n)).toBe(0n);
  expect([d.entry(7n), d.mfn(8n)]).toEqual([0n, shared]);
  expect(d.add(XENMAPSPACE_shared_info, 1n, 9n)).toBe(BigInt(-EINVAL));
  expect(d.add(XENMAPSPACE_grant_table, 0n, 0x1000n)).toBe(0n);
  expect(d.add(XENMAPSPACE_grant_table, 1n, 0x1001n)).toBe(0n);
  expect(d.add(XENMAPSPACE_grant_table, 0x1000n, 0x1002n)).toBe(BigInt(-EINVAL));
  // The guest cannot give Xen's own frames away, and they are not freed when they are unmapped.
  expect(d.reserve(XENMEM_decrease_reservation, 8n)).toBe(0n);
  expect(d.remove(8n)).toBe(0n);
  expect(d.remove(8n)).toBe(BigInt(-ENOENT));
  expect(d.add(XENMAPSPACE_shared_info, 0n, 8n)).toBe(0n);
  expect(d.mfn(8n)).toBe(shared);
  // The domain's own memory is moved, and is at two places at no time.
  const mfn = d.mfn(20n);
  expect(d.add(XENMAPSPACE_gmfn, 20n, 0x2000n)).toBe(0n);
  expect([d.entry(20n), d.mfn(0x2000n), host.core.m2pGet(mfn)]).toEqual([0n, mfn, 0x2000n]);
  expect(d.add(XENMAPSPACE_gmfn, 20n, 0x2001n)).toBe(BigInt(-EINVAL));
  expect(d.add(XENMAPSPACE_gmfn, 0x2000n, 0x2000n)).toBe(0n);
  checked(host);
  d.destroy();
  checked(host);
});

test("the tables of a guest that scatters its memory are taken from its own pool", async () => {
  const host = await Host.boot(64);
  const d = new PvhDomain(host, 1);
  let gfn = 1n << 18n;
  while (d.reserve(XENMEM_populate_physmap, gfn) === 1n) gfn += 512n;
  expect(host.core.tablesOfSecondStage(1)).toBe(256);
  expect(host.core.freePages()).toBeGreaterThan(4096);
  // What is mapped already can go on being used.
  expect(d.reserve(XENMEM_decrease_reservation, 3n)).toBe(1n);
  expect(d.reserve(XENMEM_populate_physmap, 3n)).toBe(1n);
  checked(host);
  d.destroy();
  checked(host);
});

test("grants: to and from a PVH domain, mapped where nothing else can take them out", async () => {
  const host = await Host.boot(64);
  const granter = new PvhDomain(host, 1);
  const d = new PvhDomain(host, 2);
  const pv = new PvDomain(host, 3, 64);
  expect(granter.add(XENMAPSPACE_grant_table, 0n, 0x1000n)).toBe(0n);
  granter.grant(0x1000n, 8, 2, 30n);
  granter.grant(0x1000n, 9, 2, 0x5000n);
  granter.grant(0x1000n, 10, 3, 31n);
  const mfn = granter.mfn(30n);
  // A frame number that maps nothing in the granter's second stage names no frame.
  expect(d.map(1, 9, 0x3000n).status).toBeLessThan(0);
  // There is no IOMMU that device_map could apply to. An entry has no bits for the guest's own use either.
  expect(d.map(1, 8, 0x3000n, GNTMAP_host_map | GNTMAP_device_map).status).toBeLessThan(0);
  const { status, handle } = d.map(1, 8, 0x3000n);
  expect(status).toBe(0);
  expect(d.mfn(0x3000n)).toBe(mfn);
  const twice = d.map(1, 8, 0x3001n, GNTMAP_host_map | GNTMAP_readonly);
  expect(twice.status).toBe(0);
  expect(d.entry(0x3001n) & 2n).toBe(0n);
  checked(host);
  // Only unmap_grant_ref takes the mapping out, and nothing can be put over it.
  expect(d.reserve(XENMEM_decrease_reservation, 0x3000n)).toBe(0n);
  expect(d.remove(0x3000n)).toBe(BigInt(-ENOENT));
  expect(d.reserve(XENMEM_populate_physmap, 0x3000n)).toBe(0n);
  expect(d.add(XENMAPSPACE_gmfn, 12n, 0x3000n)).toBeLessThan(0n);
  expect(d.add(XENMAPSPACE_gmfn, 0x3000n, 0x4000n)).toBe(BigInt(-EINVAL));
  expect(d.map(1, 8, 0x3000n).status).toBeLessThan(0);
  // The domain cannot grant the mapped frame on as its own either.
  expect(d.add(XENMAPSPACE_grant_table, 0n, 0x1000n)).toBe(0n);
  d.grant(0x1000n, 8, 1, 0x3000n);
  expect(granter.map(2, 8, 0x6000n).status).toBeLessThan(0);
  // The granter gives the frame away meanwhile. For the domain that has it mapped it stays what it was.
  expect(granter.reserve(XENMEM_decrease_reservation, 30n)).toBe(1n);
  expect(host.core.pageOwner(mfn)).toBe(1);
  checked(host);
  expect(d.unmap(handle, 0x3001n)).toBeLessThan(0);
  expect(d.unmap(handle, 0x3000n)).toBe(0);
  expect(d.entry(0x3000n)).toBe(0n);
  expect(d.unmap(twice.handle, 0x3001n)).toBe(0);
  expect(host.core.pageCount(mfn)).toBe(0);
  checked(host);

  // The grant goes to a PV domain, which maps the frame in its page tables.
  const at = pv.grantOp(GNTTABOP_map_grant_ref, (op) => {
    host.set64(op, pv.va(40));
    host.set32(op + 8, GNTMAP_host_map);
    host.set32(op + 12, 10);
    host.set16(op + 16, 1);
  });
  expect((host.get16(at + 18) << 16) >> 16).toBe(0);
  checked(host);

  // A domain that is destroyed with a grant mapped drops it. The granter stays until then.
  expect(d.map(1, 8, 0x3000n).status).toBeLessThan(0);
  granter.grant(0x1000n, 11, 2, 33n);
  expect(d.map(1, 11, 0x3000n).status).toBe(0);
  checked(host);
  d.destroy();
  checked(host);
  destroy(host, 3);
  granter.destroy();
  checked(host);
});

test("ids of second stages go round: none is 0, none has two, and one that is given again is in no TLB any more", async () => {
  const host = await Host.boot(64);
  const { core } = host;
  const make = (domid: number): number => {
    expect(core.makeDomain(domid, 4, 64)).toBe(1);
    return core.idOfSecondStage(domid) >>> 0;
  };
  const flushed = (): bigint => host.get64(ROOT_TLB_FLUSHED);
  expect([make(1), make(2)]).toEqual([1, 2]);
  host.set64(ROOT_SECOND_STAGES, 0xfffffffen);
  const before = flushed();
  expect(make(3)).toBe(0xffffffff);
  expect(flushed()).toBe(before);
  expect(make(4)).toBe(3);
  expect(flushed()).toBeGreaterThan(before);
  const then = flushed();
  expect(make(5)).toBe(4);
  expect(flushed()).toBeGreaterThan(then);
});
