import { beforeEach, expect, test } from "vitest";
import { BASE, DOM0, Host, P, PvDomain, RW, SELF, US, WRITABLE, destroy, dom0Page } from "./host.ts";

const EINVAL = -22n;
const EPERM = -1n;
const EBUSY = -16n;
const ESRCH = -3n;
const EFAULT = -14n;
const KERNEL = 1n << 52n;
const NX = 1n << 63n;
/** INVALID_M2P_ENTRY, as WebAssembly returns it. */
const NO_M2P_ENTRY = -1n;

let host: Host;
let a: PvDomain;
let b: PvDomain;
let free: number;
beforeEach(async () => {
  host = await Host.boot(64);
  dom0Page(host);
  a = new PvDomain(host, 1, 40);
  b = new PvDomain(host, 2, 40);
  free = host.core.freePages();
});
const check = (): void => expect(host.core.checkMemory(), host.log()).toBe(0);

test("pinning validates the whole tree and takes its references", () => {
  const { core } = host;
  expect(core.pageTypeOf(a.mfns[0]!)).toBe(4);
  expect(core.pageTypeOf(a.mfns[1]!)).toBe(3);
  expect(core.pageTypeOf(a.mfns[2]!)).toBe(2);
  expect(core.pageTypeOf(a.mfns[3]!)).toBe(1);
  expect(core.pageTypeOf(a.mfns[10]!)).toBe(WRITABLE);
  // The owner's reference, the pin and the root, and the read-only mapping.
  expect(core.pageCount(a.mfns[0]!)).toBe(4);
  expect(core.pageTypeCount(a.mfns[0]!)).toBe(2);
  // Xen's slots: the M2P is at 256 and the per-domain area at 260. Nothing else is there.
  for (let slot = 256; slot < 272; slot++) {
    const entry = host.get64(a.address(0) + slot * 8);
    expect(entry !== 0n).toBe(slot === 256 || slot === 260);
  }
  check();
});

test("a table may not be mapped writable, a writable frame may not become a table", () => {
  const entry = (BigInt(a.mfns[3]!) << 12n) | P | US;
  expect(a.mmuUpdate(a.entryAddress(20), entry | RW)).toBe(EBUSY);
  expect(a.mmuUpdate(a.entryAddress(20), entry)).toBe(0n);
  expect(a.pinResult(10, 0)).toBe(EINVAL);
  // Without its writable mapping the frame can be used: one that is all zero is a valid table of any level.
  expect(a.mmuUpdate(a.entryAddress(10), (BigInt(a.mfns[10]!) << 12n) | P | US)).toBe(0n);
  expect(a.pinResult(10, 0)).toBe(0n);
  expect(a.pinResult(10, 0)).toBe(EINVAL);
  expect(a.pinResult(10, 1)).toBe(EINVAL);
  check();
});

test("a frame that dom0 holds to write is no table, and becomes none as long as it is held", () => {
  const { core } = host;
  const hold = (mfn: number): number => core.holdWritable(DOM0, 1, BigInt(mfn));
  for (const table of a.mfns.slice(0, 4)) expect(hold(table)).toBe(-22);
  expect(hold(b.mfns[10]!)).toBe(-22);
  expect(core.holdWritable(1, 2, BigInt(b.mfns[10]!))).toBe(-1);
  const mfn = a.mfns[10]!;
  expect([hold(mfn), hold(mfn)]).toEqual([mfn, mfn]);
  check();
  // The guest's own writable mapping is gone, but the one of dom0 is enough.
  expect(a.mmuUpdate(a.entryAddress(10), (BigInt(mfn) << 12n) | P | US)).toBe(0n);
  expect(a.pinResult(10, 0)).toBe(EINVAL);
  expect(core.dropWritable(DOM0, BigInt(mfn))).toBe(0);
  expect(a.pinResult(10, 0)).toBe(EINVAL);
  check();
  expect(core.dropWritable(DOM0, BigInt(mfn))).toBe(0);
  expect(core.dropWritable(DOM0, BigInt(mfn))).toBe(-22);
  expect(a.pinResult(10, 0)).toBe(0n);
  expect(hold(mfn)).toBe(-22);
  check();
});

