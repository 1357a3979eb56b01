import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { beforeEach, expect, test } from "vitest";
import { DOM0, Host, P, PvDomain, RW, SELF, destroy, dom0Page } from "./host.ts";

const MAP = 0;
const UNMAP = 1;
const COPY = 5;
const BOTH = 3;
const HOST_MAP = 2;
const READONLY = 4;
const CONTAINS_PTE = 16;

let host: Host;
let a: PvDomain;
let b: PvDomain;
/** Machine address of the first grant frame of domain a. */
let table: number;
beforeEach(async () => {
  host = await Host.boot(64);
  dom0Page(host);
  a = new PvDomain(host, 1, 40);
  b = new PvDomain(host, 2, 40);
  const at = a.grantOp(2, (op) => {
    host.set16(op, SELF);
    host.set32(op + 4, 1);
    host.set64(op + 16, a.va(7));
  });
  expect(status(at + 8)).toBe(0);
  table = Number(host.get64(a.address(7))) * 4096;
});
const status = (at: number): number => (host.get16(at) << 16) >> 16;
const check = (): void => expect(host.core.checkMemory(), host.log()).toBe(0);

/** Makes grant `ref` of domain a: its frame `index` is granted to `domid`. */
function grant(ref: number, index: number, domid: number, flags = 1): void {
  host.set32(table + ref * 8 + 4, a.mfns[index]!);
  host.set16(table + ref * 8 + 2, domid);
  host.set16(table + ref * 8, flags);
}
const flagsOf = (ref: number): number => host.get16(table + ref * 8);

function map(address: bigint | number, ref: number, flags = HOST_MAP): { status: number; handle: number } {
  const at = b.grantOp(MAP, (op) => {
    host.set64(op, address);
    host.set32(op + 8, flags);
    host.set32(op + 12, ref);
    host.set16(op + 16, 1);
  });
  return { status: status(at + 18), handle: host.get32(at + 20) };
}
function unmap(address: bigint | number, handle: number): number {
  const at = b.grantOp(UNMAP, (op) => {
    host.set64(op, address);
    host.set32(op + 16, handle);
  });
  return status(at + 20);
}

test("map at an address and through an entry, write, unmap", () => {
  grant(8, 20, 2);
  const by = map(b.va(30), 8);
  expect(by.status).toBe(0);
  expect((host.get64(b.entryAddress(30)) >> 12n) & 0xfffffffn).toBe(BigInt(a.mfns[20]!));
  expect(flagsOf(8)).toBe(1 | 8 | 16);
  const pte = map(b.entryAddress(31), 8, HOST_MAP | CONTAINS_PTE | READONLY);
  expect(pte.status).toBe(0);
  expect(host.get64(b.entryAddress(31)) & RW).toBe(0n);
  check();
  // The wrong place, the wrong handle, the right ones, and the right ones again.
  expect(unmap(b.va(29), by.handle)).toBe(-1);
  expect(unmap(b.va(30), 999)).toBe(-4);
  expect(unmap(b.va(30), by.handle)).toBe(0);
  expect(unmap(b.va(30), by.handle)).toBe(-4);
  expect(flagsOf(8)).toBe(1 | 8);
  expect(unmap(b.entryAddress(31), pte.handle)).toBe(0);
  expect(flagsOf(8)).toBe(1);
  expect(host.get64(b.entryAddress(30))).toBe(0n);
  check();
});

test("one batch unmaps a handle twice: the second time it is none", () => {
  grant(8, 20, 2);
  const by = map(b.va(30), 8);
  b.become();
  const at = b.address(b.args);
  for (const op of [at, at + 24]) {
    host.set64(op, b.va(30));
    host.set64(op + 8, 0);
    host.set32(op + 16, by.handle);
  }
  expect(host.core.doGrantTableOp(UNMAP, b.va(b.args), 2)).toBe(0n);
  expect([status(at + 20), status(at + 44)]).toEqual([0, -4]);
  expect(flagsOf(8)).toBe(1);
  check();
});

test("what is not granted is refused", () => {
  grant(8, 20, 3);
  expect(map(b.va(30), 8).status).toBe(-1);
  grant(9, 20, 2, 1 | 4);
  expect(map(b.va(30), 9).status).toBe(-1);
  expect(map(b.va(30), 9, HOST_MAP | READONLY).status).toBe(0);
  expect(map(b.va(30), 10).status).toBe(-1);
  expect(map(b.va(30), 1 << 20).status).toBe(-3);
  expect(map(b.va(30), 8, 0).status).toBe(-3);
  // A page table cannot be granted for writing, and somebody else's frame cannot be granted at all.
  grant(11, 3, 2);
  expect(map(b.va(30), 11).status).toBe(-1);
  expect(flagsOf(11)).toBe(1);
  grant(12, 20, 2);
  host.set32(table + 12 * 8 + 4, b.mfns[20]!);
  expect(map(b.va(30), 12).status).toBe(-9);
  host.set32(table + 12 * 8 + 4, 0xffffffff);
  expect(map(b.va(30), 12).status).toBe(-9);
  grant(13, 20, 2);
  expect(map(0xffff800000000000n, 13).status).toBe(-1);
  expect(map(b.va(30) + 0x40000000n, 13).status).toBe(-1);
  expect(map(a.entryAddress(20), 13, HOST_MAP | CONTAINS_PTE).status).toBe(-1);
  expect(flagsOf(13)).toBe(1);
  check();
});

