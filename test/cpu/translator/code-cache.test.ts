/** Regions that come from the cache on disk (core/machine/translator/code-cache): what is kept, what is not believed, and that they do the same. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { MODE_64 } from "../../../core/machine/cpu/mode_bits.ts";
import { EXTENT_LARGE, EXTENT_SMALL } from "../../../core/machine/layout.ts";
import {
  HASH_BYTES,
  KEPT_OP_BYTES,
  decode,
  encode,
  type KnownRegion,
} from "../../../core/machine/translator/code-cache/known-region.ts";
import { engineVersion } from "../../../core/machine/translator/code-cache/engine-version.ts";
import { CodeCache, hashOf } from "../../../core/machine/translator/code-cache/store.ts";
import { addressBytes, I32, I64 } from "../../../core/machine/translator/wasm.ts";
import { breath } from "../../breath.ts";
import { temporaryFolder } from "../../temporary.ts";
import { compileEngine } from "../engine.ts";
import { Machine } from "../machine.ts";
import { Differential } from "./differential.ts";
import { LegacyDifferential } from "./legacy-differential.ts";
import { TranslatedCode } from "./translated.ts";

const VERSION = "0123456789abcdef";
const pageHash = (n: number): Uint8Array => hashOf(Buffer.alloc(4096, n));
const bytesOf = (length: number, from: number): Uint8Array => Uint8Array.from({ length }, (_, n) => (from + n) & 0xff);

function region(n: number, extent = EXTENT_SMALL, codeBytes = 300): KnownRegion {
  return {
    pages: [
      { offset: 0, hash: pageHash(n) },
      { offset: -4096, hash: pageHash(n + 1) },
    ],
    offset: 0xf31,
    mode: MODE_64,
    extent,
    locals: [I32, I64, I64],
    code: bytesOf(codeBytes, n),
    hints: [
      { at: 7, taken: 0 },
      { at: 290, taken: 1 },
    ],
    addresses: [{ at: 12, op: 1 }],
    ops: bytesOf(2 * KEPT_OP_BYTES, n),
  };
}
/** Bytes are read as Buffer, which is not equal to an Uint8Array. */
const plain = (of: KnownRegion): string => Buffer.from(encode(of)).toString("hex");
const open = (folder: string, version = VERSION): CodeCache => CodeCache.open(folder, version)!;
function filled(folder: string, ...numbers: number[]): void {
  const cache = open(folder);
  for (const n of numbers) cache.add(region(n));
  cache.close();
}
const has = (cache: CodeCache, n: number): boolean => cache.find(pageHash(n), 0xf31, MODE_64, EXTENT_SMALL) !== null;
const files = (folder: string): string[] => readdirSync(folder).map((name) => path.join(folder, name));
const theFile = (folder: string): string => {
  expect(files(folder)).toHaveLength(1);
  return files(folder)[0]!;
};

describe("a region of the cache", () => {
  it("is the same after it was written and read", () => {
    expect(plain(decode(Buffer.from(encode(region(3)))))).toEqual(plain(region(3)));
  });
  it("is refused if it is longer or shorter than it says", () => {
    const bytes = Buffer.from(encode(region(3)));
    for (let length = 0; length < bytes.length; length++)
      expect(() => decode(bytes.subarray(0, length)), `${length}`).toThrow(RangeError);
    expect(() => decode(Buffer.concat([bytes, Buffer.alloc(1)]))).toThrow(RangeError);
  });
  it("has addresses of as many bytes, whatever they are", () => {
    for (const value of [0, 63, 64, 0x5b0000, 0x7fff_ffff, 0x8000_0000 | 0, -1]) {
      const bytes = addressBytes(value);
      expect(bytes).toHaveLength(5);
      expect(bytes.reduceRight((sum, byte, n) => sum | ((byte & 0x7f) << (7 * n)), 0)).toBe(value);
    }
  });
});

