/**
 * Files that a client gives to be started, spoiled in every way. Each must be a kernel like any other or be refused with a sentence, in bounded time.
 * `XENARIUM_TRIES=100000 npx vitest run test/fuzz/builder.test.ts`.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { compressionOf, decompress, type Compression } from "../../core/dom0/builder/decompress.ts";
import { ImageError, type ElfImage } from "../../core/dom0/builder/elf.ts";
import { identifyImage } from "../../core/dom0/builder/image.ts";
import type { UnpackReply, UnpackRequest } from "../../core/dom0/builder/unpack.ts";
import { layoutPv } from "../../core/dom0/builder/layout.ts";
import { hasPvhNote, pvhEntry, pvParameters } from "../../core/dom0/builder/notes.ts";
import { layoutPvh } from "../../core/dom0/builder/pvh/layout.ts";
import { lz4Bomb, lzmaBomb, zstdBomb } from "../dom0/bombs.ts";
import { pvElf, pvhElf } from "../dom0/elf-files.ts";
import { breath } from "../breath.ts";
import { ownMilliseconds } from "../process.ts";
import { toolMissing } from "../tools.ts";
import { mutate, pick, random, SEED, triesOf } from "./random.ts";
import { UnpackingThread } from "./unpacking-thread.ts";

const MOST_MS = 3000;
const mini = readFileSync(path.resolve(import.meta.dirname, "../../assets/guests/mini.elf"));

/** A bzImage as Linux's build makes one: setup sectors, header, payload and, after it, the size. */
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

/** A RAM disk of one file, as cpio makes it. */
function cpio(contents: Buffer): Buffer {
  const entry = (name: string, bytes: Buffer): Buffer => {
    const numbers = [1, 0o100755, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length + 1, 0];
    const head = `070701${numbers.map((n) => n.toString(16).padStart(8, "0")).join("")}${name}\0`;
    const padded = (part: Buffer): Buffer => Buffer.concat([part, Buffer.alloc(-part.length & 3)]);
    return Buffer.concat([padded(Buffer.from(head)), padded(bytes)]);
  };
  return Buffer.concat([entry("init", contents), entry("TRAILER!!!", Buffer.alloc(0))]);
}

/** As the program of that name packs it. */
const packed = (program: string, args: string[], bytes: Buffer): Buffer =>
  execFileSync(program, args, { input: bytes, maxBuffer: 1 << 26, stdio: ["pipe", "pipe", "ignore"] });

const kernel = pvElf();
const pvh = pvhElf();
const ramdisk = cpio(mini);
const files = [
  ...[kernel, mini, gzipSync(kernel), bzImage(gzipSync(mini)), bzImage(mini)],
  ...[pvh, gzipSync(pvh), bzImage(gzipSync(pvh))],
  ...[ramdisk, gzipSync(ramdisk)],
];
const PAGES = [16, 4096, 1 << 20];
const RAMDISKS = [null, 0, 1, 4096, ramdisk.length, 2 ** 31];
/** hvm_start_info with a short command line, and with a long one. */
const START_INFO_BYTES = [200, 5000];

/** Does what the builder of PVH domains does with it. Everything that it would write must lie in the domain's memory, without overlap. */
function layOutPvh(elf: ElfImage, pages: number, ramdiskBytes: number | null, infoBytes: number): void {
  expect(pvhEntry(elf)).toBeLessThan(2 ** 32);
  const modules = ramdiskBytes === null ? [] : [ramdiskBytes];
  const { segments, modules: places, startInfo } = layoutPvh(elf, pages, modules, infoBytes);
  const at = places[0] ?? null;
  const end = pages * 4096;
  let next = 0;
  for (const segment of segments) {
    expect(segment.offset + segment.length).toBeLessThanOrEqual(elf.bytes.length);
    next = Math.max(next, segment.at + segment.length);
  }
  for (const [begin, bytes] of [
    ...(at === null ? [] : [[at, ramdiskBytes ?? 0] as const]),
    [startInfo, infoBytes] as const,
  ]) {
    expect(Number.isInteger(begin) && begin >= next).toBe(true);
    next = begin + bytes;
  }
  expect(next).toBeLessThanOrEqual(end);
}

