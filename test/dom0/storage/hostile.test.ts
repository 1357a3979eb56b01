/**
 * Images made to do harm, and guests that know it. The host's thread must go on, its memory use must stay small, and nothing but the image itself may
 * be read or written.
 */
import { execFileSync } from "node:child_process";
import fs, {
  copyFileSync,
  openSync,
  readFileSync,
  readSync,
  truncateSync,
  writeFileSync,
  writeSync,
  closeSync,
} from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { Disks } from "../../../core/dom0/backends/blk/disks.ts";
import { HostFile } from "../../../core/dom0/storage/host-file.ts";
import { openStore } from "../../../core/dom0/storage/open.ts";
import { createQcow2 } from "../../../core/dom0/storage/qcow2/create.ts";
import { temporaryFolder } from "../../temporary.ts";
import { withPatchedFs } from "./patched-fs.ts";

const folder = temporaryFolder("hostile-images");
const at = (name: string): string => path.join(folder, name);
let count = 0;

async function image(
  size: number,
  clusterBits = 16,
  backing?: { file: string; format: "raw" | "qcow2" },
): Promise<string> {
  const file = at(`image-${count++}.qcow2`);
  await createQcow2({ path: file, size, clusterBits, ...(backing && { backing }) });
  return file;
}
/** Writes big-endian numbers into a file at the given places. */
function poke(file: string, ...places: [at: number, value: number | bigint, bytes?: 4 | 8][]): void {
  const fd = openSync(file, "r+");
  for (const [where, value, bytes = 8] of places) {
    const field = Buffer.alloc(bytes);
    if (bytes === 8) field.writeBigUInt64BE(BigInt(value));
    else field.writeUInt32BE(Number(value));
    writeSync(fd, field, 0, bytes, where);
  }
  closeSync(fd);
}
function number64(file: string, where: number): number {
  const fd = openSync(file, "r");
  const field = Buffer.alloc(8);
  readSync(fd, field, 0, 8, where);
  closeSync(fd);
  return Number(field.readBigUInt64BE());
}
const sector = (fill: number): Buffer => Buffer.alloc(512, fill);

/** Returns the longest time in ms in which nothing else had its turn while the action ran, and how long it ran. */
async function turns(action: () => Promise<unknown>): Promise<{ longest: number; whole: number }> {
  const start = performance.now();
  let [last, longest, isOver] = [start, 0, false];
  const beat = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (!isOver) setImmediate(beat);
  };
  setImmediate(beat);
  await action();
  isOver = true;
  return { longest, whole: performance.now() - start };
}

const COPIED = 1n << 63n;
const [L1_OFFSET, REFCOUNT_TABLE] = [40, 48];