describe("the cache of translated code", () => {
  it("has what another host has left in it, and what it was given itself, before and after that is written", () => {
    const folder = path.join(temporaryFolder("code-cache"), "new", "folder");
    filled(folder, 1, 2);
    const cache = open(folder);
    cache.add(region(3));
    cache.add(region(1, EXTENT_LARGE));
    for (let round = 0; round < 2; round++) {
      for (const n of [1, 2, 3])
        expect(plain(cache.find(pageHash(n), 0xf31, MODE_64, EXTENT_SMALL)!)).toEqual(plain(region(n)));
      expect(cache.inPage(pageHash(1), MODE_64)).toEqual(
        [EXTENT_LARGE, EXTENT_SMALL].map((extent) => ({ offset: 0xf31, extent })),
      );
      expect(cache.inPage(pageHash(1), MODE_64 + 1)).toEqual([]);
      expect(has(cache, 4)).toBe(false);
      cache.flush();
    }
    cache.close();
    if (process.platform !== "win32") for (const file of files(folder)) expect(statSync(file).mode & 0o077).toBe(0);
  });

  it("does not believe what was cut off or changed, and has the rest", () => {
    const folder = temporaryFolder("code-cache");
    filled(folder, 1, 2, 3);
    const file = theFile(folder);
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.subarray(0, bytes.length - 1));
    expect([1, 2, 3].map((n) => has(open(folder), n))).toEqual([true, true, false]);
    // A byte of the code of the first.
    bytes[4 + HASH_BYTES + 200]! ^= 1;
    writeFileSync(file, bytes);
    expect([1, 2, 3].map((n) => has(open(folder), n))).toEqual([false, true, true]);
    for (const nonsense of [Buffer.alloc(5), Buffer.alloc(100_000), Buffer.alloc(100_000, 0xff)]) {
      writeFileSync(file, nonsense);
      expect(has(open(folder), 1)).toBe(false);
    }
    // Its hash is right, and it is no region.
    const body = Buffer.concat([encode(region(1)).subarray(0, 60), Buffer.alloc(60, 0xff)]);
    const header = Buffer.alloc(4 + HASH_BYTES);
    header.writeUInt32LE(body.length);
    header.set(hashOf(body), 4);
    writeFileSync(file, Buffer.concat([header, body]));
    expect(has(open(folder), 1)).toBe(false);
  });

  it("belongs to one translator, and to the engine that runs, whatever file has taken its place", () => {
    const folder = temporaryFolder("code-cache");
    const version = (translator: string, engine: string): string => {
      writeFileSync(path.join(folder, "translator.js"), translator);
      return engineVersion(pathToFileURL(path.join(folder, "translator.js")), engine);
    };
    const first = version("a", "1");
    writeFileSync(path.join(folder, "core.wasm"), "2");
    expect(version("a", "1")).toBe(first);
    expect([version("b", "1"), version("a", "2")]).not.toContain(first);
  });

  it("removes what another version of the engine has left, and nothing that is not its own", () => {
    const folder = temporaryFolder("code-cache");
    filled(folder, 1);
    writeFileSync(path.join(folder, "letter.txt"), "dear");
    expect(has(open(folder, "fedcba9876543210"), 1)).toBe(false);
    expect(readdirSync(folder)).toEqual(["letter.txt"]);
  });

  it("makes one file of many, with all that they had", () => {
    const folder = temporaryFolder("code-cache");
    const numbers = Array.from({ length: 20 }, (_, n) => n);
    for (const n of numbers) filled(folder, n);
    expect(files(folder).length).toBeLessThan(20);
    const cache = open(folder);
    expect(numbers.filter((n) => !has(cache, n))).toEqual([]);
    expect(numbers.filter((n) => !has(open(folder), n))).toEqual([]);
  });

  it("grows by 32 MiB at most while one host is on", () => {
    const folder = temporaryFolder("code-cache");
    const cache = open(folder);
    for (let n = 0; n < 60; n++) cache.add(region(n, EXTENT_SMALL, 900_000));
    cache.close();
    expect(statSync(theFile(folder)).size).toBeLessThan(33 << 20);
  });

  it("is not used if others could write to its folder, or it is no folder, and is of no use if that goes", () => {
    const folder = temporaryFolder("code-cache");
    const file = path.join(folder, "file");
    writeFileSync(file, "");
    expect(CodeCache.open(file, VERSION)).toBeNull();
    expect(CodeCache.open(path.join(file, "below"), VERSION)).toBeNull();
    if (process.platform !== "win32") {
      mkdirSync(path.join(folder, "open"));
      chmodSync(path.join(folder, "open"), 0o777);
      expect(CodeCache.open(path.join(folder, "open"), VERSION)).toBeNull();
      symlinkSync(folder, path.join(folder, "link"));
      expect(CodeCache.open(path.join(folder, "link"), VERSION)).toBeNull();
    }
    const gone = path.join(folder, "gone");
    const cache = open(gone);
    rmSync(gone, { recursive: true });
    cache.add(region(1));
    cache.close();
    expect(existsSync(gone)).toBe(false);
  });
});

