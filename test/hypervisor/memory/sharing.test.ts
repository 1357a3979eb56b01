/** Memory that copies of a PVH domain share with it: what is shared, who gets a frame of his own when, and that the host's accounts are right. */
import { beforeAll, describe, expect, test } from "vitest";
import { EINVAL, ENOMEM } from "../../../core/abi/errno.ts";
import {
  GNTCOPY_dest_gref,
  GNTMAP_host_map,
  GNTMAP_readonly,
  GNTTABOP_copy,
  GNTTABOP_map_grant_ref,
} from "../../../core/abi/grant_table.ts";
import {
  XENMAPSPACE_gmfn,
  XENMAPSPACE_grant_table,
  XENMAPSPACE_shared_info,
  XENMEM_decrease_reservation,
  XENMEM_populate_physmap,
  XENMEMF_populate_on_demand,
} from "../../../core/abi/memory.ts";
import { DOMID_COW } from "../../../core/abi/xen.ts";
import { PCPU_MAILBOX, PCPU_MAILBOX_SIZE, XEN_HEAP_START } from "../../../core/machine/layout.ts";
import { DOM0, Host, PvDomain, SELF, destroy } from "./host.ts";
import { ARGS, PvhDomain } from "./pvh-domain.ts";
import { FRAMES, WRITABLE, checked, copyOf, isWritable, owner, read, write } from "./shared.ts";

/** From memory/root.ts and memory/frames.ts. */
const FRAME_TABLE = XEN_HEAP_START + 0x10000;
const FRAME_SIZE = 32;
/** From sched/ipi.ts. */
const IPI_TLB_FLUSH = 4;
const IPI_SECOND_FLUSH = 32;

beforeAll(() => Host.boot(64), 300_000);

test("frames are shared read-only, each who writes gets his own, and the last one the frame itself", async () => {
  const host = await Host.boot(64);
  const a = new PvhDomain(host, 1);
  write(a, 5n, 55);
  const free = host.core.freePages();
  const mfn = a.mfn(5n);
  const b = copyOf(host, a, 2);
  const c = copyOf(host, b, 3);
  // What it takes is tables, and a Domain and a Vcpu for each, but no memory.
  expect(free - host.core.freePages()).toBeLessThan(40);
  for (const d of [a, b, c]) {
    expect([d.mfn(5n), isWritable(d, 5n), read(d, 5n)]).toEqual([mfn, false, 55]);
    expect(host.core.claimOf(d.domid)).toBe(FRAMES);
    expect(host.core.totPages(d.domid)).toBe(0);
  }
  expect([host.core.pageOwner(mfn), host.core.pageCount(mfn), host.core.pageTypeCount(mfn)]).toEqual([DOMID_COW, 3, 0]);
  checked(host);
  write(b, 5n, 66);
  expect([read(a, 5n), read(b, 5n), read(c, 5n)]).toEqual([55, 66, 55]);
  expect(host.core.claimOf(2)).toBe(FRAMES - 1);
  checked(host);
  write(a, 5n, 77);
  write(c, 5n, 88);
  expect([read(a, 5n), read(b, 5n), read(c, 5n)]).toEqual([77, 66, 88]);
  expect(c.mfn(5n)).toBe(mfn);
  checked(host);
  for (const d of [b, a, c]) {
    d.destroy();
    checked(host);
  }
  expect(host.core.freePages()).toBeGreaterThan(free);
});

test("domains end in any order, and the last one has all that it had", async () => {
  for (const order of [
    [0, 1, 2],
    [2, 0, 1],
    [1, 2, 0],
  ]) {
    const host = await Host.boot(64);
    const a = new PvhDomain(host, 1);
    for (let gfn = 0n; gfn < FRAMES; gfn++) write(a, gfn, Number(gfn) + 1000);
    const all = [a, copyOf(host, a, 2), copyOf(host, a, 3)];
    write(all[order[1]!]!, 7n, 7);
    all[order[0]!]!.destroy();
    checked(host);
    all[order[1]!]!.destroy();
    checked(host);
    const last = all[order[2]!]!;
    for (let gfn = 0n; gfn < FRAMES; gfn++) {
      expect(read(last, gfn)).toBe(Number(gfn) + 1000);
      write(last, gfn, 1);
    }
    expect(host.core.claimOf(last.domid)).toBe(0);
    expect(host.core.totPages(last.domid)).toBe(FRAMES);
    checked(host);
    last.destroy();
    checked(host);
  }
});

