/** The cache on disk in a hurry: guests that make its requests for ever, code that it has only in part, and folders in which not everything works. */
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { codeCacheFolder } from "../../../core/api/cache-folder.ts";
import { MODE_64 } from "../../../core/machine/cpu/mode_bits.ts";
import * as layout from "../../../core/machine/layout.ts";
import { KEPT_OP_BYTES, type KnownRegion } from "../../../core/machine/translator/code-cache/known-region.ts";
import { CodeCache, hashOf } from "../../../core/machine/translator/code-cache/store.ts";
import { temporaryFolder } from "../../temporary.ts";
import { compileEngine } from "../engine.ts";
import { Machine, RAX } from "../machine.ts";
import { TranslatedCode } from "./translated.ts";

/** How many bytes the disk takes in one call, and in all. */
const disk = vi.hoisted(() => ({ atOnce: Infinity, left: Infinity }));
vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  return {
    ...fs,
    writeSync(file: number, bytes: Buffer, from = 0): number {
      if (disk.left <= 0) throw new Error("ENOSPC");
      const written = fs.writeSync(file, bytes, from, Math.min(bytes.length - from, disk.atOnce, disk.left));
      disk.left -= written;
      return written;
    },
  };
});

const VERSION = "0123456789abcdef";
const [CODE, FRAME, POOL] = [0x40_0000n, 0x3a0_0000, 0x3b0_0000];
const SECOND = FRAME + 0x8000;

const pageHash = (n: number): Uint8Array => hashOf(Buffer.from([n >> 8, n]));
const region = (n: number, code = 1): KnownRegion => ({
  pages: [{ offset: 0, hash: pageHash(n) }],
  offset: 0,
  mode: MODE_64,
  extent: layout.EXTENT_SMALL,
  locals: [],
  code: Uint8Array.of(code),
  hints: [],
  addresses: [],
  ops: new Uint8Array(KEPT_OP_BYTES),
});
const open = (folder: string, version = VERSION): CodeCache => CodeCache.open(folder, version)!;
const found = (cache: CodeCache, n: number) => cache.find(pageHash(n), 0, MODE_64, layout.EXTENT_SMALL)?.code[0];
function filled(folder: string, regions: KnownRegion[], version = VERSION): void {
  const cache = open(folder, version);
  for (const each of regions) cache.add(each);
  cache.close();
}
const regionFiles = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith(".regions"));

describe("a guest that asks for pages for ever", () => {
  it("leaves room for the requests of regions", async () => {
    const m = new Machine(await compileEngine());
    m.view.setUint32(layout.TRANSLATOR_KNOWS, 1, true);
    const requests = (): number =>
      m.view.getUint32(layout.TRANSLATOR_HEAD, true) - m.view.getUint32(layout.TRANSLATOR_TAIL, true);
    // In each page: MOV ECX, 100; l: DEC ECX; JNZ l; JMP to the next page.
    const pages = 1100;
    for (let n = 0; n < pages; n++) {
      m.map(CODE + BigInt(n) * 0x1000n, 0x3400000 + n * 0x1000);
      m.put(0x3400000 + n * 0x1000, "b9 64 00 00 00  ff c9  75 fc  e9 f2 0f 00 00");
    }
    // The last: MOV ECX, 10000; l: DEC ECX; JNZ l; INT3.
    m.map(CODE + BigInt(pages) * 0x1000n, FRAME);
    m.put(FRAME, "b9 10 27 00 00  ff c9  75 fc  cc");
    m.rip = CODE;
    m.run();
    expect(requests()).toBeGreaterThan(500);
    const asked = Array.from({ length: requests() }, (_, n) =>
      m.view.getUint32(layout.TRANSLATOR_RING + n * layout.REQUEST_SIZE, true),
    );
    expect(asked).toContain(FRAME + 5);
  });
});

