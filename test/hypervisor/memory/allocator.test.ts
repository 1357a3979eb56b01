import { beforeAll, expect, test } from "vitest";
import { DOM0, Host, destroy } from "./host.ts";

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
  // Buddies have joined: a big block is there again.
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
  // The reference keeps it alive.
  expect(core.pageCount(mfn)).toBe(1);
  core.putPage(mfn);
  expect(core.getPage(BigInt(mfn), DOM0)).toBe(0);
  for (const bad of [0n, 1n, 64n * 256n, 1n << 40n, 0xffffffffffffffffn]) expect(core.getPage(bad, DOM0)).toBe(0);
});