test("the guest removes the entry itself: frame and domains still go", () => {
  grant(8, 20, 2);
  expect(map(b.va(30), 8).status).toBe(0);
  expect(b.mmuUpdate(b.entryAddress(30), 0n)).toBe(0n);
  expect(host.core.pageTypeCount(a.mfns[20]!)).toBe(1);
  check();
  destroy(host, 2);
  expect(flagsOf(8)).toBe(1);
  check();
  destroy(host, 1);
  check();
});

test("a granter dies while its frame is mapped: the frame stays until it is unmapped", () => {
  const { core } = host;
  grant(8, 20, 2);
  const { handle } = map(b.va(30), 8);
  core.become(DOM0);
  core.dropVcpu(1);
  while (core.relinquishMemory(1));
  expect(core.memoryDomainGone(1)).toBe(0);
  expect(core.totPages(1)).toBe(1);
  check();
  expect(unmap(b.va(30), handle)).toBe(0);
  expect(core.memoryDomainGone(1)).toBe(1);
  core.forgetDomain(1);
  check();
});

test("a native domain maps by address of the frame", () => {
  const { core } = host;
  grant(8, 20, DOM0);
  const page = dom0Page(host);
  core.become(DOM0);
  host.bytes.fill(0, page, page + 64);
  host.set32(page + 8, BOTH);
  host.set32(page + 12, 8);
  host.set16(page + 16, 1);
  expect(core.doGrantTableOp(MAP, BigInt(page), 1)).toBe(0n);
  expect(status(page + 18)).toBe(0);
  expect(host.get64(page + 24)).toBe(BigInt(a.address(20)));
  const handle = host.get32(page + 20);
  check();
  // The mapping holds the frame although the granter gives it up.
  host.bytes.fill(0, page, page + 64);
  host.set64(page + 8, a.address(20));
  host.set32(page + 16, handle);
  expect(core.doGrantTableOp(UNMAP, BigInt(page), 1)).toBe(0n);
  expect(status(page + 20)).toBe(0);
  expect(flagsOf(8)).toBe(1);
  check();
});

test("copy by reference and by frame, within bounds only", () => {
  grant(8, 20, 2);
  host.bytes.fill(5, a.address(20), a.address(20) + 4096);
  const copy = (flags: number, offset: number, length: number, ref = 8): number =>
    status(
      b.grantOp(COPY, (op) => {
        host.set64(op, ref);
        host.set16(op + 8, 1);
        host.set16(op + 10, offset);
        host.set64(op + 16, b.mfns[30]!);
        host.set16(op + 24, SELF);
        host.set16(op + 26, offset);
        host.set16(op + 32, length);
        host.set16(op + 34, flags);
      }) + 36,
    );
  expect(copy(1, 100, 200)).toBe(0);
  expect(host.bytes[b.address(30) + 99]).toBe(0);
  expect(host.bytes[b.address(30) + 100]).toBe(5);
  expect(host.bytes[b.address(30) + 300]).toBe(0);
  expect(copy(1, 4000, 200)).toBe(-10);
  expect(copy(1, 0, 4096)).toBe(0);
  expect(copy(1, 0, 4097)).toBe(-10);
  expect(copy(1, 1, 4096)).toBe(-10);
  expect(copy(0, 0, 16)).toBe(-8);
  expect(copy(1, 0, 16, 9)).toBe(-1);
  expect(copy(3, 0, 16)).not.toBe(0);
  expect(flagsOf(8)).toBe(1);
  check();
});

