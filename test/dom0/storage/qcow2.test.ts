/** qcow2 images compared with a plain copy in memory. qemu-img checks what is in the file. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BlockStore } from "../../../core/dom0/storage/block-store.ts";
import { HostFile } from "../../../core/dom0/storage/host-file.ts";
import { createQcow2 } from "../../../core/dom0/storage/qcow2/create.ts";
import { Qcow2Store } from "../../../core/dom0/storage/qcow2/store.ts";
import { RawStore } from "../../../core/dom0/storage/raw.ts";
import { seeded } from "../../random.ts";
import { toolMissing } from "../../tools.ts";

const missing = toolMissing("qemu-img", "qemu-utils");
let folder: string;
const at = (name: string) => path.join(folder, name);
beforeAll(() => void (folder = mkdtempSync(path.join(tmpdir(), "xenarium-qcow2-"))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const qemuImg = (...args: string[]) =>
  execFileSync("qemu-img", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
const open = async (file: string, access: "read" | "read-write" = "read-write"): Promise<Qcow2Store> =>
  Qcow2Store.open(await HostFile.open(file, access), {
    access,
    openBacking: async (name, format) =>
      format === "raw" ? RawStore.of(await HostFile.open(at(name), "read"), "read") : open(at(name), "read"),
    takeMemory: () => {},
  });

/** Returns what is in the file, as QEMU reads it. */
function contents(file: string): Buffer {
  qemuImg("convert", "-O", "raw", file, `${file}.raw`);
  const bytes = readFileSync(`${file}.raw`);
  rmSync(`${file}.raw`);
  return bytes;
}

/** How many transfers were done at once. */
const atOnce = { reads: 0, writes: 0 };
/** A device does at once what can be done so. */
async function write(store: BlockStore, offset: number, views: Buffer[]): Promise<void> {
  if (store.writeAtOnce?.(offset, views)) atOnce.writes++;
  else await store.write(offset, views);
}
async function read(store: BlockStore, offset: number, views: Buffer[]): Promise<void> {
  if (store.readAtOnce?.(offset, views)) atOnce.reads++;
  else await store.read(offset, views);
}

/** Random operations on a store and on a copy in memory, several at once where they do not overlap. */
async function exercise(store: BlockStore, model: Buffer, seed: number, rounds: number): Promise<void> {
  const random = seeded(seed);
  const below = (n: number) => Math.floor(random() * n);
  for (let round = 0; round < rounds; round++) {
    const sectors = model.length / 512;
    const first = below(sectors);
    const count = 1 + below(Math.min(sectors - first, random() < 0.2 ? 600 : 40));
    const offset = first * 512;
    const length = count * 512;
    const kind = random();
    if (kind < 0.5) {
      // In two halves at once, each of two pieces, so that neighbours race for the cluster that they share.
      const bytes = Buffer.alloc(length, 1 + below(255));
      bytes.writeUInt32LE(round, 0);
      const half = Math.floor(count / 2) * 512;
      const pieces = (from: number, to: number) =>
        from === to
          ? []
          : [bytes.subarray(from, from + 512), bytes.subarray(from + 512, to)].filter((view) => view.length);
      await Promise.all([write(store, offset, pieces(0, half)), write(store, offset + half, pieces(half, length))]);
      bytes.copy(model, offset);
    } else if (kind < 0.75) {
      const bytes = Buffer.alloc(length, 0xee);
      await read(
        store,
        offset,
        [bytes.subarray(0, 512), bytes.subarray(512)].filter((view) => view.length),
      );
      expect(
        bytes.equals(model.subarray(offset, offset + length)),
        `read of ${length} at ${offset}, round ${round}, seed ${seed}`,
      ).toBe(true);
    } else if (kind < 0.85) {
      await store.writeZeroes(offset, length);
      model.fill(0, offset, offset + length);
    } else if (kind < 0.92) {
      await store.discard(offset, length);
      const bytes = Buffer.alloc(length);
      await store.read(offset, [bytes]);
      for (let i = 0; i < length; i++)
        if (bytes[i] !== 0 && bytes[i] !== model[offset + i])
          throw new Error(`a discarded byte at ${offset + i} is neither zero nor as before`);
      bytes.copy(model, offset);
    } else await store.flush();
  }
}