test("entries: foreign frames, no frames, bad flags, superpages are refused", () => {
  const at = a.entryAddress(20);
  expect(a.mmuUpdate(at, (BigInt(b.mfns[20]!) << 12n) | P | US)).toBe(EBUSY);
  expect(a.mmuUpdate(at, (1n << 40n) | P | US)).toBe(EPERM);
  expect(a.mmuUpdate(at, (1n << 12n) | P)).toBe(EBUSY);
  for (const bit of [3n, 4n, 7n]) expect(a.mmuUpdate(at, (BigInt(a.mfns[20]!) << 12n) | P | (1n << bit))).toBe(EINVAL);
  const l2 = a.address(2) + Number((BASE >> 21n) & 511n) * 8;
  expect(a.mmuUpdate(l2 + 8, (BigInt(a.mfns[20]!) << 12n) | P | RW | 0x80n)).toBe(EINVAL);
  expect(a.mmuUpdate(l2 + 8, (BigInt(a.mfns[20]!) << 12n) | P | RW)).toBe(EINVAL);
  // The L4 slots of the hypervisor stay as they are.
  for (const slot of [256, 260, 271]) expect(a.mmuUpdate(a.address(0) + slot * 8, 0n)).toBe(EINVAL);
  // A table of somebody else, with the owner named in the call or not.
  const theirs = host.get64(b.entryAddress(20));
  expect(a.mmuUpdate(b.entryAddress(20), 0n)).toBe(EINVAL);
  expect(a.mmuUpdate(b.entryAddress(20), 0n, ((2 + 1) << 16) | SELF)).toBe(EPERM);
  expect(host.get64(b.entryAddress(20))).toBe(theirs);
  expect(a.mmuUpdate(a.entryAddress(20), 0n, 2)).toBe(EPERM);
  expect(a.mmuUpdate(a.entryAddress(20), 0n, 77)).toBe(ESRCH);
  expect(a.mmuUpdate(a.entryAddress(20), 0n, 1)).toBe(ESRCH);
  check();
});

test("entries are stored as Xen stores them, and accessed and dirty can be kept", () => {
  const frame = BigInt(a.mfns[20]!) << 12n;
  expect(a.mmuUpdate(a.entryAddress(20), frame | P | RW)).toBe(0n);
  expect(host.get64(a.entryAddress(20))).toBe(frame | P | RW | US | KERNEL);
  expect(a.mmuUpdate(a.entryAddress(20), frame | P | RW | US | NX)).toBe(0n);
  expect(host.get64(a.entryAddress(20))).toBe(frame | P | RW | US | NX | 0x100n);
  host.set64(a.entryAddress(20), host.get64(a.entryAddress(20)) | 0x60n);
  expect(a.mmuUpdate(a.entryAddress(20) + 2, frame | P)).toBe(0n);
  expect(host.get64(a.entryAddress(20)) & 0x60n).toBe(0x60n);
  expect(a.mmuUpdate(a.entryAddress(20), 0n)).toBe(0n);
  expect(host.core.pageTypeCount(a.mfns[20]!)).toBe(0);
  check();
});

test("update_va_mapping finds the entry by its address", () => {
  const { core } = host;
  a.become();
  const frame = BigInt(a.mfns[21]!) << 12n;
  expect(core.doUpdateVaMapping(a.va(21), frame | P, 2n)).toBe(0n);
  expect(host.get64(a.entryAddress(21)) & RW).toBe(0n);
  expect(core.doUpdateVaMapping(a.va(21) + 0x40000000n, frame | P, 0n)).toBe(EINVAL);
  expect(core.doUpdateVaMapping(0xffff800000000000n, frame | P, 0n)).toBe(EINVAL);
  expect(core.doUpdateVaMapping(0x800000000000n, frame | P, 0n)).toBe(EINVAL);
  expect(core.doUpdateVaMappingOtherdomain(a.va(21), BigInt(b.mfns[20]!) << 12n, 0n, 2)).toBe(EPERM);
  check();
});

