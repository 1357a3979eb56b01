import { afterEach, beforeAll, describe, expect, test } from "vitest";
import * as errno from "../../../core/abi/errno.ts";
import { XENMEM_claim_pages } from "../../../core/abi/memory.ts";
import { DOM0, Host, PvDomain, SELF, destroy, dom0Page } from "./host.ts";

const [EINVAL, ENOMEM, EPERM] = [BigInt(errno.EINVAL), BigInt(errno.ENOMEM), BigInt(errno.EPERM)];

let host: Host;
beforeAll(async () => {
  host = await Host.boot(64);
});

test("blocks of every order are adjacent, aligned and come back whole", () => {
  const { core } = host;
  const before = core.freePages();
  for (let order = 0; order <= 12; order++) {
    const mfn = core.allocDomheapPages(order, DOM0);
    expect(mfn).toBeGreaterThan(0);
    expect(mfn % 2 ** order).toBe(0);
    for (let i = 0; i < 2 ** order; i++) expect(core.pageOwner(mfn + i)).toBe(DOM0);
    core.freeDomheapPages(BigInt(mfn), order, DOM0);
  }
  expect(core.freePages()).toBe(before);
  expect(core.checkMemory()).toBe(0);
});

test("what is given out again holds nothing of its last owner", () => {
  const { core } = host;
  const mfn = core.allocDomheapPages(3, DOM0);
  host.bytes.fill(0xaa, mfn * 4096, (mfn + 8) * 4096);
  core.freeDomheapPages(BigInt(mfn), 3, DOM0);
  const held: number[] = [];
  for (;;) {
    const next = core.allocDomheapPages(0, DOM0);
    if (!next) break;
    held.push(next);
    expect(host.bytes[next * 4096]).toBe(0);
    expect(host.bytes[next * 4096 + 4095]).toBe(0);
  }
  expect(core.freePages()).toBe(0);
  expect(core.allocXenheapPages(0)).toBe(0);
  expect(core.makeDomain(9, 0, 16)).toBe(0);
  for (const next of held) core.freeDomheapPages(BigInt(next), 0, DOM0);
  // Buddies have been joined, so there is a big block again.
  const big = core.allocDomheapPages(12, DOM0);
  expect(big).toBeGreaterThan(0);
  core.freeDomheapPages(BigInt(big), 12, DOM0);
});

test("a domain gets no more frames than its limit", () => {
  const { core } = host;
  expect(core.makeDomain(5, 0, 10)).toBe(1);
  const got: number[] = [];
  for (let i = 0; i < 12; i++) got.push(core.allocDomheapPages(0, 5));
  expect(got.filter((mfn) => mfn !== 0)).toHaveLength(10);
  expect(core.allocDomheapPages(1, 5)).toBe(0);
  core.setMaxPages(5, 12);
  expect(core.allocDomheapPages(1, 5)).toBeGreaterThan(0);
  expect(core.totPages(5)).toBe(12);
  destroy(host, 5);
  expect(core.checkMemory()).toBe(0);
});

test("any count of adjacent frames, the rest of the block stays free", () => {
  const { core } = host;
  const before = core.freePages();
  const mfn = core.allocDomheapContiguous(777, DOM0);
  expect(mfn).toBeGreaterThan(0);
  expect(core.freePages()).toBe(before - 777);
  for (let i = 0; i < 777; i++) core.freeDomheapPages(BigInt(mfn + i), 0, DOM0);
  expect(core.freePages()).toBe(before);
});

test("references: only the owner's frames, none of numbers that are no frames", () => {
  const { core } = host;
  const mfn = core.allocDomheapPages(0, DOM0);
  expect(core.getPage(BigInt(mfn), DOM0)).toBe(1);
  expect(core.getPage(BigInt(mfn), 1)).toBe(0);
  core.freeDomheapPages(BigInt(mfn), 0, DOM0);
  // The reference keeps the frame alive.
  expect(core.pageCount(mfn)).toBe(1);
  core.putPage(mfn);
  expect(core.getPage(BigInt(mfn), DOM0)).toBe(0);
  for (const bad of [0n, 1n, 64n * 256n, 1n << 40n, 0xffffffffffffffffn]) expect(core.getPage(bad, DOM0)).toBe(0);
});

// ---- claims (XENMEM_claim_pages, xen/include/public/memory.h) ----

const RESERVATION = { start: 0, count: 8, order: 16, flags: 20, domid: 24 };
/** Makes XENMEM_claim_pages as domain `caller`. `spoil` may change its argument before the call. Returns 0 or -errno. */
function claimPages(domid: number, pages: number, spoil: (at: number) => void = () => {}, caller = DOM0): bigint {
  const { core } = host;
  core.become(DOM0);
  const at = dom0Page(host);
  host.bytes.fill(0, at, at + 32);
  host.set64(at + RESERVATION.count, pages);
  host.set16(at + RESERVATION.domid, domid);
  spoil(at);
  if (caller !== DOM0)
    return callOf(caller).memoryOp(XENMEM_claim_pages, (to) => host.bytes.copyWithin(to, at, at + 32));
  return core.doMemoryOp(BigInt(XENMEM_claim_pages), BigInt(at));
}
const callers = new Map<number, PvDomain>();
const callOf = (domid: number): PvDomain => callers.get(domid)!;
/** Takes frames one by one until there are no more, gives them all back, and returns how many there were. */
function takeAll(domid: number): number {
  const { core } = host;
  const got: number[] = [];
  for (let mfn = core.allocDomheapPages(0, domid); mfn; mfn = core.allocDomheapPages(0, domid)) got.push(mfn);
  for (const mfn of got) core.freeDomheapPages(BigInt(mfn), 0, domid);
  return got.length;
}

