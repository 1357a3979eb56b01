/**
 * Calls whose length the guest chooses. While something waits for the pCPU, each stops after a bounded number of steps, says where it stopped, and
 * goes on from there to the same result.
 */
import { beforeAll, expect, test } from "vitest";
import {
  ADD_TO_PHYSMAP_BATCH_ERRS,
  ADD_TO_PHYSMAP_BATCH_GPFNS,
  ADD_TO_PHYSMAP_BATCH_IDXS,
  ADD_TO_PHYSMAP_BATCH_SIZE_MEMBER,
  ADD_TO_PHYSMAP_BATCH_SPACE,
  ADD_TO_PHYSMAP_GPFN,
  ADD_TO_PHYSMAP_IDX,
  ADD_TO_PHYSMAP_SIZE_MEMBER,
  ADD_TO_PHYSMAP_SPACE,
  XENMAPSPACE_gmfn,
  XENMAPSPACE_gmfn_range,
  XENMEM_add_to_physmap,
  XENMEM_add_to_physmap_batch,
} from "../../../core/abi/memory.ts";
import { EINVAL } from "../../../core/abi/errno.ts";
import { CONTINUE, toTheEnd } from "./continued.ts";
import { DOM0, Host, PvDomain, SELF, destroy, dom0Page } from "./host.ts";
import { ARGS, PvhDomain } from "./pvh-domain.ts";

/** The largest number of steps that any of these calls makes between two looks. */
const MOST_STEPS = 64;

let host: Host;
let d: PvDomain;
beforeAll(async () => {
  host = await Host.boot(64);
  d = new PvDomain(host, 1, 700, 2000);
  d.become();
});

const grantOp = (a0: bigint, a1: bigint, a2: bigint): bigint => host.core.doGrantTableOp(Number(a0), a1, Number(a2));
const memoryOp = (a0: bigint, a1: bigint): bigint => host.core.doMemoryOp(a0, a1);

test.each([
  ["map", 0],
  ["unmap", 1],
  ["transfer", 4],
  ["copy", 5],
  ["unmap_and_replace", 7],
  ["swap", 11],
  ["cache_flush", 12],
])("grant_table_op %s", (_, operation) => {
  const count = 1000;
  for (let i = 20; i < 40; i++) host.bytes.fill(0, d.address(i), d.address(i) + 4096);
  const [times, result] = toTheEnd(host, grantOp, BigInt(operation), d.va(20), BigInt(count));
  expect(result).toBe(0n);
  expect(times).toBeGreaterThanOrEqual(Math.floor(count / MOST_STEPS));
});

test("mmu_update and mmuext_op", () => {
  const count = 640;
  for (let i = 0; i < count; i++) {
    host.set64(d.address(20) + (i % 256) * 16, (BigInt(d.mfns[25]!) << 12n) | 1n);
    host.set64(d.address(20) + (i % 256) * 16 + 8, 7);
  }
  for (let page = 21; page < 24; page++) host.bytes.copyWithin(d.address(page), d.address(20), d.address(20) + 4096);
  const update = (a0: bigint, a1: bigint, a2: bigint): bigint => host.core.doMmuUpdate(a0, Number(a1), a2, SELF);
  const [times, result] = toTheEnd(host, update, d.va(20), BigInt(count), d.va(30));
  expect([result, host.get32(d.address(30))]).toEqual([0n, count]);
  expect(times).toBeGreaterThanOrEqual(count / MOST_STEPS - 1);
  for (let i = 0; i < 160; i++) host.set32(d.address(20) + i * 24, 6);
  const extended = (a0: bigint, a1: bigint, a2: bigint): bigint => host.core.doMmuextOp(a0, Number(a1), a2, SELF);
  const [more, end] = toTheEnd(host, extended, d.va(20), 160n, d.va(30));
  expect([end, host.get32(d.address(30))]).toEqual([0n, 160]);
  expect(more).toBe(159);
});

