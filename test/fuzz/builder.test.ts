/**
 * Files that a client gives to be started, spoiled in all the ways there are: each is a kernel like any other or is refused with a sentence,
 * in bounded time. `XENARIUM_TRIES=100000 npx vitest run test/fuzz/builder.test.ts`.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { compressionOf, decompress, type Compression } from "../../core/dom0/builder/decompress.ts";
import { ImageError } from "../../core/dom0/builder/elf.ts";
import { identifyImage } from "../../core/dom0/builder/image.ts";
import { unpackBeside } from "../../core/dom0/builder/unpack.ts";
import { layoutPv } from "../../core/dom0/builder/layout.ts";
import { pvParameters } from "../../core/dom0/builder/notes.ts";
import { lz4Bomb, lzmaBomb, zstdBomb } from "../dom0/bombs.ts";
import { pvElf } from "../dom0/elf-files.ts";
import { breath } from "../breath.ts";
import { ownMilliseconds } from "../process.ts";
import { mutate, pick, random, SEED, triesOf } from "./random.ts";

const MOST_MS = 3000;
const script = pathToFileURL(path.resolve(import.meta.dirname, "../../dist/unpack.js"));
const mini = readFileSync(path.resolve(import.meta.dirname, "../../assets/guests/mini.elf"));

/** A bzImage as Linux's build makes one: setup sectors, header, payload and the size behind it. */
function bzImage(payload: Buffer): Buffer {
  const setup = Buffer.alloc(2 * 512);
  setup[0x1f1] = 1;
  setup.writeUInt16LE(0xaa55, 0x1fe);
  setup.write("HdrS", 0x202, "latin1");
  setup.writeUInt16LE(0x20f, 0x206);
  setup.writeUInt16LE(0x100, 0x20e);
  setup.write("6.1.0-fuzz (x) #1", 0x300, "latin1");
  setup.writeUInt32LE(0, 0x248);
  setup.writeUInt32LE(payload.length, 0x24c);
  return Buffer.concat([setup, payload]);
}

/** As the program of that name packs it; null where there is none. */
function packed(program: string, args: string[], bytes: Buffer): Buffer | null {
  try {
    return execFileSync(program, args, { input: bytes, maxBuffer: 1 << 26, stdio: ["pipe", "pipe", "ignore"] });
  } catch {
    return null;
  }
}

const kernel = pvElf();
const files = [kernel, mini, gzipSync(kernel), bzImage(gzipSync(mini)), bzImage(mini)];

describe("a kernel's file", () => {
  const tries = triesOf(3000);
  it(`is refused or a kernel, spoiled ${tries} times (seed ${SEED})`, async () => {
    const chance = random(SEED);
    const kinds = new Map<string, number>();
    let slowest = 0;
    for (let i = 0; i < tries; i++) {
      if (i % 500 === 0) await breath();
      const file = pick(chance, files);
      // Headers and notes, for the most part: what is behind them is code, which nobody reads.
      const within = chance(3) === 0 ? file.length : pick(chance, [64, 200, 1024, 8192]);
      const bad = mutate(chance, file, within);
      const began = ownMilliseconds();
      const image = await identifyImage(bad);
      expect(image.bootable || image.reason !== null, `try ${i}`).toBe(true);
      if (image.bootable && image.elf)
        try {
          layoutPv(pvParameters(image.elf), pick(chance, [16, 4096, 1 << 20]), null);
        } catch (error) {
          expect(error, `try ${i}`).toBeInstanceOf(ImageError);
        }
      slowest = Math.max(slowest, ownMilliseconds() - began);
      kinds.set(image.kind, (kinds.get(image.kind) ?? 0) + 1);
    }
    expect(slowest).toBeLessThan(MOST_MS);
    // It got somewhere: some were still kernels, some were not.
    expect(kinds.get("elf-pv64") ?? 0).toBeGreaterThan(tries / 100);
    expect(kinds.size).toBeGreaterThan(3);
  });
});

describe("packed data", () => {
  const plain = mini.subarray(0, 40_000);
  const originals: [string, Buffer | null][] = [
    ["gzip", gzipSync(plain)],
    ["xz", packed("xz", ["--check=crc32", "--x86", "--lzma2=dict=1MiB", "-c"], plain)],
    ["xz without a filter", packed("xz", ["-c"], plain)],
    ["lzma", packed("xz", ["--format=lzma", "-c"], plain)],
    ["lzma of zeros", lzmaBomb(200, 273n * 200n + 1n)],
    ["lz4", packed("lz4", ["-l", "-c"], plain)],
    ["lz4 of zeros", lz4Bomb(1)],
    ["zstd", packed("zstd", ["-q", "-c"], plain)],
    ["zstd of zeros", zstdBomb(2)],
    ["bzip2", packed("bzip2", ["-c"], plain)],
  ];
  const most = 16 * 2 ** 20;
  const tries = triesOf(300);
  // Those that can be made to take for ever are unpacked where the product unpacks them, in a thread whose time ends.
  const endless = new Set<Compression>(["bzip2", "zstd"]);
  const unpack = (bytes: Buffer, compression: Compression): Promise<Uint8Array> =>
    endless.has(compression)
      ? unpackBeside(script, bytes, compression, { most, milliseconds: MOST_MS })
      : decompress(bytes, compression, most);
  it.each(originals.filter((each): each is [string, Buffer] => each[1] !== null))(
    `is unpacked, or refused with a reason, spoiled ${tries} times: %s (seed ${SEED})`,
    async (_name, original) => {
      const compression = compressionOf(original)!;
      const chance = random(SEED);
      // A thread takes its time to start.
      const times = endless.has(compression) ? Math.ceil(tries / 20) : tries;
      let refused = 0;
      let slowest = 0;
      for (let i = 0; i < times; i++) {
        if (i % 100 === 0) await breath();
        const bad = mutate(chance, original, chance(2) === 0 ? original.length : 32);
        const began = ownMilliseconds();
        try {
          expect((await unpack(bad, compression)).length, `try ${i}`).toBeLessThanOrEqual(most);
        } catch (error) {
          refused++;
          expect((error as Error).message, `try ${i}`).toMatch(/\w{3}/);
        }
        slowest = Math.max(slowest, ownMilliseconds() - began);
      }
      expect(refused).toBeGreaterThan(times / 20);
      expect(slowest).toBeLessThan(2 * MOST_MS);
    },
  );
});