describe.skipIf(missing)("qcow2", () => {
  it.each([
    { clusterBits: 16, size: 24 << 20, rounds: 400 },
    { clusterBits: 9, size: 3 << 20, rounds: 400 },
    { clusterBits: 12, size: (4 << 20) + 512, rounds: 400 },
    { clusterBits: 21, size: 40 << 20, rounds: 150 },
  ])(
    "keeps what is written, by its own and by QEMU's reading, with clusters of 2^$clusterBits bytes",
    async ({ clusterBits, size, rounds }) => {
      const file = at(`own-${clusterBits}.qcow2`);
      await createQcow2({ path: file, size, clusterBits });
      qemuImg("check", file);
      const model = Buffer.alloc(size);
      const store = await open(file);
      await exercise(store, model, clusterBits, rounds);
      await store.flush();
      await store.close();
      qemuImg("check", file);
      expect(contents(file).equals(model)).toBe(true);
      const again = await open(file);
      await exercise(again, model, clusterBits + 100, rounds);
      await again.close();
      qemuImg("check", file);
      expect(contents(file).equals(model)).toBe(true);
    },
  );

  it.each([
    ["version 2", ["-o", "compat=0.10"]],
    ["64-bit reference counts", ["-o", "refcount_bits=64"]],
    ["1-bit reference counts", ["-o", "refcount_bits=1"]],
    ["lazy reference counts", ["-o", "lazy_refcounts=on"]],
    ["preallocated tables", ["-o", "preallocation=metadata,cluster_size=4096"]],
  ])("writes to QEMU's images: %s", async (name, options) => {
    const file = at(`${name.replace(/ /g, "-")}.qcow2`);
    qemuImg("create", "-q", "-f", "qcow2", ...options, file, "8M");
    const model = Buffer.alloc(8 << 20);
    const store = await open(file);
    await exercise(store, model, 5, 300);
    await store.close();
    qemuImg("check", file);
    expect(contents(file).equals(model)).toBe(true);
  });

  it("reads compressed clusters of both kinds, and overwrites them", async () => {
    const model = Buffer.alloc(4 << 20);
    for (let i = 0; i < model.length; i += 4) model.writeUInt32LE((i * 7) % 5003, i);
    writeFileSync(at("plain"), model);
    for (const type of ["zlib", "zstd"]) {
      const file = at(`${type}.qcow2`);
      qemuImg("convert", "-c", "-O", "qcow2", "-o", `compression_type=${type}`, at("plain"), file);
      expect(statSync(file).size).toBeLessThan(model.length);
      const copy = Buffer.from(model);
      const store = await open(file);
      await exercise(store, copy, 9, 250);
      await store.close();
      qemuImg("check", file);
      expect(contents(file).equals(copy)).toBe(true);
    }
  });

  it("shows a backing file through, raw or qcow2, shorter or longer than itself, and never writes to it", async () => {
    const base = Buffer.alloc(3 << 20, 0x55);
    writeFileSync(at("base.raw"), base);
    for (const size of [2 << 20, 3 << 20, 5 << 20]) {
      const middle = at(`middle-${size}.qcow2`);
      const top = at(`top-${size}.qcow2`);
      await createQcow2({ path: middle, size, backing: { file: "base.raw", format: "raw" } });
      await createQcow2({
        path: top,
        size,
        clusterBits: 12,
        backing: { file: path.basename(middle), format: "qcow2" },
      });
      const model = Buffer.alloc(size);
      base.copy(model);
      const store = await open(top);
      await exercise(store, model, size, 300);
      // The image becomes larger. What the chain has after the old end must stay hidden.
      await store.resize(size + (1 << 20));
      const grown = Buffer.concat([model, Buffer.alloc(1 << 20)]);
      await exercise(store, grown, size + 1, 100);
      await store.close();
      qemuImg("check", top);
      expect(contents(top).equals(grown)).toBe(true);
      expect(readFileSync(at("base.raw")).equals(base)).toBe(true);
    }
  });

  it("leaves internal snapshots as they are", async () => {
    const file = at("snapshots.qcow2");
    qemuImg("create", "-q", "-f", "qcow2", file, "8M");
    const model = Buffer.alloc(8 << 20);
    let store = await open(file);
    await exercise(store, model, 21, 200);
    await store.close();
    qemuImg("snapshot", "-c", "before", file);
    const before = Buffer.from(model);
    store = await open(file);
    expect(store.snapshots.map(({ name }) => name)).toEqual(["before"]);
    await exercise(store, model, 22, 300);
    await expect(store.resize(4 << 20)).rejects.toThrow("internal snapshots");
    await store.close();
    qemuImg("check", file);
    expect(contents(file).equals(model)).toBe(true);
    qemuImg("snapshot", "-a", "before", file);
    expect(contents(file).equals(before)).toBe(true);
  });

  it("changes its size, the L1 table too", async () => {
    const file = at("resize.qcow2");
    await createQcow2({ path: file, size: 1 << 20, clusterBits: 9 });
    let model = Buffer.alloc(1 << 20);
    const store = await open(file);
    for (const size of [9 << 20, 2 << 20, 40 << 20, 512]) {
      await exercise(store, model, size, 80);
      await store.resize(size);
      const next = Buffer.alloc(size);
      model.copy(next);
      model = next;
      expect(store.size).toBe(size);
      await store.flush();
      qemuImg("check", file);
    }
    await store.close();
    expect(contents(file).equals(model)).toBe(true);
  });

  it("is whole at every moment: a copy of the file between any two of its writes has all that was flushed, and no wrong count", async () => {
    const file = at("crash.qcow2");
    await createQcow2({ path: file, size: 2 << 20, clusterBits: 12 });
    const model = Buffer.alloc(2 << 20);
    const store = await open(file);
    const random = seeded(31);
    for (let round = 0; round < 12; round++) {
      await exercise(store, model, 300 + round, 25);
      const flushed = store.flush();
      const flushedModel = Buffer.from(model);
      await flushed;
      // Writes to other places that are not flushed, and the file as a killed process would leave it at some moment.
      const target = Math.floor(random() * 4000) * 512;
      const pending = store.write(target, [
        Buffer.alloc(512 * 8, 0xab).subarray(0, Math.min(512 * 8, (2 << 20) - target)),
      ]);
      const copy = at("crash-copy.qcow2");
      writeFileSync(copy, readFileSync(file));
      await pending;
      Buffer.alloc(512 * 8, 0xab).copy(model, target);
      try {
        qemuImg("check", copy);
      } catch (error) {
        // 3 means leaked clusters, which cost space and nothing else.
        expect((error as { status: number }).status).toBe(3);
      }
      const found = contents(copy);
      for (let i = 0; i < found.length; i += 512) {
        if (i >= target && i < target + 512 * 8) continue;
        expect(
          found.subarray(i, i + 512).equals(flushedModel.subarray(i, i + 512)),
          `sector ${i / 512} of round ${round}`,
        ).toBe(true);
      }
    }
    await store.close();
  });

  it("refuses what it can't use, and says why", async () => {
    const file = at("hostile.qcow2");
    const make = async (change: (view: DataView) => void) => {
      rmSync(file, { force: true });
      await createQcow2({ path: file, size: 1 << 20 });
      const bytes = readFileSync(file);
      change(new DataView(bytes.buffer, bytes.byteOffset));
      writeFileSync(file, bytes);
      return open(file).then(
        (store) => store.close().then(() => "opened"),
        (error: Error) => error.message,
      );
    };
    expect(await make((view) => view.setUint32(0, 1))).toContain("not a qcow2 image");
    expect(await make((view) => view.setUint32(4, 9))).toContain("version 9");
    expect(await make((view) => view.setUint32(20, 40))).toContain("2^40");
    expect(await make((view) => view.setUint32(32, 2))).toContain("encrypted");
    expect(await make((view) => view.setUint32(76, 4))).toContain("another file");
    expect(await make((view) => view.setUint32(24, 0x7fffffff))).toContain("larger than any disk");
    expect(await make((view) => view.setUint32(24, 0xfffff))).toContain("too short for its size");
    expect(await make((view) => view.setUint32(36, 0xffffffff))).toContain("too large");
    expect(await make((view) => view.setUint32(56, 0xffff))).toContain("refcount table");
    expect(await make((view) => view.setUint32(60, 0xffffffff))).toContain("snapshots");
    expect(await make((view) => view.setUint32(76, 1))).toContain("not closed cleanly");
  });

  it("takes 300 damaged images without a crash, a hang or much memory, and hurts nothing but them", async () => {
    const whole = at("whole.qcow2");
    qemuImg("create", "-q", "-f", "qcow2", "-o", "cluster_size=4096", whole, "4M");
    const model = Buffer.alloc(4 << 20);
    const store = await open(whole);
    await exercise(store, model, 41, 100);
    await store.close();
    const good = readFileSync(whole);
    const random = seeded(43);
    const outcomes = { refused: 0, failed: 0, worked: 0 };
    for (let round = 0; round < 300; round++) {
      const bytes = Buffer.from(good);
      for (let change = 0; change < 1 + Math.floor(random() * 6); change++) {
        // Most often in the header and the tables, which lie in the first clusters.
        const place =
          random() < 0.5 ? Math.floor(random() * 112) : Math.floor(random() * Math.min(bytes.length, 40_000));
        bytes[place] = random() < 0.3 ? 0xff : Math.floor(random() * 256);
      }
      const file = at("damaged.qcow2");
      writeFileSync(file, bytes);
      let damaged: Qcow2Store;
      try {
        damaged = await open(file);
      } catch {
        outcomes.refused++;
        continue;
      }
      try {
        for (let i = 0; i < 20; i++) {
          const offset = Math.floor(random() * 8000) * 512;
          await damaged.read(offset, [new Uint8Array(4096)]);
          if (offset + 4096 <= damaged.size) await damaged.write(offset, [new Uint8Array(4096)]);
        }
        outcomes.worked++;
      } catch (error) {
        expect((error as Error).name).toBe("StoreError");
        outcomes.failed++;
      }
      await damaged.close().catch(() => {});
      rmSync(file, { force: true });
    }
    expect(outcomes.refused).toBeGreaterThan(20);
    expect(outcomes.worked).toBeGreaterThan(20);
  });
});
