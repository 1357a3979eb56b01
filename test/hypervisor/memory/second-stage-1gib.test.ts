/** Entries of 1 GiB of a second stage: where they come about, and that every change of a part of one leaves all others as they were. */
import { beforeAll, expect, test } from "vitest";
import {
  XENMAPSPACE_gmfn,
  XENMAPSPACE_grant_table,
  XENMAPSPACE_shared_info,
  XENMEMF_populate_on_demand,
  XENMEM_decrease_reservation,
  XENMEM_populate_physmap,
} from "../../../core/abi/memory.ts";
import { ENOENT } from "../../../core/abi/errno.ts";
import { GNTMAP_host_map, GNTMAP_readonly } from "../../../core/abi/grant_table.ts";
import { DOMID_COW } from "../../../core/abi/xen.ts";
import { DOM0, Host } from "./host.ts";
import { PvhDomain } from "./pvh-domain.ts";

const GIB = 0x40000n;
const FIRST = GIB;
const LAST = 2n * GIB - 1n;
const ORDER = 18;
const HOST_MIB = 2112;
const MOST = 0x60000;
const LARGE = 0x80n;
/** Bit 52, by which an entry of 1 GiB is known (core/hypervisor/p2m/entry.ts). */
const HUGE = 1n << 52n;
const INVALID = -1n;

beforeAll(() => Host.boot(64), 300_000);

function checked(host: Host): void {
  host.core.become(DOM0);
  expect(host.core.checkMemory(), host.log()).toBe(0);
}
async function withGib(): Promise<{ host: Host; d: PvhDomain; tables: number; first: number }> {
  const host = await Host.boot(HOST_MIB);
  const d = new PvhDomain(host, 1, 64n, MOST);
  const tables = host.core.tablesOfSecondStage(1);
  expect(d.populate(FIRST, 1n, ORDER)).toBe(1n);
  return { host, d, tables, first: d.mfn(FIRST) };
}
const leaf = (host: Host, gfn: bigint): bigint => host.get64(host.core.leafAt(1, gfn));
/** The guest frames whose machine frames are looked at: both ends, and both sides of where a large entry ends. */
const PLACES = [0n, 1n, 511n, 512n, 513n, 0x1ffffn, 0x20000n, GIB - 513n, GIB - 512n, GIB - 2n, GIB - 1n];
/** Expects what is said of each of them; `changed` says it for those that are not as they were. */
function unchanged({ d, first }: { d: PvhDomain; first: number }, ...changed: bigint[]): void {
  for (const place of PLACES.filter((each) => !changed.includes(each))) {
    expect([place, d.mfn(FIRST + place)]).toEqual([place, first + Number(place)]);
    expect(d.host.core.m2pGet(first + Number(place))).toBe(FIRST + place);
  }
}

test("1 GiB is one entry and no table, each frame of which the entry holds", async () => {
  const at = await withGib();
  const { host, d, tables, first } = at;
  expect(host.core.tablesOfSecondStage(1)).toBe(tables);
  expect(first % Number(GIB)).toBe(0);
  expect(leaf(host, FIRST) & (LARGE | HUGE)).toBe(LARGE | HUGE);
  expect(host.core.leafAt(1, FIRST)).toBe(host.core.leafAt(1, LAST));
  // What is seen of it is an entry of level 1, of which the rest knows.
  expect(d.entry(LAST) & (LARGE | HUGE)).toBe(0n);
  unchanged(at);
  for (const n of [0, 0x12345, Number(GIB) - 1])
    expect([host.core.pageCount(first + n), host.core.pageTypeCount(first + n)]).toEqual([2, 1]);
  expect([d.entry(FIRST - 1n), d.entry(LAST + 1n)]).toEqual([0n, 0n]);
  checked(host);
  // It is dropped in pieces.
  host.core.become(DOM0);
  host.core.dropVcpu(1);
  let calls = 0;
  for (; host.core.relinquishMemory(1); calls++) if (calls === 20) checked(host);
  expect(calls).toBeGreaterThan(30);
  d.destroy();
  checked(host);
});