test("memory_op: populate, decrease, exchange", () => {
  const { core } = host;
  const args = (at: number, list: bigint, count: number): void => {
    host.set64(at, list);
    host.set64(at + 8, count);
    host.set64(at + 16, 0);
    host.set64(at + 24, SELF);
  };
  const count = 400;
  const before = core.totPages(1);
  for (let i = 0; i < count; i++) host.set64(d.address(20) + i * 8, 0x5000 + i);
  args(d.address(30), d.va(20), count);
  const [populated, got] = toTheEnd(host, memoryOp, 6n, d.va(30));
  expect([got, core.totPages(1)]).toEqual([BigInt(count), before + count]);
  expect(populated).toBeGreaterThanOrEqual(count / MOST_STEPS - 1);
  // An exchange of as many frames for others: each chunk is a step, and the structure of the guest says how far the call is.
  host.bytes.copyWithin(d.address(21), d.address(20), d.address(20) + 4096);
  args(d.address(30), d.va(21), count);
  args(d.address(30) + 32, d.va(20), count);
  host.set64(d.address(30) + 64, 0);
  const [exchanged, end] = toTheEnd(host, memoryOp, 11n, d.va(30));
  expect([end, host.get64(d.address(30) + 64), core.totPages(1)]).toEqual([0n, BigInt(count), before + count]);
  expect(exchanged).toBeGreaterThanOrEqual(count / MOST_STEPS - 1);
  args(d.address(30), d.va(20), count);
  const [given, gone] = toTheEnd(host, memoryOp, 1n, d.va(30));
  expect([gone, core.totPages(1)]).toEqual([BigInt(count), before]);
  expect(given).toBeGreaterThanOrEqual(count / MOST_STEPS - 1);
  core.become(DOM0);
  expect(core.checkMemory(), host.log()).toBe(0);
});

test("a large tree of page tables is validated and let go of in pieces, and nothing is left of one that was given up", () => {
  const { core } = host;
  const L2 = 50;
  const FIRST_L1 = 51;
  const TABLES = 512;
  const pinOp = (command: number, index: number): ((a0: bigint, a1: bigint, a2: bigint) => bigint) => {
    host.set32(d.address(30), command);
    host.set64(d.address(30) + 8, d.mfns[index]!);
    return (a0, a1, a2) => core.doMmuextOp(a0, Number(a1), a2, SELF);
  };
  for (let i = 0; i <= TABLES; i++) expect(d.mmuUpdate(d.entryAddress(L2 + i), 0n)).toBe(0n);
  for (let i = 0; i < TABLES; i++) {
    host.set64(d.address(L2) + i * 8, (BigInt(d.mfns[FIRST_L1 + i]!) << 12n) | 7n);
    for (let n = 0; n < 512; n++) host.set64(d.address(FIRST_L1 + i) + n * 8, (BigInt(d.mfns[600]!) << 12n) | 7n);
  }
  const types = core.pageTypeCount(d.mfns[600]!);
  const [pinned, pin] = toTheEnd(host, pinOp(1, L2), d.va(30), 1n);
  expect(pin).toBe(0n);
  expect(pinned).toBeGreaterThanOrEqual(3);
  expect(core.pageTypeCount(d.mfns[600]!)).toBe(types + TABLES * 512);
  expect(core.pageTypeCount(d.mfns[FIRST_L1]!)).toBe(1);
  expect(core.checkMemory(), host.log()).toBe(0);
  const [unpinned, unpin] = toTheEnd(host, pinOp(4, L2), d.va(30), 1n);
  expect(unpin).toBe(0n);
  expect(unpinned).toBeGreaterThanOrEqual(3);
  expect(core.pageTypeCount(d.mfns[600]!)).toBe(types);
  for (let i = 0; i < TABLES; i++) expect(core.pageTypeCount(d.mfns[FIRST_L1 + i]!)).toBe(0);
  expect(core.checkMemory(), host.log()).toBe(0);
  // There is a bad entry at the very end: everything that was kept for the next attempt is given up.
  host.set64(d.address(FIRST_L1 + TABLES - 1) + 8, (BigInt(d.mfns[0]!) << 12n) | 7n);
  expect(toTheEnd(host, pinOp(1, L2), d.va(30), 1n)[1]).toBeLessThan(0n);
  expect(toTheEnd(host, (a0, a1) => core.doMmuextOp(a0, Number(a1), 0n, SELF), d.va(30), 0n)[1]).toBe(0n);
  expect(core.pageTypeCount(d.mfns[600]!)).toBe(types);
  expect(core.checkMemory(), host.log()).toBe(0);
  host.set64(d.address(FIRST_L1 + TABLES - 1) + 8, 0);
  // Small calls of somebody else between the steps do not undo what was reached.
  const others = dom0Page(host);
  host.set64(others, (BigInt(d.mfns[25]!) << 12n) | 1n);
  host.set64(others + 8, 25);
  core.interrupt(true);
  expect(pinOp(1, L2)(d.va(30), 1n, 0n)).toBe(CONTINUE);
  let tries = 1;
  for (let result = CONTINUE; result === CONTINUE && tries < 20; tries++) {
    core.become(DOM0);
    const [a0, a1, a2] = [core.nextArg0.value, Number(core.nextArg1.value), core.nextArg2.value];
    core.interrupt(false);
    expect(core.doMmuUpdate(BigInt(others), 1, 0n, (2 << 16) | 1)).toBe(0n);
    core.interrupt(true);
    d.become();
    result = core.doMmuextOp(a0, a1, a2, SELF);
  }
  core.interrupt(false);
  expect(tries).toBeLessThan(15);
  expect(toTheEnd(host, pinOp(4, L2), d.va(30), 1n)[1]).toBe(0n);
  expect(core.pageTypeCount(d.mfns[600]!)).toBe(types);
  // A small tree that has a bad entry: nothing is left of it when the call has failed.
  for (let i = 100; i < TABLES; i++) host.set64(d.address(L2) + i * 8, 0);
  host.set64(d.address(FIRST_L1 + 99) + 8, (BigInt(d.mfns[0]!) << 12n) | 7n);
  expect(toTheEnd(host, pinOp(1, L2), d.va(30), 1n)[1]).toBeLessThan(0n);
  for (let i = 0; i < 100; i++) expect(core.pageTypeCount(d.mfns[FIRST_L1 + i]!), `table ${i}`).toBe(0);
  host.set64(d.address(FIRST_L1 + 99) + 8, 0);
  for (let i = 100; i < TABLES; i++) host.set64(d.address(L2) + i * 8, (BigInt(d.mfns[FIRST_L1 + i]!) << 12n) | 7n);
  // The call is given up half way. The tables are kept until the domain is destroyed.
  core.interrupt(true);
  expect(pinOp(1, L2)(d.va(30), 1n, 0n)).toBe(CONTINUE);
  core.interrupt(false);
  expect(core.pageTypeCount(d.mfns[600]!)).toBeGreaterThan(types);
  expect(core.checkMemory(), host.log()).toBe(0);
  destroy(host, 1);
  expect(core.checkMemory(), host.log()).toBe(0);
});