test("what is used in another way is copied; who grants what it shares grants a frame of its own", async () => {
  const host = await Host.boot(64);
  const a = new PvhDomain(host, 1);
  const peer = new PvhDomain(host, 4);
  expect(a.add(XENMAPSPACE_grant_table, 0n, 0x1000n)).toBe(0n);
  a.grant(0x1000n, 8, 4, 30n);
  a.grant(0x1000n, 9, 4, 31n);
  write(a, 30n, 30);
  write(a, 31n, 31);
  const mapped = peer.map(1, 8, 0x3000n);
  expect(mapped.status).toBe(0);
  const held = host.core.holdWritable(DOM0, 1, 32n);
  const b = copyOf(host, a, 2);
  expect([owner(a, 30n), owner(b, 30n), read(b, 30n)]).toEqual([1, 2, 30]);
  expect([owner(a, 32n), owner(b, 32n)]).toEqual([1, 2]);
  expect(owner(a, 31n)).toBe(DOMID_COW);
  checked(host);
  // The peer reads what the domain writes from then on, and the copy nothing of it.
  const second = peer.map(1, 9, 0x3001n, GNTMAP_host_map | GNTMAP_readonly);
  expect(second.status).toBe(0);
  expect(owner(a, 31n)).toBe(1);
  write(a, 31n, 99);
  expect([read(peer, 0x3001n), read(b, 31n)]).toEqual([99, 31]);
  checked(host);
  // Nor is what dom0 has taken to write shared with anybody.
  const own = host.core.holdWritable(DOM0, 2, 40n);
  expect(host.core.pageOwner(own)).toBe(2);
  host.set32(own * 4096 + 8, 4040);
  expect(read(a, 40n)).toBe(0);
  checked(host);
  expect(host.core.dropWritable(DOM0, BigInt(own))).toBe(0);
  expect(host.core.dropWritable(DOM0, BigInt(held))).toBe(0);
  expect(peer.unmap(second.handle, 0x3001n)).toBe(0);
  expect(peer.unmap(mapped.handle, 0x3000n)).toBe(0);
  for (const d of [a, b, peer]) d.destroy();
  checked(host);
});

test("a frame stays with a grant that is pinned, though it is mapped nowhere any more", async () => {
  const host = await Host.boot(64);
  const a = new PvhDomain(host, 1);
  expect(a.add(XENMAPSPACE_grant_table, 0n, 0x1000n)).toBe(0n);
  a.grant(0x1000n, 8, 4, 30n);
  write(a, 30n, 30);
  const peer = new PvDomain(host, 4, 40);
  const op = peer.grantOp(GNTTABOP_map_grant_ref, (at) => {
    host.set64(at, peer.va(20));
    host.set32(at + 8, GNTMAP_host_map);
    host.set32(at + 12, 8);
    host.set16(at + 16, 1);
  });
  expect(host.get16(op + 18)).toBe(0);
  // The peer takes the grant out of its page table without unmapping it, so nobody can unmap it any more.
  expect(peer.mmuUpdate(peer.entryAddress(20), 0n)).toBe(0n);
  const granted = a.mfn(30n);
  const b = copyOf(host, a, 2);
  expect([owner(a, 30n), owner(b, 30n), read(b, 30n)]).toEqual([1, 2, 30]);
  checked(host);
  // The copy ends, and the domain gets memory: what the peer writes by its pin is in what was granted, and nowhere else.
  write(a, 30n, 31);
  b.destroy();
  expect(a.mfn(30n)).toBe(granted);
  expect(a.reserve(XENMEM_decrease_reservation, 30n)).toBe(1n);
  const fresh = a.populate(0x200n, 20n);
  expect(fresh).toBe(20n);
  host.set32(peer.address(21), 0xbad);
  const copied = peer.grantOp(GNTTABOP_copy, (at) => {
    host.set64(at, peer.mfns[21]!);
    host.set16(at + 8, SELF);
    host.set32(at + 16, 8);
    host.set16(at + 24, 1);
    host.set16(at + 32, 4096);
    host.set16(at + 34, GNTCOPY_dest_gref);
  });
  expect(host.get16(copied + 36)).toBe(0);
  expect(host.get32(granted * 4096)).toBe(0xbad);
  for (let gfn = 0x200n; gfn < 0x214n; gfn++) expect(host.get32(a.mfn(gfn) * 4096)).toBe(0);
  checked(host);
  destroy(host, 4);
  expect(host.core.pageCount(granted)).toBe(0);
  checked(host);
  a.destroy();
  checked(host);
});

