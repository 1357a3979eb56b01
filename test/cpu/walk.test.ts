/** The page walk (core/machine/cpu/paging): each format, its large pages and reserved bits, accessed and dirty marks, and the second stage. */
import { beforeEach, describe, expect, it } from "vitest";
import { readFileSync } from "node:fs";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { buildWasm } from "../../core/build.mjs";

const root = path.resolve(import.meta.dirname, "../..");
const output = path.join(root, "dist/test/walk.wasm");

const P = 1n;
const RW = 2n;
const US = 4n;
const A = 0x20n;
const D = 0x40n;
const PS = 0x80n;
const NX = 1n << 63n;
const [USER, WP, SMEP, SMAP, NXE, PAGING, PSE] = [1n, 2n, 4n, 8n, 16n, 32n, 64n];
const [READ, WRITE, EXECUTE] = [0, 1, 2];
/** Error codes. */
const [PF_P, PF_W, PF_U, PF_RSVD, PF_I] = [1, 2, 4, 8, 16];
const NONE = -1n;
/** 16 MiB of RAM, with tables from 1 MiB on. */
const RAM = 16 << 20;
const ROOT = 0x100000n;
const PAGE = 0x400000n;

interface Walker {
  init(bytes: number): void;
  walk(
    levels: number,
    second: bigint,
    root: bigint,
    flags: bigint,
    lin: bigint,
    access: number,
    update: number,
  ): bigint;
  error(): number;
  level(): number;
  outside(): bigint;
  entry_at(root: bigint, lin: bigint, level: number): number;
  mapped_by(entry: bigint, level: number): bigint;
}

const memory = new WebAssembly.Memory({ initial: 1024, maximum: 65536, shared: true });
const view = new DataView(memory.buffer);
await buildWasm(path.join(root, "test/cpu/walk-entry.ts"), output, [path.join(root, "core/machine")]);
const env = { memory, now: () => 0, adopt: () => false, wait: () => {}, trap: () => {} };
const walker = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(output)), { env })
  .exports as unknown as Walker;

let next = 0n;
function table(): bigint {
  next += 0x1000n;
  return next;
}
const put = (at: bigint, entry: bigint): void => view.setBigUint64(Number(at), entry, true);
const get = (at: bigint): bigint => view.getBigUint64(Number(at), true);

/**
 * Makes `lin` lead to `leaf` at `level` in a tree of 64-bit entries, and returns the address of the entry. `rights` are those of the entries on the
 * way.
 */
function map(levels: number, top: bigint, lin: bigint, leaf: bigint, level = 1, rights = P | RW | US): bigint {
  let at = top;
  for (let above = levels; ; above--) {
    const entry = at + ((lin >> BigInt(3 + 9 * above)) & 511n) * 8n;
    if (above === level) {
      put(entry, leaf);
      return entry;
    }
    if (!(get(entry) & P)) put(entry, table() | (levels === 3 && above === 3 ? P : rights));
    at = get(entry) & 0x000ffffffffff000n;
  }
}

const LONG = PAGING | NXE | WP;
function walk4(lin: bigint, access = READ!, flags = LONG, update = false, second = 0n): bigint {
  return walker.walk(4, second, ROOT, flags, lin, access, Number(update));
}

beforeEach(() => {
  new Uint8Array(memory.buffer, 0x100000, RAM - 0x100000).fill(0);
  next = ROOT;
  walker.init(RAM);
});