describe("a qcow2 image whose tables lead astray", () => {
  it.each([
    ["header", () => 0n],
    ["L1 table", (file: string) => BigInt(number64(file, L1_OFFSET))],
    ["refcount table", (file: string) => BigInt(number64(file, REFCOUNT_TABLE))],
    ["end, far behind it", () => 1n << 50n],
  ])("can't make a guest write over its %s by a cluster of the disk", async (_, target) => {
    const file = await image(1 << 20);
    const first = await openStore(file, "qcow2", "read-write");
    await first.write(0, [sector(1)]);
    await first.close();
    const l2 = number64(file, number64(file, L1_OFFSET)) & ~511;
    // A data entry cannot name the header, because cluster 0 means none.
    const place = target(file) || 512n;
    poke(file, [l2 % 2 ** 40, COPIED | place]);
    const before = readFileSync(file);
    const store = await openStore(file, "qcow2", "read-write");
    await expect(store.write(0, [sector(0xee)])).rejects.toThrow("damaged");
    await expect(store.read(0, [sector(0)])).rejects.toThrow("damaged");
    await store.close();
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it("can't make an L2 table of its header or its tables", async () => {
    for (const target of [L1_OFFSET, REFCOUNT_TABLE]) {
      const file = await image(1 << 20);
      const l1 = number64(file, L1_OFFSET);
      poke(file, [l1, COPIED | BigInt(number64(file, target))]);
      const before = readFileSync(file);
      const store = await openStore(file, "qcow2", "read-write");
      await expect(store.write(0, [sector(0xee)])).rejects.toThrow("damaged");
      await expect(store.discard(0, 1 << 20)).rejects.toThrow("damaged");
      await store.close();
      expect(readFileSync(file).equals(before)).toBe(true);
    }
  });

  it("with every cluster counted, and one block for all of them, ends with an error and lets others have their turn", async () => {
    // A refcount table of 8 MiB whose entries all lead to one block of ones.
    const file = await image(1 << 20, 9);
    const table = 1 << 20;
    const block = table + (8 << 20);
    const fd = openSync(file, "r+");
    const entries = Buffer.alloc(8 << 20);
    for (let i = 0; i < entries.length; i += 8) entries.writeBigUInt64BE(BigInt(block), i);
    writeSync(fd, entries, 0, entries.length, table);
    writeSync(fd, Buffer.alloc(512, 1), 0, 512, block);
    closeSync(fd);
    poke(file, [REFCOUNT_TABLE, table], [56, (8 << 20) / 512, 4]);
    const store = await openStore(file, "qcow2", "read-write");
    const { longest } = await turns(() => expect(store.write(0, [sector(1)])).rejects.toThrow("reference counts"));
    await store.close();
    expect(longest).toBeLessThan(500);
  }, 60_000);

  it("that claims to be as long as a file can be takes no memory to grow", async () => {
    const file = await image(1 << 20, 9);
    truncateSync(file, 2 ** 43);
    // Every cluster that its one block counts is in use, and the table has no room for another block. The next free cluster is past the end.
    const block = number64(file, number64(file, REFCOUNT_TABLE));
    poke(file, ...Array.from({ length: 64 }, (_, i): [number, bigint] => [block + i * 8, 2n ** 64n - 1n]));
    poke(
      file,
      ...Array.from({ length: 64 }, (_, i): [number, number] => [number64(file, REFCOUNT_TABLE) + i * 8, block]),
    );
    const before = process.memoryUsage().arrayBuffers;
    const store = await openStore(file, "qcow2", "read-write");
    await store.write(0, [sector(1)]).catch(() => {});
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20);
    await store.close().catch(() => {});
  });
});

describe("a guest with a huge disk", () => {
  it("may discard all of it at once: others have their turn meanwhile", async () => {
    // 64 TiB, of which a few clusters exist.
    const size = 2 ** 46;
    const file = await image(size);
    const store = await openStore(file, "qcow2", "read-write");
    for (let i = 0; i < 20; i++) await store.write(i * 2 ** 41, [sector(i + 1)]);
    const { longest, whole } = await turns(() => store.discard(0, size));
    expect(longest).toBeLessThan(500);
    expect(whole).toBeLessThan(20_000);
    const bytes = sector(9);
    await store.read(2 ** 41, [bytes]);
    expect(bytes.equals(sector(0))).toBe(true);
    await store.close();
  }, 60_000);

  it("may write everywhere without a flush: tables that wait for the file take little memory", async () => {
    const file = await image(2 ** 42);
    const store = await openStore(file, "qcow2", "read-write");
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    // Each goes to another L2 table of 64 KiB.
    for (let i = 0; i < 2500; i++) {
      await store.write(i * 2 ** 29, [sector(1)]);
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    // What has not been collected yet is counted here too.
    expect(most).toBeLessThan(120 << 20);
    await store.close();
  }, 60_000);

  it("that flushes in a loop keeps one thread of the host busy, not all", async () => {
    const file = at("flushed.img");
    writeFileSync(file, Buffer.alloc(4096));
    const store = await openStore(file, "raw", "read-write");
    let [calls, running, most] = [0, 0, 0];
    const own = fs.fdatasync;
    const counted = ((fd: number, done: (error: Error | null) => void) => {
      calls++;
      most = Math.max(most, ++running);
      own(fd, (error) => {
        running--;
        done(error);
      });
    }) as typeof fs.fdatasync;
    await withPatchedFs({ fdatasync: counted }, () => Promise.all(Array.from({ length: 500 }, () => store.flush())));
    expect([calls, most]).toEqual([2, 1]);
    await store.close();
  });
});

describe("files of the user", () => {
  it("are not what an image is based on unless they are images: documents of the same folder stay the user's", async () => {
    writeFileSync(at("letter.pdf"), "%PDF dear diary".padEnd(4096, "."));
    const overlay = await image(4096, 16, { file: "letter.pdf", format: "raw" });
    await expect(openStore(overlay, "qcow2", "read")).rejects.toThrow("does not look like the image of a disk");
    const disk = Buffer.alloc(4096);
    disk.writeUInt16LE(0xaa55, 510);
    writeFileSync(at("disk-without-suffix"), disk);
    const other = await image(4096, 16, { file: "disk-without-suffix", format: "raw" });
    await (await openStore(other, "qcow2", "read")).close();
  });

  it("are not waited for when they are FIFOs", async () => {
    execFileSync("mkfifo", [at("pipe.img")]);
    await expect(openStore(at("pipe.img"), "raw", "read")).rejects.toThrow("regular file");
    const overlay = await image(4096, 16, { file: "pipe.img", format: "raw" });
    await expect(openStore(overlay, "qcow2", "read")).rejects.toThrow("regular file");
  });

  it("are not reached by a transfer that is late: the image's number is not given to another file before", async () => {
    writeFileSync(at("slow.img"), Buffer.alloc(1 << 20, "disk"));
    const store = await openStore(at("slow.img"), "raw", "read");
    const targets = Array.from({ length: 64 }, () => Buffer.alloc(1 << 20));
    // The host's threads have so much to do that most of them have not begun.
    const reads = targets.map((target) => store.read(0, [target]).catch(() => {}));
    const closing = store.close();
    const others: number[] = [];
    for (let i = 0; i < 64; i++) {
      writeFileSync(at(`private-${i}`), Buffer.alloc(4096, "PRIVATE!"));
      others.push(openSync(at(`private-${i}`), "r"));
    }
    await Promise.all([closing, ...reads]);
    others.forEach((fd) => closeSync(fd));
    for (const target of targets) expect(target.includes("PRIVATE!")).toBe(false);
    await expect(store.read(0, [Buffer.alloc(512)])).rejects.toThrow("closed");
  });

  it("are not written while they are what another disk is based on, by whatever name", async () => {
    writeFileSync(at("base.img"), Buffer.alloc(8192));
    fs.linkSync(at("base.img"), at("base-link.img"));
    const overlay = await image(8192, 16, { file: "base.img", format: "raw" });
    const disks = new Disks(folder);
    const store = await disks.open(overlay, "qcow2", "read-write");
    await expect(disks.open(at("base-link.img"), "raw", "read-write")).rejects.toThrow("in use");
    const again = await disks.open(at("base.img"), "raw", "read");
    await again.close();
    await store.close();
    const writer = await disks.open(at("base-link.img"), "raw", "read-write");
    await expect(disks.open(overlay, "qcow2", "read")).rejects.toThrow("in use");
    await writer.close();
  });
});

it("chains of images with the largest tables that there can be are refused before they fill the memory", async () => {
  // Each is sparse: little on the disk, but 32 MiB of L1 table in memory.
  let below: string | undefined;
  for (let i = 0; i < 12; i++) {
    const file = await image(
      2 ** 50,
      16,
      below === undefined ? undefined : { file: path.basename(below), format: "qcow2" },
    );
    poke(file, [36, 4 << 20, 4], [L1_OFFSET, 64 << 20]);
    truncateSync(file, 128 << 20);
    below = file;
  }
  const before = process.memoryUsage().arrayBuffers;
  await expect(openStore(below!, "qcow2", "read")).rejects.toThrow("too much memory");
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(256 << 20);
});

it("a late write to a cluster that was discarded meanwhile does not land in what took its place", async () => {
  const file = await image(1 << 22);
  const store = await openStore(file, "qcow2", "read-write");
  const cluster = (fill: number): Buffer => Buffer.alloc(65536, fill);
  await store.write(0, [cluster(1)]);
  await store.flush();
  let late: (() => void) | null = null;
  const own = fs.writev;
  // The first write waits in the host's queue for as long as the test wants.
  const held = ((
    fd: number,
    views: Uint8Array[],
    position: number,
    done: (error: Error | null, count: number) => void,
  ) => {
    if (late) return own(fd, views, position, done);
    late = () => own(fd, views, position, done);
  }) as typeof fs.writev;
  // What is written on this thread can't be held, and this thread writes nothing that way when the host moves nothing.
  await withPatchedFs({ writev: held, writevSync: () => 0 }, async () => {
    const slow = store.write(0, [cluster(0xee)]);
    await store.discard(0, 65536);
    const flushed = store.flush();
    const others = [1, 2, 3].map((i) => flushed.then(() => store.write(i * 65536, [cluster(0x10 + i)])));
    // These go to the same threads as writes, each of which could have been done by then.
    for (let i = 0; i < 20; i++) await fs.promises.readFile(file);
    late!();
    await Promise.all([slow, flushed, ...others]);
  });
  for (const i of [1, 2, 3]) {
    const bytes = cluster(0);
    await store.read(i * 65536, [bytes]);
    expect(bytes.equals(cluster(0x10 + i)), `cluster ${i}`).toBe(true);
  }
  await store.close();
});

it("a file that is no longer than its header says nothing of what lies behind it", async () => {
  const file = await image(1 << 20);
  copyFileSync(file, at("cut.qcow2"));
  truncateSync(at("cut.qcow2"), 200);
  const store = await openStore(at("cut.qcow2"), "qcow2", "read");
  const bytes = sector(7);
  await store.read(0, [bytes]);
  expect(bytes.equals(sector(0))).toBe(true);
  await store.close();
});

it("a file's end is known to whoever wrote it", async () => {
  const file = await HostFile.open(at("end"), "create");
  expect(file.end).toBe(0);
  await file.write(1000, [sector(1)]);
  expect(file.end).toBe(1512);
  const bytes = sector(9);
  expect(await file.read(1400, [bytes])).toBe(112);
  expect(bytes.subarray(112).every((byte) => byte === 0)).toBe(true);
  await file.close();
});
