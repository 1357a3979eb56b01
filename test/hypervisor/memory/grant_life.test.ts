/** Grant tables at their limits: growth without free memory, the end of a domain, the two halves of a handle. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { beforeEach, expect, test } from "vitest";
import { DOM0, Host, PvDomain, SELF } from "./host.ts";

const VERSION_2_REFS = 256;
const BAD_REF = -3;
const BAD_COPY = -10;

let host: Host;
let a: PvDomain;
let b: PvDomain;
beforeEach(async () => {
  host = await Host.boot(64);
  a = new PvDomain(host, 1, 40);
  b = new PvDomain(host, 2, 40);
});

function setup(d: PvDomain, frames: number): number {
  const at = d.grantOp(2, (op) => {
    host.set16(op, SELF);
    host.set32(op + 4, frames);
    host.set64(op + 16, d.va(7));
  });
  return (host.get16(at + 8) << 16) >> 16;
}
function map(d: PvDomain, ref: number, flags: number, index: number): { status: number; handle: number } {
  const at = d.grantOp(0, (op) => {
    host.set64(op, d.va(index));
    host.set32(op + 8, flags);
    host.set32(op + 12, ref);
    host.set16(op + 16, 1);
  });
  return { status: (host.get16(at + 18) << 16) >> 16, handle: host.get32(at + 20) };
}

test("a table that cannot grow for want of a status frame has not grown", () => {
  const { core } = host;
  a.become();
  host.set32(a.address(a.args), 2);
  expect(core.doGrantTableOp(8, a.va(a.args), 1)).toBe(0n);
  expect(setup(a, 8)).toBe(0);
  // The map tracks of the domain exist from its first attempt on.
  expect(map(b, 8 * VERSION_2_REFS, 2, 20).status).toBe(BAD_REF);
  core.become(DOM0);
  // The ninth frame needs four pages of active entries, the frame itself, and a second status frame. That is one page more than there is.
  while (core.freePages() > 5) core.allocXenheapPages(0);
  expect(setup(a, 9)).not.toBe(0);
  const before = host.bytes.slice(0, 4096);
  expect(map(b, 8 * VERSION_2_REFS, 2, 20).status).toBe(BAD_REF);
  expect(map(b, 9 * VERSION_2_REFS - 1, 2, 20).status).toBe(BAD_REF);
  expect(host.bytes.slice(0, 4096)).toEqual(before);
  core.become(DOM0);
});

test("the table's structure stays as long as somebody may wait for its lock", () => {
  const { core } = host;
  const mfn = core.grantTableMfn(1);
  core.become(DOM0);
  core.dropVcpu(1);
  while (core.relinquishMemory(1));
  expect(core.memoryDomainGone(1)).toBe(1);
  expect(core.pageCount(mfn)).toBe(1);
  expect(core.grantTableMfn(1)).toBe(mfn);
  // Somebody who has found the domain finds no grant in its table and cannot make the table larger.
  expect(map(b, 8, 2, 20).status).toBe(BAD_REF);
  core.become(DOM0);
  core.forgetDomain(1);
  expect(core.pageCount(mfn)).toBe(0);
  expect(core.checkMemory(), host.log()).toBe(0);
});

test("copies: no byte more than the frame has, and nothing is held afterwards", () => {
  const { core } = host;
  setup(a, 1);
  const table = Number(host.get64(a.address(7))) * 4096;
  host.set32(table + 8 * 8 + 4, a.mfns[30]!);
  host.set16(table + 8 * 8 + 2, 2);
  host.set16(table + 8 * 8, 1);
  const copy = (length: number, from: number, to: number): number => {
    const at = b.grantOp(5, (op) => {
      host.set32(op, 8);
      host.set16(op + 8, 1);
      host.set16(op + 10, from);
      host.set64(op + 16, b.mfns[30]!);
      host.set16(op + 24, SELF);
      host.set16(op + 26, to);
      host.set16(op + 32, length);
      host.set16(op + 34, 1);
    });
    return (host.get16(at + 36) << 16) >> 16;
  };
  expect(copy(4096, 0, 0)).toBe(0);
  const neighbours = [a.mfns[30]! + 1, b.mfns[30]! + 1].map((mfn) => host.bytes.slice(mfn * 4096, mfn * 4096 + 16));
  for (const [length, from, to] of [
    [4097, 0, 0],
    [4096, 1, 0],
    [4096, 0, 1],
    [1, 4096, 0],
    [1, 0, 4096],
    [0xffff, 0, 0],
    [1, 0xffff, 0],
  ] as const)
    expect(copy(length, from, to), `${length} ${from} ${to}`).toBe(BAD_COPY);
  expect([a.mfns[30]! + 1, b.mfns[30]! + 1].map((mfn) => host.bytes.slice(mfn * 4096, mfn * 4096 + 16))).toEqual(
    neighbours,
  );
  // The two references are the mapping by the frame's own owner and the owner's reference itself.
  expect(core.pageCount(a.mfns[30]!)).toBe(2);
  expect(core.pageCount(b.mfns[30]!)).toBe(2);
  expect(host.get16(table + 8 * 8)).toBe(1);
  core.become(DOM0);
  expect(core.checkMemory(), host.log()).toBe(0);
});

test("two pCPUs unmap the halves of a handle: it is free once", async () => {
  const { core } = host;
  setup(a, 1);
  const table = Number(host.get64(a.address(7))) * 4096;
  host.set32(table + 8 * 8 + 4, a.mfns[30]!);
  host.set16(table + 8 * 8 + 2, 2);
  host.set16(table + 8 * 8, 1);
  const shared = new Int32Array(new SharedArrayBuffer(16));
  const worker = new Worker(new URL("half.mjs", import.meta.url), {
    workerData: {
      memory: host.memory,
      module: host.module,
      versions: core.codeVersionTable(),
      flags: core.codeFlagTable(),
      frames: 64 * 256,
      domid: 2,
      args: b.address(6),
      va: b.va(6),
      bus: BigInt(a.mfns[30]!) << 12n,
      shared,
    },
  });
  await once(worker, "message");
  // The mapping is both a DEVICE_MAP and a HOST_MAP. This thread unmaps the host half, and the worker unmaps the device half.
  for (let round = 1; round <= 2000; round++) {
    const { status, handle } = map(b, 8, 3, 20);
    expect(status).toBe(0);
    Atomics.store(shared, 1, handle);
    Atomics.store(shared, 0, round);
    for (let i = 0; i < round % 400; i++) Atomics.load(shared, 2);
    b.grantOp(1, (op) => {
      host.set64(op, b.va(20));
      host.set32(op + 16, handle);
    });
    while (Atomics.load(shared, 2) !== round);
    const first = map(b, 8, 2, 20);
    const second = map(b, 8, 2, 21);
    expect([first.status, second.status]).toEqual([0, 0]);
    expect(second.handle, `handles of round ${round}`).not.toBe(first.handle);
    for (const [index, each] of [first, second].entries())
      b.grantOp(1, (op) => {
        host.set64(op, b.va(20 + index));
        host.set32(op + 16, each.handle);
      });
  }
  Atomics.store(shared, 0, -1);
  await worker.terminate();
  core.become(DOM0);
  expect(core.checkMemory(), host.log()).toBe(0);
}, 60_000);