describe("claims", () => {
  const A = 20;
  const B = 21;
  beforeAll(() => {
    for (const domid of [A, B]) callers.set(domid, new PvDomain(host, domid, 40, 0x10000));
    host.core.become(DOM0);
  });
  afterEach(() => {
    const { core } = host;
    core.become(DOM0);
    for (const domid of [A, B]) expect(claimPages(domid, 0)).toBe(0n);
    expect(core.checkMemory(), host.log()).toBe(0);
  });

  test("refused: an argument that should be zero, a domain that is not there, who may not, too few and too many", () => {
    const { core } = host;
    const has = core.totPages(A);
    expect(claimPages(A, has + 1, (at) => host.set64(at + RESERVATION.start, 4096))).toBe(-EINVAL);
    expect(claimPages(A, has + 1, (at) => host.set32(at + RESERVATION.order, 1))).toBe(-EINVAL);
    expect(claimPages(A, has + 1, (at) => host.set32(at + RESERVATION.flags, 1))).toBe(-EINVAL);
    expect(claimPages(77, 100)).toBe(-EINVAL);
    // DOMID_SELF is not the number of any domain.
    expect(claimPages(SELF, 100)).toBe(-EINVAL);
    expect(claimPages(A, has + 1, () => {}, B)).toBe(-EPERM);
    expect(claimPages(A, has)).toBe(-EINVAL);
    expect(claimPages(A, 2 ** 40)).toBe(-EINVAL);
    expect(claimPages(A, has + core.freePages() + 1)).toBe(-ENOMEM);
    expect(core.doMemoryOp((1n << 6n) | BigInt(XENMEM_claim_pages), BigInt(dom0Page(host)))).toBe(-EINVAL);
    expect(core.claimOf(A)).toBe(0);
  });

  test("what is promised to one domain nobody else gets: not another, not Xen", () => {
    const { core } = host;
    const free = core.freePages();
    expect(claimPages(A, core.totPages(A) + 1000)).toBe(0n);
    expect([core.claimOf(A), core.freePages()]).toEqual([1000, free]);
    expect(takeAll(B)).toBe(free - 1000);
    expect(claimPages(B, core.totPages(B) + free - 999)).toBe(-ENOMEM);
    expect(claimPages(B, core.totPages(B) + free - 1000)).toBe(0n);
    // Every free frame is promised to a claim.
    expect(core.allocXenheapPages(0)).toBe(0);
    expect(takeAll(A)).toBe(1000);
    // The domain has received what it claimed. What it gives back afterwards is free for everybody, while what B claimed is not.
    const mfn = core.allocXenheapPages(0);
    expect(mfn).toBeGreaterThan(0);
    core.freeXenheapPages(mfn, 0);
    expect(takeAll(A)).toBe(1000);
    expect(takeAll(B)).toBe(free);
  });

  test("is for a total: it shrinks with what the domain gets, grows with what it gives, and ends when it has all", () => {
    const { core } = host;
    const total = core.totPages(A) + 10;
    expect(claimPages(A, total)).toBe(0n);
    // A domain can have only one claim at a time.
    expect(claimPages(A, total + 1)).toBe(-EINVAL);
    const mfn = core.allocDomheapPages(2, A);
    expect([core.claimOf(A), core.claimFits(A, total)]).toEqual([6, 1]);
    core.freeDomheapPages(BigInt(mfn), 1, A);
    expect([core.claimOf(A), core.claimFits(A, total)]).toEqual([8, 1]);
    const rest = core.allocDomheapContiguous(11, A);
    expect(core.claimOf(A)).toBe(0);
    // The claim is over, so what the domain gives back now is free for everybody.
    core.freeDomheapPages(BigInt(mfn + 2), 1, A);
    for (let i = 0; i < 11; i++) core.freeDomheapPages(BigInt(rest + i), 0, A);
    expect(core.claimOf(A)).toBe(0);
    expect(claimPages(A, total)).toBe(0n);
    expect(claimPages(A, 0)).toBe(0n);
    expect(core.claimOf(A)).toBe(0);
  });

  test("frames that can't be had leave the claim as it was", () => {
    const { core } = host;
    const total = core.totPages(A) + 10;
    expect(claimPages(A, total)).toBe(0n);
    expect(core.allocDomheapPages(18, A)).toBe(0);
    expect([core.claimOf(A), core.claimFits(A, total)]).toEqual([10, 1]);
    core.setMaxPages(A, core.totPages(A));
    expect(core.allocDomheapPages(0, A)).toBe(0);
    expect(core.claimOf(A)).toBe(10);
    core.setMaxPages(A, 0x10000);
  });

  test("ends with the domain, and a dying one gets none", () => {
    const { core } = host;
    const C = 22;
    const free = core.freePages();
    expect(core.makeDomain(C, 0, 1000)).toBe(1);
    const held = core.allocDomheapPages(0, C);
    expect(core.getPage(BigInt(held), C)).toBe(1);
    expect(claimPages(C, 500)).toBe(0n);
    core.dropVcpu(C);
    while (core.relinquishMemory(C));
    expect(core.claimOf(C)).toBe(0);
    expect(claimPages(C, 500)).toBe(-EINVAL);
    core.putPage(held);
    destroy(host, C);
    // The test never frees the Domain and Vcpu structures that it made.
    expect(free - core.freePages()).toBeLessThan(8);
  });
});