test("version 2: status in frames of its own, sub-page grants copied within their bytes", () => {
  const version = a.grantOp(8, (op) => host.set32(op, 2));
  expect(host.get32(version)).toBe(2);
  const frames = a.grantOp(9, (op) => {
    host.set32(op, 1);
    host.set16(op + 4, SELF);
    host.set64(op + 8, a.va(7));
  });
  expect(status(frames + 6)).toBe(0);
  const statusFrame = Number(host.get64(a.address(7))) * 4096;
  const entry = table + 8 * 16;
  host.set64(entry + 8, a.mfns[20]!);
  host.set16(entry + 2, 2);
  host.set16(entry, 1);
  const { handle, ...mapped } = map(b.va(30), 8);
  expect(mapped.status).toBe(0);
  expect(host.get16(statusFrame + 16)).toBe(24);
  expect(host.get16(entry)).toBe(1);
  a.become();
  host.set32(a.address(a.args), 1);
  expect(host.core.doGrantTableOp(8, a.va(a.args), 1)).toBe(-16n);
  expect(unmap(b.va(30), handle)).toBe(0);
  expect(host.get16(statusFrame + 16)).toBe(0);
  host.set16(entry + 4, 512);
  host.set16(entry + 6, 256);
  host.set16(entry, 1 | 256);
  expect(map(b.va(30), 8).status).toBe(-1);
  const copy = (offset: number): number =>
    status(
      b.grantOp(COPY, (op) => {
        host.set64(op, 8);
        host.set16(op + 8, 1);
        host.set16(op + 10, offset);
        host.set64(op + 16, b.mfns[30]!);
        host.set16(op + 24, SELF);
        host.set16(op + 32, 64);
        host.set16(op + 34, 1);
      }) + 36,
    );
  expect(copy(512)).toBe(0);
  expect(copy(511)).toBe(-1);
  expect(copy(705)).toBe(-1);
  check();
  expect(host.get32(a.grantOp(8, (op) => host.set32(op, 1)))).toBe(1);
  check();
});

test("no handles without end: tracks are limited", () => {
  grant(8, 20, 2);
  let mapped = 0;
  // Each reference can have at most 255 pins of each kind.
  for (let i = 0; i < 300; i++) if (map(b.entryAddress(31), 8, HOST_MAP | CONTAINS_PTE).status === 0) mapped++;
  expect(mapped).toBe(255);
  expect(host.get64(b.entryAddress(31)) & P).toBe(P);
  destroy(host, 2);
  destroy(host, 1);
  check();
});

test("the version changes though dom0 has the reserved grants mapped, and their marks go along; not while another is in use", () => {
  grant(1, 20, 2);
  const by = map(b.va(30), 1);
  expect(by.status).toBe(0);
  expect(host.get32(a.grantOp(8, (op) => host.set32(op, 2)))).toBe(2);
  // In version 2 the entry has the flags without the marks, and its status word has the marks.
  expect(host.get16(table + 16)).toBe(1);
  const frames = a.grantOp(9, (op) => {
    host.set32(op, 1);
    host.set16(op + 4, SELF);
    host.set64(op + 8, a.va(7));
  });
  expect(status(frames + 6)).toBe(0);
  expect(host.get16(Number(host.get64(a.address(7))) * 4096 + 2)).toBe(8 | 16);
  check();
  expect(host.get32(a.grantOp(8, (op) => host.set32(op, 1)))).toBe(1);
  expect(flagsOf(1)).toBe(1 | 8 | 16);
  expect(unmap(b.va(30), by.handle)).toBe(0);
  expect(flagsOf(1)).toBe(1);
  grant(8, 21, 2);
  const other = map(b.va(30), 8);
  expect(() => a.grantOp(8, (op) => host.set32(op, 2))).toThrow("-16");
  expect(unmap(b.va(30), other.handle)).toBe(0);
  check();
});

test("a grant is of the kind that was checked, though its flags change all the time", async () => {
  expect(host.get32(a.grantOp(8, (op) => host.set32(op, 2)))).toBe(2);
  const entry = table + 8 * 16;
  host.set64(entry + 8, a.mfns[20]!);
  host.set16(entry + 2, 2);
  // Another thread changes the entry in turn between a grant of 16 bytes and a grant of the whole frame.
  const flipper = new Worker(
    `const { workerData: { memory, at } } = require("node:worker_threads");
     const half = new Uint16Array(memory.buffer), word = new Int32Array(memory.buffer);
     require("node:worker_threads").parentPort.postMessage("begun");
     while (!Atomics.load(word, at + 4 >>> 2)) { Atomics.store(half, at >>> 1, 1); Atomics.store(half, at >>> 1, 257); }`,
    { eval: true, workerData: { memory: host.memory, at: entry } },
  );
  await once(flipper, "message");
  let mapped = 0;
  let wrong = 0;
  // On a busy machine the other thread may stand still for long with an entry that cannot be mapped.
  for (let i = 0; i < 20_000 || mapped < 500; i++) {
    const first = map(b.va(30), 8, HOST_MAP | READONLY);
    if (first.status) continue;
    mapped++;
    // A frame that is mapped whole may be mapped once more. That is refused if the first map was noted as one of some bytes only.
    const second = map(b.va(31), 8, HOST_MAP | READONLY);
    if (second.status) wrong++;
    else unmap(b.va(31), second.handle);
    unmap(b.va(30), first.handle);
  }
  host.set32(entry + 4, 1);
  await once(flipper, "exit");
  expect(mapped).toBeGreaterThan(0);
  expect(wrong).toBe(0);
  check();
});
