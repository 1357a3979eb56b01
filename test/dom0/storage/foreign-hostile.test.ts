/**
 * VHDs and VMDKs that are made to do harm to whoever has them as disks: to the thread that serves all domains, to its memory, and to files of the user's
 * that they name. They are opened as a domain's disk is, to be read and disposable.
 */
import fs, { readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { Disks } from "../../../core/dom0/backends/blk/disks.ts";
import { StoreError } from "../../../core/dom0/storage/block-store.ts";
import { openStore } from "../../../core/dom0/storage/open.ts";
import { UnpackedPieces } from "../../../core/dom0/storage/unpacked.ts";
import { ViewReader } from "../../../core/dom0/storage/views.ts";
import { seeded } from "../../random.ts";
import { temporaryFolder } from "../../temporary.ts";
import { makeVmdk, SECTOR, turnsDuring } from "./made-vmdk.ts";
import { withPatchedFs } from "./patched-fs.ts";

const folder = temporaryFolder("foreign-hostile");
const at = (name: string): string => path.join(folder, name);
const disks = new Disks(folder);
const MIB = 2 ** 20;
const PAGE = 4096;
const VHD_HEADER = 512;
const VHD_TABLE = 1536;

/** A guest's memory, in pages that do not lie side by side. */
const memory = Buffer.alloc(2 * MIB);
const pages = Array.from({ length: 256 }, (_, page) => memory.subarray(2 * page * PAGE, (2 * page + 1) * PAGE));
/** Reads that one queue, and four of them, have under way. */
const OF_QUEUE = 64;
const UNDER_WAY = 4 * OF_QUEUE;

interface MadeVhd {
  size: number;
  blockSize: number;
  entries: readonly number[];
  type?: number;
  tableOffset?: number;
  /** What lies behind the table. */
  data?: Buffer;
}

function makeVhd(file: string, { size, blockSize, entries, type = 3, tableOffset = VHD_TABLE, data }: MadeVhd): void {
  const footer = Buffer.alloc(512);
  footer.write("conectix");
  footer.writeBigUInt64BE(BigInt(VHD_HEADER), 16);
  footer.writeBigUInt64BE(BigInt(size), 40);
  footer.writeBigUInt64BE(BigInt(size), 48);
  footer.writeUInt32BE(type, 60);
  const header = Buffer.alloc(1024);
  header.write("cxsparse");
  header.writeBigUInt64BE(2n ** 64n - 1n, 8);
  header.writeBigUInt64BE(BigInt(tableOffset), 16);
  header.writeUInt32BE(entries.length, 28);
  header.writeUInt32BE(blockSize, 32);
  for (const [bytes, place] of [
    [footer, 64],
    [header, 36],
  ] as const)
    bytes.writeUInt32BE(~bytes.reduce((sum, byte) => sum + byte, 0) >>> 0, place);
  const table = Buffer.alloc(Math.ceil((4 * entries.length) / 512) * 512, 0xff);
  entries.forEach((entry, i) => table.writeUInt32BE(entry, 4 * i));
  writeFileSync(file, Buffer.concat([footer, header, table, data ?? Buffer.alloc(0), footer]));
}

/** How often others have their turn while a queue has as many reads under way as it can, of a mebibyte each. */
async function turnsOfReads(name: string, format: string): Promise<number> {
  const store = await openStore(at(name), format, "read");
  try {
    const all = Array.from({ length: OF_QUEUE }, (_, i) => store.size - (i + 1) * MIB);
    return await turnsDuring(() => Promise.all(all.map((offset) => store.read(offset, pages))));
  } finally {
    await store.close();
  }
}

it("one of the smallest blocks, of which none is there, lets others have their turn", async () => {
  const blocks = OF_QUEUE * (MIB / SECTOR);
  makeVmdk(at("tiny.vmdk"), { grains: blocks, grainSectors: 1, perTable: 4096, entries: [] });
  expect(await turnsOfReads("tiny.vmdk", "vmdk")).toBeGreaterThan(blocks / 600);
  makeVhd(at("tiny.vhd"), {
    size: blocks * SECTOR,
    blockSize: SECTOR,
    entries: new Array<number>(blocks).fill(0xffffffff),
  });
  expect(await turnsOfReads("tiny.vhd", "vhd")).toBeGreaterThan(blocks / 600);
}, 30_000);

it("one whose packed grains are as large as can be takes memory for a few of them, however many are asked for at once", async () => {
  // In each sector a grain of 2 MiB seems to begin.
  const data = Buffer.alloc(4 * MIB);
  for (let sector = 0; sector < data.length; sector += SECTOR) data.writeUInt32LE(2 * MIB, sector + 8);
  const image = { grains: UNDER_WAY, grainSectors: MIB / SECTOR, flags: 0x30001, data };
  const first = makeVmdk(at("packed.vmdk"), { ...image, entries: [] });
  makeVmdk(at("packed.vmdk"), { ...image, entries: Array.from({ length: UNDER_WAY }, (_, i) => first + i) });
  const store = await openStore(at("packed.vmdk"), "vmdk", "read");
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  let isOver = false;
  const look = (): void => {
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    if (!isOver) setImmediate(look);
  };
  look();
  const reads = Array.from({ length: UNDER_WAY }, (_, i) => store.read(i * MIB, [pages[0]!]));
  for (const result of await Promise.allSettled(reads)) expect(result).toMatchObject({ reason: { code: "EIO" } });
  isOver = true;
  await store.close();
  // What is no longer needed may not have been given back yet.
  expect(most).toBeLessThan(200 * MIB);
});

it("pieces are unpacked four at a time, in their order, and one that fails leaves its place", async () => {
  const pieces = new UnpackedPieces();
  const begun: number[] = [];
  let [underWay, most] = [0, 0];
  const unpack = (offset: number) => async (): Promise<Uint8Array> => {
    begun.push(offset);
    most = Math.max(most, ++underWay);
    await new Promise(setImmediate);
    underWay--;
    if (offset % 3 === 0) throw new Error(`no ${offset}`);
    return Uint8Array.of(offset);
  };
  const asked = Array.from({ length: 100 }, (_, offset) => offset);
  const results = await Promise.allSettled(
    asked.flatMap((each) => [pieces.get(each, unpack(each)), pieces.get(each, unpack(each))]),
  );
  expect([most, begun]).toEqual([4, asked]);
  results.forEach((result, i) => {
    const offset = Math.floor(i / 2);
    if (offset % 3 === 0) expect(result).toMatchObject({ reason: { message: `no ${offset}` } });
    else expect(result).toEqual({ status: "fulfilled", value: Uint8Array.of(offset) });
  });
  // One that failed is tried again.
  expect(await pieces.get(99, () => Promise.resolve(Uint8Array.of(7)))).toEqual(Uint8Array.of(7));
});

it("views are handed out byte by byte, page by page, or all at once", () => {
  const bytes = Uint8Array.from({ length: 100 }, (_, i) => i);
  const views = [
    bytes.subarray(0, 0),
    bytes.subarray(0, 7),
    bytes.subarray(7, 7),
    bytes.subarray(7, 50),
    bytes.subarray(50),
  ];
  for (const step of [1, 3, 7, 50, 100]) {
    const reader = new ViewReader(views);
    const got: number[] = [];
    for (let done = 0; done < 100; done += step) {
      const part = reader.take(Math.min(step, 100 - done));
      expect(part.every(({ length }) => length > 0)).toBe(true);
      got.push(...part.flatMap((view) => [...view]));
    }
    expect(got).toEqual([...bytes]);
  }
});

it("one whose tables lie over each other, over themselves and beyond the file's end gives errors or bytes of its own, and stays as it is", async () => {
  const random = seeded(13);
  const below = (most: number): number => Math.floor(random() * most);
  let [errors, bytes] = [0, 0];
  for (let i = 0; i < 60; i++) {
    const isVhd = i % 2 === 0;
    const name = isVhd ? "crossed.vhd" : "crossed.vmdk";
    const entry = (): number => [0, 1, 2, 3, 8, 9, below(64), 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1][below(10)]!;
    const entries = Array.from({ length: 16 }, entry);
    const data = Buffer.alloc(below(64) * SECTOR, 0xff);
    if (isVhd)
      makeVhd(at(name), {
        ...{ size: 16 * 65536, blockSize: 65536, entries, data },
        tableOffset: [VHD_TABLE, 0, 512, below(2048)][below(4)]!,
      });
    else makeVmdk(at(name), { grains: 16, entries, flags: [1, 3, 7, 0x30001][below(4)]!, data });
    const before = readFileSync(at(name));
    try {
      const disk = await disks.open(at(name), isVhd ? "vhd" : "vmdk", "disposable");
      try {
        for (let block = 0; block < 16; block++) {
          const got = Buffer.alloc(65536);
          const isRead = await disk.read(block * 65536, [got]).then(
            () => true,
            (error: unknown) => {
              expect(error).toBeInstanceOf(StoreError);
              return false;
            },
          );
          if (isRead) bytes++;
          else errors++;
        }
        // What is written in whole pages is read again, whatever the image is.
        await disk.write(65536, [Buffer.alloc(8192, 3)]);
        const again = Buffer.alloc(8192);
        await disk.read(65536, [again]);
        expect(again.every((byte) => byte === 3)).toBe(true);
      } finally {
        await disk.close();
      }
    } catch (error) {
      expect(error, String(error)).toBeInstanceOf(StoreError);
      errors++;
    }
    expect(readFileSync(at(name)).equals(before)).toBe(true);
  }
  expect([errors > 40, bytes > 40]).toEqual([true, true]);
});

it("one with the largest tables that there can be, or larger ones, takes no more memory than those", async () => {
  const before = process.memoryUsage().arrayBuffers;
  // 2^22 blocks fill the largest table. The file has it as a hole, so every block seems to begin at sector 0.
  for (const [size, blockSize] of [
    [2 ** 43, 2 ** 21],
    [2 ** 44, 2 ** 21],
    [2 ** 53 - 512, 2 ** 28],
    [2 ** 63 - 512, 512],
  ] as const) {
    makeVhd(at("large.vhd"), { size, blockSize, entries: [0] });
    const image = readFileSync(at("large.vhd"));
    const header = image.subarray(VHD_HEADER, VHD_HEADER + 1024);
    header.writeUInt32BE(0xffffffff, 28);
    header.writeUInt32BE(0, 36);
    header.writeUInt32BE(~header.reduce((sum, byte) => sum + byte, 0) >>> 0, 36);
    writeFileSync(at("large.vhd"), image.subarray(0, image.length - 512));
    truncateSync(at("large.vhd"), 64 * MIB);
    const got = Buffer.alloc(512, 1);
    const read = openStore(at("large.vhd"), "vhd", "read").then(async (store) => {
      await store.read(store.size - 512, [got]).finally(() => store.close());
    });
    if (size === 2 ** 43) await read;
    else await expect(read).rejects.toBeInstanceOf(StoreError);
  }
  for (const [grains, grainSectors, perTable] of [
    [2 ** 32, 2048, 4096],
    [2 ** 40, 1, 1],
    [2 ** 52, 1, 4096],
  ] as const) {
    makeVmdk(at("large.vmdk"), { grains: 1, grainSectors, perTable, entries: [] });
    const image = readFileSync(at("large.vmdk"));
    image.writeBigUInt64LE(BigInt(grains) * BigInt(grainSectors), 12);
    writeFileSync(at("large.vmdk"), image);
    truncateSync(at("large.vmdk"), 64 * MIB);
    const opened = openStore(at("large.vmdk"), "vmdk", "read");
    if (grains === 2 ** 32) await (await opened).close();
    else await expect(opened).rejects.toBeInstanceOf(StoreError);
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(256 * MIB);
}, 30_000);

it("one that names other files, or devices, has none of them opened", async () => {
  writeFileSync(at("secret"), Buffer.alloc(65536, 0x53));
  const names = [
    ...["../../../../../../etc/passwd", "/etc/passwd", "secret", at("secret"), "./secret", "/dev/zero", "/dev/mem"],
    ...["\\\\.\\PhysicalDrive0", "file:///etc/passwd", "http://127.0.0.1:1/x", "json:{}", 'se"cret', "/proc/self/mem"],
  ];
  const types = [
    ...["monolithicFlat", "twoGbMaxExtentFlat", "twoGbMaxExtentSparse", "vmfs", "vmfsRaw", "fullDevice", "custom"],
    ...["partitionedDevice", "vmfsRawDeviceMap", "monolithicSparse", "streamOptimized"],
  ];
  const opened: string[] = [];
  const { open, openSync } = fs;
  const spied = {
    open: ((file: fs.PathLike, ...rest: unknown[]) => {
      opened.push(String(file));
      return (open as (...args: unknown[]) => void)(file, ...rest);
    }) as typeof fs.open,
    openSync: ((file: fs.PathLike, ...rest: unknown[]) => {
      opened.push(String(file));
      return (openSync as (...args: unknown[]) => number)(file, ...rest);
    }) as typeof fs.openSync,
  };
  await withPatchedFs(spied, async () => {
    // Their numbers have no common factor, so these are all different.
    for (let i = 0; i < 2 * names.length; i++) {
      const [type, name] = [types[i % types.length]!, names[i % names.length]!];
      const kind = ["FLAT", "SPARSE", "VMFS", "ZERO", "VMFSRDM"][i % 5]!;
      const text = `# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType="${type}"\nparentFileNameHint="${name}"\nRW 128 ${kind} "${name}" 0\n`;
      writeFileSync(at("named.vmdk"), text.padEnd(1024, "\0"));
      await expect(disks.open(at("named.vmdk"), "vmdk", "disposable")).rejects.toThrow(/in other files/);
      // The same text within an image that has its data itself: these are what is read.
      const first = makeVmdk(at("inside.vmdk"), { grains: 1, entries: [], data: Buffer.alloc(65536, 7) });
      makeVmdk(at("inside.vmdk"), { grains: 1, entries: [first], data: Buffer.alloc(65536, 7) });
      const image = readFileSync(at("inside.vmdk"));
      image.writeBigUInt64LE(BigInt(image.length / SECTOR), 28);
      image.writeBigUInt64LE(2n, 36);
      writeFileSync(at("inside.vmdk"), Buffer.concat([image, Buffer.from(text.padEnd(1024, "\0"))]));
      const disk = await disks.open(at("inside.vmdk"), "vmdk", "disposable");
      const got = Buffer.alloc(65536);
      await disk.read(0, [got]).finally(() => disk.close());
      expect(got.every((byte) => byte === 7)).toBe(true);
    }
    for (const name of names) {
      makeVhd(at("child.vhd"), { size: 65536, blockSize: 65536, entries: [0xffffffff], type: 4 });
      const image = readFileSync(at("child.vhd"));
      image.write(name, VHD_HEADER + 64, "utf16le");
      writeFileSync(at("child.vhd"), image);
      await expect(disks.open(at("child.vhd"), "vhd", "disposable")).rejects.toThrow(/type 4/);
    }
  });
  const named = new Set(names.flatMap((name) => [name, path.resolve(folder, name)]));
  expect(opened.filter((file) => named.has(file))).toEqual([]);
  expect(opened.filter((file) => file.endsWith("inside.vmdk")).length).toBeGreaterThanOrEqual(2 * names.length);
  expect(statSync(at("secret")).size).toBe(65536);
});

it("a device or a pipe is no image, by whatever name it is reached", async () => {
  for (const format of ["vhd", "vmdk"])
    for (const name of ["/dev/zero", "/dev/null", "/proc/self/mem"].filter((each) => fs.existsSync(each))) {
      fs.rmSync(at("link"), { force: true });
      fs.symlinkSync(name, at("link"));
      for (const file of [name, at("link")])
        await expect(disks.open(file, format, "disposable"), file).rejects.toBeInstanceOf(StoreError);
    }
});