test("a part that is given back, at any place, splits it and takes nothing else out", async () => {
  const at = await withGib();
  const { host, d, tables, first } = at;
  const gone: bigint[] = [];
  // A table of level 2 and one of level 1, then a table of level 1 for each other piece of 2 MiB.
  for (const [place, more] of [
    [511n, 2],
    [GIB - 1n, 3],
    [0n, 3],
    [512n, 4],
  ] as const) {
    expect(d.reserve(XENMEM_decrease_reservation, FIRST + place)).toBe(1n);
    gone.push(place);
    expect(d.entry(FIRST + place)).toBe(0n);
    expect(host.core.m2pGet(first + Number(place))).toBe(INVALID);
    expect(host.core.tablesOfSecondStage(1)).toBe(tables + more);
    unchanged(at, ...gone);
    checked(host);
  }
  // The guest gives back 2 MiB in one call, gets a frame at the old place, and neither twice.
  expect(d.reserve(XENMEM_decrease_reservation, FIRST + 0x20000n, 9)).toBe(1n);
  expect(d.reserve(XENMEM_decrease_reservation, FIRST + 0x20000n, 9)).toBe(0n);
  expect(d.reserve(XENMEM_populate_physmap, FIRST + 0x20000n, 9)).toBe(1n);
  expect(d.reserve(XENMEM_populate_physmap, FIRST + 511n)).toBe(1n);
  unchanged(at, ...gone, 0x20000n);
  checked(host);
  d.destroy();
  checked(host);
});

test("frames of Xen's, moves and grants take the place of parts of it", async () => {
  const at = await withGib();
  const { host, d, first } = at;
  const granter = new PvhDomain(host, 2);
  const pages = host.core.totPages(1);
  expect(granter.add(XENMAPSPACE_grant_table, 0n, 0x1000n)).toBe(0n);
  granter.grant(0x1000n, 8, 1, 30n);
  expect(d.add(XENMAPSPACE_shared_info, 0n, FIRST)).toBe(0n);
  expect(d.add(XENMAPSPACE_grant_table, 0n, LAST)).toBe(0n);
  expect(host.core.totPages(1)).toBe(pages - 2);
  // A frame of it goes elsewhere, and one from elsewhere into it.
  expect(d.add(XENMAPSPACE_gmfn, FIRST + 512n, LAST + 1n)).toBe(0n);
  expect([d.mfn(LAST + 1n), d.entry(FIRST + 512n)]).toEqual([first + 512, 0n]);
  const other = d.mfn(20n);
  expect(d.add(XENMAPSPACE_gmfn, 20n, FIRST + 513n)).toBe(0n);
  expect([d.mfn(FIRST + 513n), d.entry(20n)]).toEqual([other, 0n]);
  expect(d.map(2, 8, FIRST + GIB - 512n, GNTMAP_host_map | GNTMAP_readonly).status).toBe(0);
  expect(d.entry(FIRST + GIB - 512n) & 2n).toBe(0n);
  expect(d.add(XENMAPSPACE_gmfn, FIRST + 1n, FIRST + GIB - 512n)).toBeLessThan(0n);
  unchanged(at, 0n, 512n, 513n, GIB - 512n, GIB - 1n);
  checked(host);
  // What it grants is a frame of it.
  d.grant(LAST, 9, 2, FIRST + 511n);
  const mapped = granter.map(1, 9, 0x3000n);
  expect(mapped.status).toBe(0);
  expect(granter.mfn(0x3000n)).toBe(first + 511);
  expect(d.reserve(XENMEM_decrease_reservation, FIRST + 511n)).toBe(1n);
  expect(host.core.pageOwner(first + 511)).toBe(1);
  checked(host);
  expect(granter.unmap(mapped.handle, 0x3000n)).toBe(0);
  expect(d.remove(FIRST + 511n)).toBe(BigInt(-ENOENT));
  d.destroy();
  granter.destroy();
  checked(host);
});