describe("4 levels", () => {
  const LIN = 0x0000123456789abcn;

  it("leads to a page of 4 KiB", () => {
    map(4, ROOT, LIN, PAGE | P | RW | US);
    expect(walk4(LIN)).toBe(PAGE);
    expect(walker.level()).toBe(1);
  });

  it.each([
    [2, 0x200000n, 0x189000n],
    [3, 0x40000000n, 0x16789000n],
  ])("leads into a large page of level %i", (level, bytes, offset) => {
    const ram = level === 3 ? 0x80000000 : RAM;
    walker.init(ram);
    map(4, ROOT, LIN, (level === 3 ? bytes : PAGE) | P | RW | US | PS, level);
    expect(walk4(LIN)).toBe((level === 3 ? bytes : PAGE) + offset);
    expect(walker.level()).toBe(level);
  });

  it("has no large pages at level 4: whoever looks, such an entry is broken", () => {
    const entry = PAGE | P | RW | US | PS;
    map(4, ROOT, LIN, entry, 4);
    expect(walk4(LIN)).toBe(NONE);
    expect([walker.error(), walker.level()]).toEqual([PF_P! | PF_RSVD!, 4]);
    expect(walker.entry_at(ROOT, LIN, 3)).toBe(0);
    expect(walker.mapped_by(entry, 4)).toBe(0n);
  });

  it.each([
    ["not present", 0n, READ, 0, 0],
    ["outside RAM", BigInt(RAM) | P, READ, 0, PF_P! | PF_RSVD!],
    ["the first page", P, READ, 0, PF_P! | PF_RSVD!],
    ["not for users", PAGE | P | RW, READ, 1, PF_P! | PF_U!],
    ["read-only", PAGE | P | US, WRITE, 1, PF_P! | PF_W! | PF_U!],
    ["not executable", PAGE | P | US | NX, EXECUTE, 1, PF_P! | PF_I! | PF_U!],
  ])("faults on a page that is %s", (_what, entry, access, user, error) => {
    map(4, ROOT, LIN, entry);
    expect(walk4(LIN, access, user ? LONG | USER! : LONG)).toBe(NONE);
    expect(walker.error()).toBe(error);
  });

  it("lets a supervisor write to read-only pages without WP, and keeps it from users' with SMAP and SMEP", () => {
    map(4, ROOT, LIN, PAGE | P | US);
    expect(walk4(LIN, WRITE, PAGING! | NXE!)).toBe(PAGE);
    expect(walk4(LIN, READ, LONG | SMAP!)).toBe(NONE);
    expect(walk4(LIN, EXECUTE, LONG | SMEP!)).toBe(NONE);
  });

  it("marks what it used, if it is to and succeeds", () => {
    const leaf = map(4, ROOT, LIN, PAGE | P | RW | US);
    walk4(LIN, WRITE, LONG, false);
    expect(get(leaf) & (A | D)).toBe(0n);
    walk4(LIN, READ, LONG, true);
    expect(get(leaf) & (A | D)).toBe(A);
    walk4(LIN, WRITE, LONG, true);
    expect(get(leaf) & (A | D)).toBe(A | D);
    for (const level of [4, 3, 2]) expect(get(BigInt(walker.entry_at(ROOT, LIN, level))) & A).toBe(A);
  });

  it("tells where entries stand", () => {
    const leaf = map(4, ROOT, LIN, 0n);
    expect(walker.entry_at(ROOT, LIN, 1)).toBe(Number(leaf));
    expect(walker.entry_at(ROOT, LIN + (1n << 39n), 4)).toBe(Number(ROOT + (((LIN >> 39n) & 511n) + 1n) * 8n));
    expect(walker.entry_at(ROOT, LIN + (1n << 39n), 3)).toBe(0);
    expect([1, 2, 3].map((level) => walker.mapped_by(P | PS, level))).toEqual([0x1000n, 0x200000n, 0x40000000n]);
    expect(walker.mapped_by(P, 2)).toBe(0n);
  });
});

describe("3 levels", () => {
  const LIN = 0xc0345678n;
  const PAE = PAGING | NXE | WP;
  /** PAE's four entries may begin at any multiple of 32 bytes. */
  const TOP = ROOT + 0x20n;
  const walk3 = (access = READ!, flags = PAE, update = false): bigint =>
    walker.walk(3, 0n, TOP, flags, LIN, access, Number(update));

  it("leads to pages of 4 KiB and 2 MiB, whose rights the entries at the top have no part in", () => {
    map(3, TOP, LIN, PAGE | P | RW | US);
    expect(walk3(WRITE, PAE | USER!, true)).toBe(PAGE);
    expect(get(TOP + 3n * 8n) & A).toBe(0n);
    map(3, TOP, LIN, PAGE | P | RW | US | PS, 2);
    expect(walk3()).toBe(PAGE + 0x145000n);
    expect(walker.level()).toBe(2);
  });

  it.each([
    ["a right of an entry at the top", 3, P | RW],
    ["a page of 1 GiB", 3, P | PS],
    ["bit 52", 1, PAGE | P | (1n << 52n)],
    ["NX at the top", 3, P | NX],
  ])("takes %s for a reserved bit", (_what, level, bits) => {
    const leaf = map(3, TOP, LIN, PAGE | P | RW | US);
    if (level === 3) put(TOP + 3n * 8n, get(TOP + 3n * 8n) | bits);
    else put(leaf, bits);
    expect(walk3()).toBe(NONE);
    expect(walker.error()).toBe(PF_P! | PF_RSVD!);
  });
});