test("a shared frame is given back, replaced, moved and unmapped as any", async () => {
  const host = await Host.boot(64);
  const a = new PvhDomain(host, 1);
  for (let gfn = 0n; gfn < FRAMES; gfn++) write(a, gfn, Number(gfn) + 1000);
  const b = copyOf(host, a, 2);
  write(b, ARGS, 0);
  const pages = (): number => host.core.totPages(2) + host.core.claimOf(2);
  expect(pages()).toBe(FRAMES);
  expect(b.reserve(XENMEM_decrease_reservation, 20n)).toBe(1n);
  expect([b.entry(20n), pages(), read(a, 20n)]).toEqual([0n, FRAMES - 1, 1020]);
  expect(b.reserve(XENMEM_decrease_reservation, 20n)).toBe(0n);
  checked(host);
  expect(b.add(XENMAPSPACE_shared_info, 0n, 21n)).toBe(0n);
  expect([pages(), read(a, 21n)]).toEqual([FRAMES - 2, 1021]);
  checked(host);
  expect(b.add(XENMAPSPACE_gmfn, 22n, 0x100n)).toBe(0n);
  expect([read(b, 0x100n), owner(b, 0x100n), b.entry(22n), read(a, 22n)]).toEqual([1022, 2, 0n, 1022]);
  expect(b.add(XENMAPSPACE_gmfn, 0x100n, 23n)).toBe(0n);
  expect([read(b, 23n), read(a, 23n), pages()]).toEqual([1022, 1023, FRAMES - 3]);
  checked(host);
  expect(b.remove(24n)).toBe(0n);
  // It stays the domain's, as any that it unmaps.
  expect([b.entry(24n), read(a, 24n), pages()]).toEqual([0n, 1024, FRAMES - 3]);
  checked(host);
  expect(b.reserve(XENMEM_populate_physmap, 25n)).toBe(1n);
  expect([read(b, 25n), read(a, 25n), owner(b, 25n)]).toEqual([0, 1025, 2]);
  expect(b.reserve(XENMEM_decrease_reservation, 26n)).toBe(1n);
  checked(host);
  b.destroy();
  checked(host);
  a.destroy();
  checked(host);
});

test("what a domain may write to is in reserve: however little the host has left, all of it can be written", async () => {
  const host = await Host.boot(64);
  const a = new PvhDomain(host, 1);
  const b = copyOf(host, a, 2);
  const c = copyOf(host, a, 3);
  host.core.become(DOM0);
  const greedy = new PvhDomain(host, 4, 0n, 0x10000);
  host.core.setMaxPages(4, 0x10000);
  let taken = 0;
  while (host.core.allocDomheapPages(0, 4)) taken++;
  expect(taken).toBeGreaterThan(1000);
  expect(host.core.freePages()).toBe(3 * FRAMES);
  expect(host.core.allocXenheapPages(0)).toBe(0);
  for (const d of [a, b, c]) for (let gfn = 0n; gfn < FRAMES; gfn++) write(d, gfn, d.domid);
  for (const d of [a, b, c]) for (let gfn = 0n; gfn < FRAMES; gfn++) expect(read(d, gfn)).toBe(d.domid);
  // Of three domains' shared frames one stays, so that many were in reserve and not needed.
  expect(host.core.freePages()).toBe(FRAMES);
  for (const d of [greedy, a, b, c]) d.destroy();
  checked(host);
});