test("linear page tables: read-only, of the same level, no cycles", () => {
  const slot = a.address(0) + 300 * 8;
  const self = BigInt(a.mfns[0]!) << 12n;
  expect(a.mmuUpdate(slot, self | P | RW)).toBe(EINVAL);
  expect(a.mmuUpdate(slot, self | P)).toBe(0n);
  check();
  expect(a.mmuUpdate(slot, 0n)).toBe(0n);
  // A second L4 table, and entries of each of the two for the other.
  expect(a.mmuUpdate(a.entryAddress(12), (BigInt(a.mfns[12]!) << 12n) | P)).toBe(0n);
  expect(a.pinResult(12, 3)).toBe(0n);
  expect(a.mmuUpdate(slot, (BigInt(a.mfns[12]!) << 12n) | P)).toBe(0n);
  expect(a.mmuUpdate(a.address(12) + 300 * 8, self | P)).toBe(EINVAL);
  check();
  destroy(host, 1);
  check();
});

test("a new base pointer, and the old tables go when nothing holds them", () => {
  const { core } = host;
  const ro = (i: number): bigint => a.mmuUpdate(a.entryAddress(i), (BigInt(a.mfns[i]!) << 12n) | P);
  expect(ro(14)).toBe(0n);
  // The copy shares the lower tables with the first one.
  host.bytes.copyWithin(a.address(14), a.address(0), a.address(0) + 256 * 8);
  expect(a.mmuext(5, a.mfns[14]!)).toBe(0n);
  expect(core.kernelRoot(1)).toBe(a.mfns[14]);
  expect(a.mmuext(5, a.mfns[20]!)).toBe(EINVAL);
  expect(a.mmuext(5, b.mfns[0]!)).toBe(EINVAL);
  expect(a.mmuext(15, a.mfns[0]!)).toBe(0n);
  expect(a.mmuext(15, 0)).toBe(0n);
  expect(a.mmuext(4, a.mfns[0]!)).toBe(0n);
  expect(core.pageTypeCount(a.mfns[0]!)).toBe(0);
  // The guest must not be able to read what was Xen's in the table.
  expect(host.get64(a.address(0) + 256 * 8)).toBe(0n);
  expect(a.mmuext(4, a.mfns[0]!)).toBe(EINVAL);
  check();
});

test("clear, copy, and operations that have nothing to act on", () => {
  host.bytes.fill(7, a.address(30), a.address(30) + 4096);
  expect(a.mmuext(17, a.mfns[31]!, a.mfns[30]!)).toBe(0n);
  expect(host.bytes[a.address(31) + 4095]).toBe(7);
  expect(a.mmuext(16, a.mfns[30]!)).toBe(0n);
  expect(host.bytes[a.address(30)]).toBe(0);
  expect(a.mmuext(16, a.mfns[3]!)).toBe(EINVAL);
  expect(a.mmuext(16, 1n << 52n)).toBe(EINVAL);
  expect(a.mmuext(17, a.mfns[30]!, b.mfns[5]!)).toBe(EINVAL);
  expect(a.mmuext(6)).toBe(0n);
  expect(a.mmuext(10)).toBe(0n);
  expect(a.mmuext(12)).toBe(-13n);
  expect(a.mmuext(19, a.mfns[30]!)).toBe(-95n);
  expect(a.mmuext(14)).toBe(-38n);
  expect(a.mmuext(99)).toBe(-38n);
  expect(a.mmuext(13, 0x123n, 1n)).toBe(EINVAL);
  expect(a.mmuext(13, a.va(30), 8193n)).toBe(EINVAL);
  // nr_ents has 32 bits: Linux leaves something else behind it. With no entries there need be no base either.
  expect(a.mmuext(13, 0x123n, 7n << 32n)).toBe(0n);
  expect(a.mmuext(13, a.va(30), (7n << 32n) | 512n)).toBe(0n);
  expect(a.mmuext(13, a.va(30), 512n)).toBe(0n);
  check();
});

test("requests: how many were done, holes in the request array", () => {
  const { core } = host;
  a.become();
  const last = a.mfns.length - 1;
  // The array begins at the end of the last mapped frame: one request fits, and the second one is not mapped.
  const at = a.address(last) + 4096 - 16;
  host.set64(at, a.entryAddress(20));
  host.set64(at + 8, 0n);
  const done = a.address(a.args);
  expect(core.doMmuUpdate(a.va(last) + 4096n - 16n, 5, a.va(a.args), SELF)).toBe(EFAULT);
  expect(host.get32(done)).toBe(1);
  expect(host.get64(a.entryAddress(20))).toBe(0n);
  expect(core.doMmuUpdate(0xdead000000000000n, 1, 0n, SELF)).toBe(EFAULT);
  expect(core.doMmuUpdate(0xffff800000000000n, 1, 0n, SELF)).toBe(EFAULT);
  check();
});