test("memory_op of a PVH domain: add_to_physmap of a range, and of a batch, as large as they can be", async () => {
  const size = 65535;
  const large = await Host.boot(320);
  const pvh = new PvhDomain(large, 1, 0n, 0x11000);
  expect(pvh.populate(0n, 128n, 9)).toBe(128n);
  large.core.become(1);
  const call = (a0: bigint, a1: bigint): bigint => large.core.doMemoryOp(a0, a1);
  const at = pvh.args;
  const args = ARGS * 4096n;
  // Each frame is moved to where it is already. The call looks at all of the 256 MiB and takes the 2 MiB entries apart.
  large.set16(at, SELF);
  large.set16(at + ADD_TO_PHYSMAP_SIZE_MEMBER, size);
  large.set32(at + ADD_TO_PHYSMAP_SPACE, XENMAPSPACE_gmfn_range);
  large.set64(at + ADD_TO_PHYSMAP_IDX, 0);
  large.set64(at + ADD_TO_PHYSMAP_GPFN, 0);
  const [ranges, range] = toTheEnd(large, call, BigInt(XENMEM_add_to_physmap), args);
  expect(range).toBe(0n);
  expect(ranges).toBeGreaterThanOrEqual(Math.floor(size / MOST_STEPS));
  // One frame is moved to and fro between two places. The entry in the middle names no frame, and only that one is wrong.
  const [idxs, gpfns, errs] = [0x100n, 0x300n, 0x500n];
  for (let i = 0; i < size; i++) {
    large.set64(pvh.mfn(idxs) * 4096 + i * 8, i === 30_000 ? 0x20000 : i % 2 ? 0x11000 : 0x1000);
    large.set64(pvh.mfn(gpfns) * 4096 + i * 8, i % 2 ? 0x1000 : 0x11000);
    large.set32(pvh.mfn(errs) * 4096 + i * 4, 1);
  }
  large.bytes.fill(0, at, at + 64);
  large.set16(at, SELF);
  large.set16(at + ADD_TO_PHYSMAP_BATCH_SPACE, XENMAPSPACE_gmfn);
  large.set16(at + ADD_TO_PHYSMAP_BATCH_SIZE_MEMBER, size);
  large.set64(at + ADD_TO_PHYSMAP_BATCH_IDXS, idxs * 4096n);
  large.set64(at + ADD_TO_PHYSMAP_BATCH_GPFNS, gpfns * 4096n);
  large.set64(at + ADD_TO_PHYSMAP_BATCH_ERRS, errs * 4096n);
  const [batches, batch] = toTheEnd(large, call, BigInt(XENMEM_add_to_physmap_batch), args);
  expect(batch).toBe(0n);
  expect(batches).toBeGreaterThanOrEqual(Math.floor(size / MOST_STEPS));
  const errors = Array.from({ length: size }, (_, i) => large.get32(pvh.mfn(errs) * 4096 + i * 4) | 0);
  // The frame has stayed where it was, so the entry after that one finds no frame either.
  expect(errors.flatMap((error, i) => (error ? [`${i}: ${error}`] : []))).toEqual([
    `30000: ${-EINVAL}`,
    `30001: ${-EINVAL}`,
  ]);
  expect(large.core.checkMemory(), large.log()).toBe(0);
});