test("where nothing can be reserved it is not shared; a copy that has no room says so, and leaves nothing", async () => {
  const host = await Host.boot(64);
  const a = new PvhDomain(host, 1);
  const greedy = new PvhDomain(host, 4, 0n, 0x10000);
  const b = new PvhDomain(host, 2, 0n);
  // The first tables, so that they are there when nothing is left.
  expect(b.populate(0x3fn, 1n)).toBe(1n);
  expect(b.reserve(XENMEM_decrease_reservation, 0x3fn)).toBe(0n);
  host.core.become(DOM0);
  while (host.core.allocDomheapPages(0, 4));
  expect(host.core.shareable(1, 0n, 32)).toBe(0);
  for (let gfn = 0n; gfn < 32n; gfn++) expect(owner(a, gfn)).toBe(1);
  expect(host.core.copyDomain(1, 2, 0n, 32)).toBe(-ENOMEM);
  expect([host.core.totPages(2), host.core.claimOf(2)]).toEqual([1, 0]);
  // The checker needs memory itself.
  for (const d of [greedy, b, a]) {
    d.destroy();
    checked(host);
  }
});

test("memory on demand stays on demand in a copy, with its reserve, and calls that make no sense are refused", async () => {
  const host = await Host.boot(64);
  const a = new PvhDomain(host, 1);
  expect(a.populate(0x80n, 4n, 0, XENMEMF_populate_on_demand)).toBe(4n);
  const b = new PvhDomain(host, 2, 0n);
  host.core.become(DOM0);
  // With less in reserve than on demand nothing is shared: the domain could be short of it.
  expect(host.core.shareable(1, 0n, 256)).toBe(0);
  expect(owner(a, 5n)).toBe(1);
  expect(host.core.copyDomain(1, 2, 0n, 256)).toBe(0);
  expect([owner(b, 5n), host.core.claimOf(2)]).toEqual([2, 4]);
  checked(host);
  expect(host.core.writeFault(2, 0x81n)).toBe(0);
  expect([owner(b, 0x81n), host.core.claimOf(2)]).toEqual([2, 3]);
  checked(host);
  host.core.become(DOM0);
  expect(host.core.copyDomain(1, 1, 0n, 1)).toBe(-EINVAL);
  expect(host.core.copyDomain(1, 2, 5n, 1)).toBe(-EINVAL);
  expect(host.core.shareable(1, 0n, 1025)).toBe(-EINVAL);
  expect(host.core.shareable(1, (1n << 28n) - 1n, 2)).toBe(-EINVAL);
  expect(host.core.shareable(1, (1n << 64n) - 1n, 2)).toBe(0);
  expect(host.core.copyDomain(1, 0, 0n, 1)).toBe(-EINVAL);
  checked(host);
});

test("who gets a frame of its own flushes nothing of other domains: their pCPUs are not told, and flush when they come to this one", async () => {
  const host = await Host.boot(64);
  const { core } = host;
  core.setPcpus(3);
  const a = new PvhDomain(host, 1);
  const b = copyOf(host, a, 2);
  const told = (): number[] =>
    [1, 2].map((pcpu) => host.get32(PCPU_MAILBOX + pcpu * PCPU_MAILBOX_SIZE) & (IPI_TLB_FLUSH | IPI_SECOND_FLUSH));
  for (const pcpu of [1, 2]) host.set32(PCPU_MAILBOX + pcpu * PCPU_MAILBOX_SIZE, 0);
  core.become(1);
  core.runsOn(1, 1);
  core.runsOn(2, 2);
  expect(core.stalePcpus(2)).toBe(0);
  write(b, 5n, 5);
  expect(told()).toEqual([0, IPI_SECOND_FLUSH]);
  expect(core.stalePcpus(2)).toBe(0b110);
  // The last one has the frame itself, which nobody else can have in a TLB.
  const before = told();
  write(a, 5n, 6);
  expect(told()).toEqual(before);
  expect([read(a, 5n), read(b, 5n)]).toEqual([6, 5]);
  checked(host);
});