describe("regions from the cache", () => {
  it.each([
    ["on random programs", Differential, 150, 500],
    ["in 16- and 32-bit modes, in which the same pages are other code", LegacyDifferential, 100, 300],
  ])(
    "agree with the interpreter %s",
    async (_, programs, count, least) => {
      const machines = await programs.create(open(temporaryFolder("code-cache")));
      const seed = Date.now() % 0x3fffffff;
      for (let i = 0; i < count; i++) {
        expect(machines.run(seed + i), `seed ${seed + i}`).toBeNull();
        if (i % 50 === 0) await breath();
      }
      expect(machines.known).toBeGreaterThan(least);
    },
    240_000,
  );

  it("are used only where all of their code is the same, and lie elsewhere in the next machine", async () => {
    const folder = temporaryFolder("code-cache");
    const engine = await compileEngine();
    const [CODE, FRAME, POOL] = [0x40_0000n, 0x3a0_0000, 0x3b0_0000];
    // 100 / 9 by DIV, which is the interpreter's function; then a jump to the next page, where 7 is added; INT3.
    const first = [0xb8, 100, 0, 0, 0, 0x31, 0xd2, 0xb9, 9, 0, 0, 0, 0xf7, 0xf1, 0xe9, 0xed, 0x0f, 0, 0];
    const second = [0x83, 0xc0, 7, 0xcc];
    const machine = (frame: number, cache: CodeCache, change?: (m: Machine) => void) => {
      const m = new Machine(engine, null, 1024);
      m.map(CODE, frame);
      m.map(CODE + 0x1000n, frame + 0x8000);
      const bytes = new Uint8Array(m.memory.buffer);
      bytes.set(first, frame);
      bytes.set(second, frame + 0x8000);
      change?.(m);
      const code = new TranslatedCode(m.exports as unknown as WebAssembly.Exports, m.memory, POOL, { known: cache });
      m.exports.engine_flush!();
      m.rip = CODE;
      const before = code.known;
      const request = code.request(frame, CODE);
      expect(code.translate(request)).toBe(true);
      m.rip = CODE;
      m.run();
      return { known: code.known - before, rax: m.reg(0), of: code.knownOf(request).length };
    };
    const cache = open(folder);
    expect(machine(FRAME, cache)).toMatchObject({ known: 0, rax: 18n, of: 1 });
    cache.close();
    const next = open(folder);
    expect(machine(FRAME + 0x10000, next)).toMatchObject({ known: 1, rax: 18n, of: 1 });
    // The second page is another one.
    expect(machine(FRAME, next, (m) => void (new Uint8Array(m.memory.buffer)[FRAME + 0x8002] = 9))).toMatchObject({
      known: 0,
      rax: 20n,
    });
    // So is the first, although not in what the region has of it.
    expect(machine(FRAME, next, (m) => void (new Uint8Array(m.memory.buffer)[FRAME + 0x800] = 1))).toMatchObject({
      known: 0,
      rax: 18n,
    });
  });
});