describe("a kernel's file", () => {
  const tries = triesOf(3000);
  it(`is refused or a kernel, spoiled ${tries} times (seed ${SEED})`, async () => {
    const chance = random(SEED);
    const kinds = new Map<string, number>();
    let slowest = 0;
    let laidOut = 0;
    for (let i = 0; i < tries; i++) {
      if (i % 500 === 0) await breath();
      const file = pick(chance, files);
      // Mostly in headers and notes, because after them there is code, which nobody reads.
      const within = chance(3) === 0 ? file.length : pick(chance, [64, 200, 1024, 8192]);
      const bad = mutate(chance, file, within);
      const began = ownMilliseconds();
      const image = await identifyImage(bad);
      expect(image.bootable || image.reason !== null, `try ${i}`).toBe(true);
      const [pages, ramdiskBytes] = [pick(chance, PAGES), pick(chance, RAMDISKS)];
      try {
        if (image.bootable && image.elf) layoutPv(pvParameters(image.elf), pages, ramdiskBytes);
        if (image.elf && hasPvhNote(image.elf)) {
          layOutPvh(image.elf, pages, ramdiskBytes, pick(chance, START_INFO_BYTES));
          laidOut++;
        }
      } catch (error) {
        expect(error, `try ${i}`).toBeInstanceOf(ImageError);
      }
      slowest = Math.max(slowest, ownMilliseconds() - began);
      kinds.set(image.kind, (kinds.get(image.kind) ?? 0) + 1);
    }
    expect(slowest).toBeLessThan(MOST_MS);
    // This shows that the test did something: some were still kernels, some were not.
    expect(kinds.get("elf-pv64") ?? 0).toBeGreaterThan(tries / 100);
    expect(kinds.get("elf-pvh") ?? 0).toBeGreaterThan(tries / 100);
    expect(kinds.get("initrd") ?? 0).toBeGreaterThan(tries / 100);
    expect(laidOut).toBeGreaterThan(tries / 100);
    expect(kinds.size).toBeGreaterThan(3);
  }, 180_000);
});

describe("packed data", () => {
  const plain = mini.subarray(0, 40_000);
  const xz = toolMissing("xz", "xz-utils");
  const lz4 = toolMissing("lz4", "lz4");
  const zstd = toolMissing("zstd", "zstd");
  const bzip2 = toolMissing("bzip2", "bzip2");
  /** These make as much work as they like from hostile data. A thread that takes longer is ended, as in the product. */
  const endless = new Set<Compression>(["bzip2", "zstd"]);
  /** `missing` names the program that packs it. */
  const originals: { name: string; missing: string | null; pack: () => Buffer }[] = [
    { name: "gzip", missing: null, pack: () => gzipSync(plain) },
    { name: "xz", missing: xz, pack: () => packed("xz", ["--check=crc32", "--x86", "--lzma2=dict=1MiB", "-c"], plain) },
    { name: "xz without a filter", missing: xz, pack: () => packed("xz", ["-c"], plain) },
    { name: "lzma", missing: xz, pack: () => packed("xz", ["--format=lzma", "-c"], plain) },
    { name: "lzma of zeros", missing: null, pack: () => lzmaBomb(200, 273n * 200n + 1n) },
    { name: "lz4", missing: lz4, pack: () => packed("lz4", ["-l", "-c"], plain) },
    { name: "lz4 of zeros", missing: null, pack: () => lz4Bomb(1) },
    { name: "zstd", missing: zstd, pack: () => packed("zstd", ["-q", "-c"], plain) },
    { name: "zstd of zeros", missing: null, pack: () => zstdBomb(2) },
    { name: "bzip2", missing: bzip2, pack: () => packed("bzip2", ["-c"], plain) },
  ];
  const most = 16 * 2 ** 20;
  const tries = triesOf(300);
  const thread = new UnpackingThread();
  afterAll(() => thread.end());
  async function unpacked(request: UnpackRequest): Promise<UnpackReply | "late"> {
    if (endless.has(request.compression)) return thread.unpack(request, MOST_MS);
    const began = ownMilliseconds();
    try {
      return { bytes: await decompress(request.bytes, request.compression, request.most) };
    } catch (error) {
      return { error: (error as Error).message };
    } finally {
      expect(ownMilliseconds() - began).toBeLessThan(MOST_MS);
    }
  }

  for (const { name, missing, pack } of originals)
    it.skipIf(missing !== null)(
      `is unpacked, or refused with a reason, spoiled ${tries} times: ${name} (${missing ?? `seed ${SEED}`})`,
      async () => {
        const original = pack();
        const compression = compressionOf(original)!;
        const chance = random(SEED);
        let refused = 0;
        let late = 0;
        for (let i = 0; i < tries; i++) {
          if (i % 100 === 0) await breath();
          const bad = mutate(chance, original, chance(2) === 0 ? original.length : 32);
          const reply = await unpacked({ bytes: bad, compression, most });
          if (reply === "late") late++;
          else if ("error" in reply) {
            refused++;
            expect(reply.error, `try ${i}`).toMatch(/\w{3}/);
          } else expect(reply.bytes.length, `try ${i}`).toBeLessThanOrEqual(most);
        }
        expect(refused).toBeGreaterThan(tries / 20);
        expect(late).toBeLessThanOrEqual(Math.ceil(tries / 100));
      },
      120_000 + tries * 50,
    );
});