test("who writes to one frame after the other gets the next ones with them, and who does not gets only what it writes to", async () => {
  const host = await Host.boot(64);
  const a = new PvhDomain(host, 1);
  for (let gfn = 0n; gfn < FRAMES; gfn++) write(a, gfn, Number(gfn) + 1000);
  const [b, c] = [copyOf(host, a, 2), copyOf(host, a, 3)];
  const faults = (d: PvhDomain, gfns: readonly bigint[]): number =>
    gfns.filter((gfn) => {
      const isFault = !isWritable(d, gfn);
      expect(read(d, gfn)).toBe(Number(gfn) + 1000);
      write(d, gfn, d.domid);
      return isFault;
    }).length;
  const all = Array.from({ length: FRAMES }, (_, i) => BigInt(i));
  // 1, 2, 4, 8, 16 and 32 frames at a time, and one more.
  expect(faults(b, all)).toBeLessThanOrEqual(7);
  checked(host);
  const scattered = [40n, 20n, 50n, 21n, 30n];
  expect(faults(c, scattered)).toBe(5);
  expect(all.filter((gfn) => owner(c, gfn) === 3).length).toBe(5);
  // The last one takes over what is left.
  b.destroy();
  c.destroy();
  expect(faults(a, all)).toBeLessThanOrEqual(7);
  expect(a.reserve(XENMEM_decrease_reservation, 4n)).toBe(1n);
  expect(a.entry(4n)).toBe(0n);
  checked(host);
  a.destroy();
  checked(host);
});

test("the checker finds shared frames that somebody may write to, or that have more or fewer uses than are counted", async () => {
  const host = await Host.boot(64);
  const { core } = host;
  const a = new PvhDomain(host, 1);
  const b = copyOf(host, a, 2);
  const frame = FRAME_TABLE + b.mfn(5n) * FRAME_SIZE;
  core.become(DOM0);
  for (const [at, value, said] of [
    [core.leafAt(2, 5n), b.entry(5n) | WRITABLE, "second stage: shared frame"],
    [frame, host.get64(frame) + 1n, "references of"],
    [frame, host.get64(frame) - 1n, "references of"],
    [frame, host.get64(frame) - 2n, "shared frame that nobody has"],
    // A type reference, as for whoever may write.
    [frame + 8, (7n << 32n) | 1n, "type references of"],
  ] as const) {
    const before = host.get64(at);
    const heard = host.log().length;
    host.set64(at, value);
    expect(core.checkMemory(), said).toBeGreaterThan(0);
    expect(host.log().slice(heard)).toContain(said);
    host.set64(at, before);
    expect(core.checkMemory(), host.log()).toBe(0);
  }
});

test("2 MiB in one entry are shared frame by frame", async () => {
  const host = await Host.boot(64);
  const a = new PvhDomain(host, 1, 0n);
  expect(a.populate(512n, 1n, 9)).toBe(1n);
  const tables = host.core.tablesOfSecondStage(1);
  const b = new PvhDomain(host, 2, 0n);
  host.core.become(DOM0);
  expect(host.core.shareable(1, 512n, 512)).toBe(0);
  expect(host.core.copyDomain(1, 2, 512n, 512)).toBe(0);
  expect(host.core.tablesOfSecondStage(1)).toBe(tables + 1);
  expect(host.core.claimOf(1)).toBe(512);
  write(b, 600n, 6);
  expect([read(a, 600n), a.mfn(601n) - b.mfn(601n)]).toEqual([0, 0]);
  checked(host);
  a.destroy();
  checked(host);
  b.destroy();
  checked(host);
});

/** Numbers that look random, and are the same for a seed. */
function dice(seed: number): (sides: number) => number {
  let state = seed >>> 0 || 1;
  return (sides) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % sides;
  };
}