test("with no room for the tables nothing changes", async () => {
  const at = await withGib();
  const { host, d } = at;
  // Memory that is scattered uses up the pool.
  let gfn = 1n << 20n;
  while (d.reserve(XENMEM_populate_physmap, gfn) === 1n) gfn += 512n;
  expect(d.reserve(XENMEM_decrease_reservation, LAST)).toBe(0n);
  expect(d.remove(FIRST)).toBe(BigInt(-ENOENT));
  expect(d.add(XENMAPSPACE_gmfn, 20n, FIRST + 512n)).toBeLessThan(0n);
  expect(d.add(XENMAPSPACE_gmfn, FIRST, 20n)).toBeLessThan(0n);
  unchanged(at);
  checked(host);
  // With room for one table it becomes one, and is what it was all the same.
  gfn -= 512n;
  expect(d.reserve(XENMEM_decrease_reservation, gfn)).toBe(1n);
  expect(d.reserve(XENMEM_decrease_reservation, LAST)).toBe(0n);
  expect(leaf(host, LAST) & (LARGE | HUGE)).toBe(LARGE);
  unchanged(at);
  checked(host);
  expect(d.reserve(XENMEM_decrease_reservation, gfn - 512n)).toBe(1n);
  expect(d.reserve(XENMEM_decrease_reservation, LAST)).toBe(1n);
  unchanged(at, GIB - 1n);
  checked(host);
  d.destroy();
  checked(host);
});

test("a copy shares its parts", async () => {
  const at = await withGib();
  const { host, d, first } = at;
  const { core } = host;
  core.become(DOM0);
  expect(core.shareable(1, LAST - 1n, 2)).toBe(0);
  expect([core.pageOwner(first + Number(GIB) - 1), core.pageOwner(first)]).toEqual([DOMID_COW, 1]);
  expect(d.entry(LAST) & 2n).toBe(0n);
  unchanged(at, GIB - 2n, GIB - 1n);
  checked(host);
  expect(core.makeDomain(2, 4, MOST)).toBe(1);
  core.become(DOM0);
  expect(core.copyDomain(1, 2, LAST - 2n, 3)).toBe(0);
  // A frame that is not shared yet is copied.
  expect(core.secondStage(2, LAST)).toBe(d.entry(LAST));
  expect(core.secondStage(2, LAST - 2n)).not.toBe(0n);
  checked(host);
  d.destroy();
  checked(host);
});

test("it comes about only at multiples of 1 GiB where nothing is, and only for a control domain", async () => {
  const host = await Host.boot(HOST_MIB);
  const d = new PvhDomain(host, 1, 64n, MOST);
  const free = host.core.freePages();
  const pages = host.core.totPages(1);
  // A guest may not ask for so much at once.
  expect(d.reserve(XENMEM_populate_physmap, FIRST, ORDER)).toBe(0n);
  // Nor does memory on demand come in such extents, and at the end of guest frame numbers there is no room.
  expect(d.populate(FIRST, 1n, ORDER, XENMEMF_populate_on_demand)).toBe(0n);
  expect(d.populate((1n << 28n) - GIB + 1n, 1n, ORDER)).toBe(0n);
  expect(host.core.totPages(1)).toBe(pages);
  expect(host.core.freePages()).toBeGreaterThan(free - 16);
  checked(host);
  // Neither at another place nor where memory is already is it one entry, and for pieces of 4 KiB the pool has no tables.
  for (const gfn of [FIRST + 0x200n, 0n]) expect(d.populate(gfn, 1n, ORDER)).toBe(0n);
  expect(host.core.totPages(1)).toBe(pages);
  checked(host);
  d.destroy();
  checked(host);
  const last = new PvhDomain(host, 2, 64n, MOST);
  expect(last.populate((1n << 28n) - GIB, 1n, ORDER)).toBe(1n);
  expect(host.get64(host.core.leafAt(2, (1n << 28n) - 1n)) & HUGE).toBe(HUGE);
  expect(last.populate(1n << 28n, 1n, ORDER)).toBe(0n);
  // The host has no second one.
  expect(last.populate(FIRST, 1n, ORDER)).toBe(0n);
  checked(host);
  last.destroy();
  checked(host);
});