test("memory_op: populate, decrease, exchange, questions", () => {
  const { core } = host;
  const list = a.address(6);
  const reservation = (at: number, count: number, order: number): void => {
    host.set64(at, a.va(6));
    host.set64(at + 8, count);
    host.set32(at + 16, order);
    host.set16(at + 24, SELF);
  };
  for (let i = 0; i < 4; i++) host.set64(list + i * 8, 0x1000 + i * 4);
  expect(a.memoryOp(6, (at) => reservation(at, 4, 2))).toBe(4n);
  const got = [0, 1, 2, 3].map((i) => Number(host.get64(list + i * 8)));
  expect(core.m2pGet(got[2]! + 3)).toBe(0x100bn);
  // The limit is 16 frames more than the domain began with, so the next extent fails.
  host.set64(list, 0x2000);
  expect(a.memoryOp(6, (at) => reservation(at, 1, 0))).toBe(0n);
  expect(a.memoryOp(3, (at) => host.set16(at, SELF))).toBe(56n);
  expect(a.memoryOp(4, (at) => host.set16(at, SELF))).toBe(56n);
  expect(a.memoryOp(3, (at) => host.set16(at, 2))).toBe(EPERM);
  expect(a.memoryOp(2, () => undefined)).toBe(64n * 256n);
  // Gets four extents of four frames for one of sixteen.
  got.forEach((mfn, i) => host.set64(list + i * 8, mfn));
  host.set64(list + 64, 0x3000);
  const swap = (at: number): void => {
    reservation(at, 4, 2);
    reservation(at + 32, 1, 4);
    host.set64(at + 32, a.va(6) + 64n);
  };
  expect(a.memoryOp(11, swap)).toBe(0n);
  const big = Number(host.get64(list + 64));
  expect(big % 16).toBe(0);
  expect(core.m2pGet(big + 15)).toBe(0x300fn);
  expect(core.totPages(1)).toBe(56);
  check();
  // A frame that is in use cannot be exchanged, and nothing is lost by the attempt.
  host.set64(list, a.mfns[25]!);
  host.set64(list + 64, 0x3000);
  expect(
    a.memoryOp(11, (at) => {
      reservation(at, 1, 0);
      reservation(at + 32, 1, 0);
      host.set64(at + 32, a.va(6) + 64n);
    }),
  ).toBe(EINVAL);
  expect(core.totPages(1)).toBe(56);
  host.set64(list, big);
  host.set64(list + 8, b.mfns[20]!);
  expect(a.memoryOp(1, (at) => reservation(at, 2, 0))).toBe(1n);
  expect(core.totPages(1)).toBe(55);
  expect(a.memoryOp(12, () => undefined)).toBe(0n);
  expect(host.get64(a.address(a.args))).toBe(0xffff800000000000n);
  expect(a.memoryOp(9, () => undefined)).toBe(-38n);
  expect(a.memoryOp(10, () => undefined)).toBe(EPERM);
  expect(a.memoryOp(7, (at) => host.set16(at, SELF))).toBe(-13n);
  expect(a.memoryOp(24, () => undefined)).toBe(EPERM);
  expect(a.memoryOp(63, () => undefined)).toBe(-38n);
  check();
});

test("everything comes back when the domains are gone", () => {
  const { core } = host;
  // Enters each frame in the M2P, as every guest does.
  for (const domain of [a, b])
    domain.mfns.forEach((mfn, i) => expect(domain.mmuUpdate((BigInt(mfn) << 12n) | 1n, BigInt(i))).toBe(0n));
  destroy(host, 1);
  destroy(host, 2);
  check();
  for (const mfn of [...a.mfns, ...b.mfns]) expect(core.m2pGet(mfn)).toBe(NO_M2P_ENTRY);
  expect(core.freePages()).toBeGreaterThan(free);
  expect(core.totPages(DOM0)).toBe(1);
});