describe("what the cache has of a page", () => {
  async function machine(cache: CodeCache, second: string): Promise<{ m: Machine; code: TranslatedCode }> {
    const m = new Machine(await compileEngine());
    m.map(CODE, FRAME);
    m.map(CODE + 0x1000n, SECOND);
    // MOV EAX, 1; CMP EAX, 1; JMP to the next page.
    m.put(FRAME, "b8 01 00 00 00  83 f8 01  e9 f3 0f 00 00");
    m.put(SECOND, second);
    const { exports, memory } = m;
    m.rip = CODE;
    return {
      m,
      code: new TranslatedCode(exports as unknown as WebAssembly.Exports, memory, POOL, { known: cache }),
    };
  }

  it("is not translated anew where the code around it is another one", async () => {
    const cache = open(temporaryFolder("code-cache"));
    const first = await machine(cache, "83 c0 07 cc");
    expect(first.code.translate(first.code.request(FRAME, CODE))).toBe(true);
    const other = await machine(cache, "83 c0 09 cc");
    const known = other.code.knownOf(other.code.request(FRAME, CODE));
    expect(known).toHaveLength(1);
    expect(other.code.takeKnown(known)).toBe(false);
    expect([other.code.count, other.code.decoded]).toEqual([0, 0]);
    const same = await machine(cache, "83 c0 07 cc");
    expect(same.code.takeKnown(same.code.knownOf(same.code.request(FRAME, CODE)))).toBe(true);
    same.m.run();
    expect([same.m.reg(RAX), same.code.entered()]).toEqual([8n, 1]);
  });

  it("is what was made last, where other code was around it before", async () => {
    const folder = temporaryFolder("code-cache");
    let cache = open(folder);
    for (const second of ["83 c0 07 cc", "83 c0 09 cc"]) {
      const { code } = await machine(cache, second);
      expect(code.translate(code.request(FRAME, CODE))).toBe(true);
    }
    for (let round = 0; round < 2; round++) {
      const { code } = await machine(cache, "83 c0 09 cc");
      expect(code.takeKnown(code.knownOf(code.request(FRAME, CODE)))).toBe(true);
      expect(code.decoded).toBe(0);
      cache.close();
      cache = open(folder);
    }
    cache.close();
  });
});