describe("whatever is done in whatever order", () => {
  test.each([1, 2, 3, 4])(
    "each domain reads what it has written, and the accounts are right (seed %i)",
    async (seed) => {
      const host = await Host.boot(64);
      const random = dice(seed * 7919);
      const { core } = host;
      const limit = 0x4000;
      let next = 1;
      const first = new PvhDomain(host, next++, BigInt(FRAMES), limit);
      expect(first.add(XENMAPSPACE_grant_table, 0n, 0x1000n)).toBe(0n);
      /** What each domain must read where it has memory. */
      const all = new Map<PvhDomain, Map<bigint, number>>();
      all.set(first, new Map(Array.from({ length: FRAMES }, (_, i) => [BigInt(i), 0])));
      write(first, ARGS, 0);
      const pick = (): [PvhDomain, Map<bigint, number>] => [...all][random(all.size)]!;
      for (let step = 0; step < 1500; step++) {
        const [d, known] = pick();
        const gfn = BigInt(random(FRAMES));
        const what = random(100);
        core.become(DOM0);
        // The frame of arguments is written with every call of the domain's.
        if (gfn === ARGS) continue;
        if (what < 50) {
          if (!known.has(gfn)) continue;
          known.set(gfn, step + 1);
          write(d, gfn, step + 1);
        } else if (what < 62 && all.size < 6) {
          const copy = new PvhDomain(host, next++, 0n, limit);
          core.become(DOM0);
          if (random(4)) expect(core.shareable(d.domid, 0n, FRAMES)).toBe(0);
          expect(core.copyDomain(d.domid, copy.domid, 0n, FRAMES)).toBe(0);
          write(copy, ARGS, 0);
          write(d, ARGS, 0);
          expect(copy.add(XENMAPSPACE_grant_table, 0n, 0x1000n)).toBe(0n);
          all.set(copy, new Map(known));
        } else if (what < 68 && all.size > 1) {
          d.destroy();
          all.delete(d);
        } else if (what < 76) {
          expect(d.reserve(XENMEM_decrease_reservation, gfn)).toBe(known.delete(gfn) ? 1n : 0n);
        } else if (what < 84) {
          if (known.has(gfn)) continue;
          expect(d.reserve(XENMEM_populate_physmap, gfn)).toBe(1n);
          known.set(gfn, 0);
        } else if (what < 90) {
          const to = BigInt(random(FRAMES));
          if (to === ARGS || !known.has(gfn)) continue;
          expect(d.add(XENMAPSPACE_gmfn, gfn, to)).toBe(0n);
          const value = known.get(gfn)!;
          known.delete(gfn);
          known.set(to, value);
        } else if (what < 97) {
          const [peer] = pick();
          if (!known.has(gfn) || peer === d) continue;
          d.grant(0x1000n, 8, peer.domid, gfn);
          const { status, handle } = peer.map(d.domid, 8, 0x3000n);
          expect(status).toBe(0);
          host.set32(peer.mfn(0x3000n) * 4096 + 8, step + 1);
          known.set(gfn, step + 1);
          if (random(3) === 0) {
            // A copy that is made while a frame is granted has its content, and does not follow it.
            core.become(DOM0);
            core.shareable(d.domid, 0n, FRAMES);
          }
          expect(peer.unmap(handle, 0x3000n)).toBe(0);
        } else {
          core.become(DOM0);
          core.shareable(d.domid, 0n, FRAMES);
        }
        // The domain's own arguments are written to through its entry, which the tests do not look at.
        for (const each of all.keys()) if (!isWritable(each, ARGS)) write(each, ARGS, 0);
        if (step % 50 === 0) {
          checked(host);
          for (const [each, values] of all)
            for (const [at, value] of values)
              if (at !== ARGS) expect(read(each, at), `d${each.domid} ${at}`).toBe(value);
        }
      }
      checked(host);
      for (const d of all.keys()) {
        d.destroy();
        checked(host);
      }
    },
  );
});