describe("2 levels", () => {
  const LIN = 0xbfc45678n;
  const put32 = (at: bigint, entry: bigint): void => view.setUint32(Number(at), Number(entry), true);
  const DIRECTORY = ROOT + (LIN >> 22n) * 4n;
  const walk2 = (flags: bigint, access = READ!, update = false): bigint =>
    walker.walk(2, 0n, ROOT, PAGING | WP | flags, LIN, access, Number(update));

  it("leads to a page of 4 KiB, and marks entries of 32 bits", () => {
    const below = table();
    const leaf = below + ((LIN >> 12n) & 1023n) * 4n;
    put32(DIRECTORY, below | P | RW | US);
    put32(leaf, PAGE | P | RW | US);
    put32(leaf + 4n, 0xffffffffn);
    expect(walk2(USER, WRITE, true)).toBe(PAGE);
    expect(view.getUint32(Number(leaf), true)).toBe(Number(PAGE | P | RW | US | A | D));
    expect(view.getUint32(Number(DIRECTORY), true)).toBe(Number(below | P | RW | US | A));
    expect(view.getUint32(Number(leaf) + 4, true)).toBe(0xffffffff);
  });

  it("leads to 4 MiB with PSE only", () => {
    put32(DIRECTORY, PAGE | P | RW | US | PS);
    expect(walk2(PSE)).toBe(PAGE + (LIN & 0x3ff000n));
    expect(walk2(0n)).toBe(NONE);
    expect(walker.level()).toBe(1);
    // An address above 4 GiB.
    put32(DIRECTORY, PAGE | P | PS | (1n << 13n));
    expect(walk2(PSE)).toBe(NONE);
    expect(walker.error()).toBe(PF_P! | PF_RSVD!);
  });
});

describe("no paging", () => {
  it("is the address itself, of 32 bits, in RAM", () => {
    expect(walker.walk(0, 0n, 0n, 0n, PAGE + 5n, READ!, 0)).toBe(PAGE);
    expect(walker.walk(0, 0n, 0n, 0n, BigInt(RAM), READ!, 0)).toBe(NONE);
    expect(walker.walk(0, 0n, 0n, 0n, PAGE + (1n << 32n), READ!, 0)).toBe(NONE);
  });
});