describe("a folder of translated code", () => {
  afterEach(() => {
    if (process.getuid?.() === 0) process.seteuid!(0);
  });

  it.skipIf(process.platform !== "linux")(
    "with thousands of files is read as far as a few files go, and becomes one",
    () => {
      const folder = temporaryFolder("code-cache");
      const name = (n: number): string => path.join(folder, `${VERSION}-${n}.regions`);
      filled(folder, [region(1)]);
      for (let n = 0; n < 2000; n++) writeFileSync(name(n), "");
      const opened = (): number => readdirSync("/proc/self/fd").length;
      const before = opened();
      const cache = open(folder);
      expect(opened() - before).toBeLessThan(3);
      expect(regionFiles(folder)).toHaveLength(1);
      cache.close();
      expect(opened()).toBe(before);
    },
  );

  it("with more bytes than are kept keeps what is newest", () => {
    const folder = temporaryFolder("code-cache");
    filled(folder, [region(1, 1), region(2, 1)]);
    const [first] = regionFiles(folder);
    const file = openSync(path.join(folder, first!), "r+");
    ftruncateSync(file, 80 << 20);
    closeSync(file);
    filled(folder, []);
    // Files that were written within a few milliseconds have the same time.
    utimesSync(path.join(folder, regionFiles(folder)[0]!), 1, 1);
    filled(folder, [region(1, 2)]);
    expect(regionFiles(folder).reduce((sum, name) => sum + statSync(path.join(folder, name)).size, 0)).toBeLessThan(
      1 << 20,
    );
    const cache = open(folder);
    expect([found(cache, 1), found(cache, 2)]).toEqual([2, 1]);
    cache.close();
  });

  it.skipIf(process.platform !== "linux")("that can't be written to is read, and stays as it is", () => {
    const folder = temporaryFolder("code-cache");
    execFileSync("chmod", ["a+rx", folder]);
    const numbers = Array.from({ length: 20 }, (_, n) => n);
    filled(folder, [region(100)], "fedcba9876543210");
    const [other] = regionFiles(folder);
    // The names and times of more files than are merged.
    const lists = numbers.map((n) => {
      const each = temporaryFolder("code-cache");
      filled(each, [region(n)]);
      return path.join(each, regionFiles(each)[0]!);
    });
    execFileSync("cp", ["-f", ...lists, folder]);
    execFileSync("chmod", ["-R", "a+r,go-w", folder]);
    if (process.getuid!() === 0) process.seteuid!(65534);
    else execFileSync("chmod", ["a-w", folder]);
    const cache = open(folder);
    expect(numbers.map((n) => found(cache, n))).toEqual(numbers.map(() => 1));
    cache.add(region(200));
    cache.close();
    if (process.getuid!() === 0) process.seteuid!(0);
    else execFileSync("chmod", ["u+w", folder]);
    expect(regionFiles(folder)).toHaveLength(21);
    expect(regionFiles(folder)).toContain(other);
  });

  it("on a disk that is full is read, and gets no more files", () => {
    const folder = temporaryFolder("code-cache");
    for (let n = 0; n < 16; n++) filled(folder, [region(n)]);
    disk.left = 100;
    try {
      filled(folder, [region(20), region(21)]);
      for (let n = 0; n < 3; n++) filled(folder, [region(30 + n)]);
      // What was cut off is not believed.
      const cache = open(folder);
      expect([0, 15, 20, 21, 30].map((n) => found(cache, n))).toEqual([1, 1, undefined, undefined, undefined]);
      cache.close();
      expect(regionFiles(folder)).toHaveLength(16);
    } finally {
      disk.left = Infinity;
    }
  });

  it("on a disk that takes a part of what is written gets the rest too", () => {
    const folder = temporaryFolder("code-cache");
    disk.atOnce = 7;
    try {
      for (let n = 0; n < 20; n++) filled(folder, [region(n)]);
    } finally {
      disk.atOnce = Infinity;
    }
    expect(regionFiles(folder).length).toBeLessThan(10);
    const cache = open(folder);
    expect(Array.from({ length: 20 }, (_, n) => found(cache, n))).toEqual(Array.from({ length: 20 }, () => 1));
    cache.close();
  });

  it("has things of other kinds in it, which stay", () => {
    const folder = temporaryFolder("code-cache");
    mkdirSync(path.join(folder, `${VERSION}-folder.regions`));
    if (process.platform === "linux") execFileSync("mkfifo", [path.join(folder, `${VERSION}-fifo.regions`)]);
    filled(folder, [region(1)]);
    const cache = open(folder);
    expect(found(cache, 1)).toBe(1);
    cache.close();
    expect(regionFiles(folder).length).toBe(process.platform === "linux" ? 3 : 2);
  });
});

describe("where translated code is kept", () => {
  afterEach(() => void vi.unstubAllEnvs());
  const where = (variables: Record<string, string | undefined>): string | null => {
    for (const [name, value] of Object.entries({ XENARIUM_CACHE: undefined, XDG_CACHE_HOME: undefined, ...variables }))
      vi.stubEnv(name, value);
    return codeCacheFolder();
  };
  it("is the same place wherever the host's threads are, or none", () => {
    expect(where({ XENARIUM_CACHE: "none" })).toBeNull();
    expect(where({ XENARIUM_CACHE: "cache" })).toBe(path.resolve("cache/code"));
    expect(where({ XENARIUM_CACHE: path.resolve("/var/cache/x") })).toBe(path.resolve("/var/cache/x/code"));
  });
  it.skipIf(process.platform !== "linux")("is below the home folder, unless there is none", () => {
    expect(where({ HOME: "/home/ada" })).toBe("/home/ada/.cache/xenarium/code");
    expect(where({ HOME: "/home/ada", XENARIUM_CACHE: "" })).toBe("/home/ada/.cache/xenarium/code");
    expect(where({ HOME: "/home/ada", XDG_CACHE_HOME: "cache" })).toBe("/home/ada/.cache/xenarium/code");
    expect(where({ HOME: "/home/ada", XDG_CACHE_HOME: "/cache" })).toBe("/cache/xenarium/code");
    expect(where({ HOME: "" })).toBeNull();
  });
});