describe("a second stage", () => {
  const LIN = 0x7f0000345678n;
  /** Guest-physical memory begins at 4 MiB of the host's. */
  const SHIFT = 0x400000n;
  const GUEST_ROOT = 0x10000n;
  let second = 0n;
  let leaf = 0n;

  beforeEach(() => {
    second = ROOT;
    for (let page = 0n; page < 0x80n; page++) map(4, second, page << 12n, (SHIFT + (page << 12n)) | P | RW | US);
    // The guest's tables at guest-physical 0x10000 to 0x13fff lead to its page 0x20000.
    const index = (level: bigint): bigint => ((LIN >> (3n + 9n * level)) & 511n) * 8n;
    for (const [level, at, entry] of [
      [4n, 0x10000n, 0x11000n],
      [3n, 0x11000n, 0x12000n],
      [2n, 0x12000n, 0x13000n],
      [1n, 0x13000n, 0x20000n],
    ] as const) {
      leaf = SHIFT + at + index(level);
      put(leaf, entry | P | RW | US);
    }
  });
  const walkBoth = (access = READ!, update = false): bigint =>
    walker.walk(4, second, GUEST_ROOT, LONG, LIN, access, Number(update));

  it("translates the guest's tables and its page", () => {
    expect(walkBoth()).toBe(SHIFT + 0x20000n);
    expect(walkBoth(WRITE, true)).toBe(SHIFT + 0x20000n);
    expect(get(leaf) & (A | D)).toBe(A | D);
    expect(walker.level()).toBe(1);
    expect(walker.outside()).toBe(NONE);
  });

  it("is what a guest without paging has alone", () => {
    expect(walker.walk(0, second, 0n, 0n, 0x20123n, READ!, 0)).toBe(SHIFT + 0x20000n);
    expect(walker.walk(0, second, 0n, 0n, 0xfee00000n, READ!, 0)).toBe(NONE);
    expect(walker.outside()).toBe(0xfee00000n);
  });

  it("tells the guest-physical address that it does not let through: devices' registers are there", () => {
    put(leaf, 0xfec00000n | P | RW | US);
    expect(walkBoth()).toBe(NONE);
    expect(walker.outside()).toBe(0xfec00000n + (LIN & 0xfffn));
  });

  it("does not begin anew above its 48 bits", () => {
    put(leaf, 0x1000000020000n | P | RW | US);
    expect(walkBoth()).toBe(NONE);
    expect(walker.outside()).toBe(0x1000000020000n + (LIN & 0xfffn));
  });

  it("keeps its own rights: a page that is read-only there, a table that the guest may not mark", () => {
    map(4, second, 0x20000n, (SHIFT + 0x20000n) | P | US);
    expect(walkBoth()).toBe(SHIFT + 0x20000n);
    expect(walkBoth(WRITE)).toBe(NONE);
    expect([walker.outside(), walker.error()]).toEqual([0x20000n + (LIN & 0xfffn), PF_P! | PF_W! | PF_U!]);
    map(4, second, 0x12000n, (SHIFT + 0x12000n) | P | US);
    expect(walkBoth(READ, true)).toBe(NONE);
    expect(walker.outside() & ~0xfffn).toBe(0x12000n);
  });

  it("lets who only looks through tables that the guest may not mark, as those are that domains share", () => {
    for (const table of [0x10000n, 0x11000n, 0x12000n, 0x13000n, 0x20000n])
      map(4, second, table, (SHIFT + table) | P | US);
    const before = get(leaf);
    expect(walkBoth()).toBe(SHIFT + 0x20000n);
    expect(get(leaf)).toBe(before);
    expect(walkBoth(WRITE)).toBe(NONE);
    expect(walker.outside() & ~0xfffn).toBe(0x20000n);
  });

  it("leaves a fault of the guest's own tables to the guest", () => {
    put(leaf, 0n);
    expect(walkBoth()).toBe(NONE);
    expect([walker.outside(), walker.error()]).toEqual([NONE, 0]);
  });

  it("comes to an end while another processor changes the entry without rest", async () => {
    map(4, second, 0x20000n, (SHIFT + 0x20000n) | P | RW | US | A | D);
    const entry = { memory, at: Number(leaf) >> 2, low: Number(get(leaf) & 0xffffffffn) };
    // Bits 52 to 62, which are ignored, count up, and what the walk has marked is taken back.
    const source = `
      const { memory, at, low } = require("node:worker_threads").workerData;
      const words = new Int32Array(memory.buffer);
      for (let n = 0; ; n = (n + 1) & 0x7ff) {
        Atomics.store(words, at + 1, n << 20);
        Atomics.store(words, at, low);
      }`;
    const other = new Worker(source, { eval: true, workerData: entry });
    await new Promise((resolve) => other.once("online", resolve));
    for (const before = get(leaf); get(leaf) === before;) await new Promise((resolve) => setTimeout(resolve, 1));
    try {
      // The page is found in some walks. In others the walk gives up, and then the entry counts as absent at this moment.
      for (let n = 0; n < 20_000; n++)
        if (walkBoth(WRITE, true) === NONE) expect([walker.outside(), walker.error()]).toEqual([NONE, PF_W! | PF_U!]);
    } finally {
      await other.terminate();
    }
    put(leaf, BigInt(entry.low));
    expect(walkBoth(WRITE, true)).toBe(SHIFT + 0x20000n);
  });
});
