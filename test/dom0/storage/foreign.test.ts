/** VHD and VMDK as qemu-img makes them are read and converted to qcow2 and raw. Files made to do harm end with an error. */
import { execFileSync } from "node:child_process";
import fs, { existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { StoreError } from "../../../core/dom0/storage/block-store.ts";
import { convertImage, createImage } from "../../../core/dom0/storage/convert.ts";
import { openStore } from "../../../core/dom0/storage/open.ts";
import { createQcow2 } from "../../../core/dom0/storage/qcow2/create.ts";
import { seeded } from "../../random.ts";
import { temporaryFolder } from "../../temporary.ts";
import { toolMissing } from "../../tools.ts";
import { withPatchedFs } from "./patched-fs.ts";

const missing = toolMissing("qemu-img", "qemu-utils");
const folder = temporaryFolder("foreign");
const at = (name: string): string => path.join(folder, name);
const SIZE = 12 << 20;
const plain = Buffer.alloc(SIZE);

/** qemu-img's arguments, and the name of the format here. */
const IMAGES: Record<string, [string[], string]> = {
  "vhd-dynamic": [["-O", "vpc", "-o", "subformat=dynamic,force_size=on"], "vhd"],
  "vhd-fixed": [["-O", "vpc", "-o", "subformat=fixed,force_size=on"], "vhd"],
  "vmdk-sparse": [["-O", "vmdk", "-o", "subformat=monolithicSparse"], "vmdk"],
  "vmdk-stream": [["-O", "vmdk", "-o", "subformat=streamOptimized"], "vmdk"],
  "vmdk-zeroed": [["-O", "vmdk", "-o", "subformat=monolithicSparse,zeroed_grain=on"], "vmdk"],
};

beforeAll(() => {
  if (missing) return;
  const random = seeded(5);
  for (let i = 0; i < 30; i++) {
    const offset = Math.floor((random() * (SIZE - 70_000)) / 512) * 512;
    const length = 512 * (1 + Math.floor(random() * 130));
    for (let byte = offset; byte < offset + length; byte += 7) plain[byte] = Math.floor(random() * 256);
  }
  writeFileSync(at("plain.raw"), plain);
  for (const [name, [args]] of Object.entries(IMAGES))
    execFileSync("qemu-img", ["convert", "-f", "raw", ...args, at("plain.raw"), at(name)]);
});

const contents = (file: string, format: string): Buffer => {
  execFileSync("qemu-img", ["convert", "-f", format, "-O", "raw", file, at("judge.raw")]);
  return readFileSync(at("judge.raw"));
};

it("a file that is there stays as it is, also where the new image can't be made at all", async () => {
  writeFileSync(at("kept.vhd"), "the only backup");
  createSparse(at("large.img"), 2041 * 2 ** 30);
  createSparse(at("empty.img"), 0);
  for (const from of ["large.img", "empty.img"])
    await expect(
      convertImage({ file: at(from), format: "raw" }, { file: at("kept.vhd"), format: "vhd" }),
    ).rejects.toMatchObject({ code: "EEXIST" });
  expect(readFileSync(at("kept.vhd"), "utf8")).toBe("the only backup");
  // Not even the image that was to be converted.
  await expect(
    convertImage({ file: at("large.img"), format: "raw" }, { file: at("large.img"), format: "vhd" }),
  ).rejects.toMatchObject({ code: "EEXIST" });
  expect(statSync(at("large.img")).size).toBe(2041 * 2 ** 30);
});

it("a VHD is whole where the host takes less of a write than it was given", async () => {
  createSparse(at("short.img"), 6 << 20);
  writeFileSync(at("short.img"), Buffer.alloc(3 << 20, 7), { flag: "r+" });
  const probe = await open(at("short.img"), "r");
  const handles = Object.getPrototypeOf(probe) as { write: FileHandle["write"] };
  await probe.close();
  const { write } = handles;
  // At most 100,000 bytes at a time, as a disk that becomes full may do. A write of several parts ends in the middle of one.
  const less = <T extends ArrayBufferView>(bytes: T): Uint8Array =>
    new Uint8Array(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 100_000));
  const { writev, writevSync } = fs;
  handles.write = function (this: FileHandle, bytes: Uint8Array, from: number, length: number, at: number) {
    return (write as (...args: unknown[]) => unknown).call(this, bytes, from, Math.min(length, 100_000), at);
  } as FileHandle["write"];
  try {
    await withPatchedFs(
      {
        writev: ((fd: number, views: ArrayBufferView[], ...rest: unknown[]) =>
          (writev as (...args: unknown[]) => void)(fd, [less(views[0]!)], ...rest)) as typeof fs.writev,
        writevSync: (fd, views, position) => writevSync(fd, [less(views[0]!)], position),
      },
      () => convertImage({ file: at("short.img"), format: "raw" }, { file: at("short.vhd"), format: "vhd" }),
    );
  } finally {
    handles.write = write;
  }
  const store = await openStore(at("short.vhd"), "vhd", "read");
  const bytes = Buffer.alloc(6 << 20, 1);
  await store.read(0, [bytes]);
  await store.close();
  expect(bytes.equals(readFileSync(at("short.img")))).toBe(true);
});

function createSparse(file: string, bytes: number): void {
  writeFileSync(file, "");
  truncateSync(file, bytes);
}

describe.skipIf(missing !== null)(`images of other hypervisors${missing ? ` (${missing})` : ""}`, () => {
  it.each(Object.keys(IMAGES))("%s is read", async (name) => {
    const store = await openStore(at(name), IMAGES[name]![1], "read");
    expect(store.size).toBe(SIZE);
    const whole = Buffer.alloc(SIZE, 0xee);
    await store.read(0, [whole.subarray(0, 5000 * 512), whole.subarray(5000 * 512)]);
    expect(whole.equals(plain)).toBe(true);
    const random = seeded(9);
    for (let i = 0; i < 60; i++) {
      const offset = Math.floor((random() * (SIZE - (1 << 20))) / 512) * 512;
      const part = Buffer.alloc(512 * (1 + Math.floor(random() * 300)), 0xee);
      await store.read(
        offset,
        [part.subarray(0, 512), part.subarray(512)].filter((each) => each.length > 0),
      );
      expect(part.equals(plain.subarray(offset, offset + part.length)), `${part.length} at ${offset}`).toBe(true);
    }
    await store.close();
    await expect(openStore(at(name), IMAGES[name]![1], "read-write")).rejects.toThrow("disk convert");
  });

  it.each(Object.keys(IMAGES))("%s becomes qcow2 and raw", async (name) => {
    const from = { file: at(name), format: IMAGES[name]![1] };
    const shares: number[] = [];
    await convertImage(from, { file: at(`${name}.qcow2`), format: "qcow2" }, (share) => shares.push(share));
    expect(shares.at(-1)).toBe(1);
    execFileSync("qemu-img", ["check", at(`${name}.qcow2`)]);
    expect(contents(at(`${name}.qcow2`), "qcow2").equals(plain)).toBe(true);
    await convertImage(from, { file: at(`${name}.raw`), format: "raw" });
    expect(readFileSync(at(`${name}.raw`)).equals(plain)).toBe(true);
    await expect(convertImage(from, { file: at(`${name}.raw`), format: "raw" })).rejects.toThrow("EEXIST");
    expect(existsSync(at(`${name}.raw`))).toBe(true);
  });

  it.each([SIZE, SIZE - 512, 512, (2 << 20) + 512, 5 * 2 ** 30])(
    "a disk of %i bytes becomes a VHD as others read it",
    async (size) => {
      const bytes = Buffer.from(plain.subarray(0, Math.min(size, SIZE)));
      await createImage(at("from.qcow2"), "qcow2", size);
      const store = await openStore(at("from.qcow2"), "qcow2", "read-write");
      await store.write(0, [bytes]);
      // The disk's last sector.
      await store.write(size - 512, [Buffer.alloc(512, 9)]);
      await store.close();
      rmSync(at("made.vhd"), { force: true });
      const shares: number[] = [];
      await convertImage(
        { file: at("from.qcow2"), format: "qcow2" },
        { file: at("made.vhd"), format: "vhd" },
        (share) => shares.push(share),
      );
      expect([shares.at(-1), shares.toSorted((a, b) => a - b)]).toEqual([1, shares]);
      expect(statSync(at("made.vhd")).size).toBeLessThan(bytes.length + (8 << 20));
      const info = JSON.parse(
        execFileSync("qemu-img", ["info", "--output=json", "-f", "vpc", at("made.vhd")]).toString(),
      ) as Record<string, unknown>;
      expect(info).toMatchObject({ format: "vpc", "virtual-size": size });
      const same = execFileSync("qemu-img", ["compare", "-f", "qcow2", "-F", "vpc", at("from.qcow2"), at("made.vhd")]);
      expect(same.toString()).toMatch(/Images are identical/);
      const read = await openStore(at("made.vhd"), "vhd", "read");
      const end = Buffer.alloc(512);
      await read.read(size - 512, [end]);
      await read.close();
      expect([read.size, end.every((byte) => byte === 9)]).toEqual([size, true]);
      rmSync(at("from.qcow2"));
    },
  );

  it("no VHD is left where it can't be made, and one that is there stays", async () => {
    await createImage(at("large.qcow2"), "qcow2", 2 ** 41);
    const from = { file: at("large.qcow2"), format: "qcow2" };
    await expect(convertImage(from, { file: at("large.vhd"), format: "vhd" })).rejects.toThrow(
      /up to \d+ \(2040 GiB\)/,
    );
    const small = { file: at("plain.raw"), format: "raw" };
    const stopped = new Error("cancelled");
    const stop = (): void => {
      throw stopped;
    };
    await expect(convertImage(small, { file: at("large.vhd"), format: "vhd" }, stop)).rejects.toBe(stopped);
    expect(existsSync(at("large.vhd"))).toBe(false);
    writeFileSync(at("there.vhd"), "mine");
    await expect(convertImage(small, { file: at("there.vhd"), format: "vhd" })).rejects.toMatchObject({
      code: "EEXIST",
    });
    expect(readFileSync(at("there.vhd"), "utf8")).toBe("mine");
  });

  it("what is based on other files, or is none, is refused with the reason", async () => {
    const make = (...args: string[]): void => void execFileSync("qemu-img", ["create", "-q", ...args]);
    make("-f", "vmdk", "-o", "subformat=monolithicFlat", at("flat.vmdk"), "1M");
    await expect(openStore(at("flat.vmdk"), "vmdk", "read")).rejects.toThrow("in other files");
    make("-f", "vmdk", "-b", at("vmdk-sparse"), "-F", "vmdk", at("child.vmdk"));
    await expect(openStore(at("child.vmdk"), "vmdk", "read")).rejects.toThrow("based on another");
    for (const format of ["vhd", "vmdk"])
      await expect(openStore(at("plain.raw"), format, "read")).rejects.toThrow(/is not a/);
    writeFileSync(at("empty"), "");
    for (const format of ["vhd", "vmdk"])
      await expect(openStore(at("empty"), format, "read")).rejects.toThrow(StoreError);
  });

  it("a qcow2 overlay over one of them shows it through", async () => {
    await createQcow2({ path: at("over.qcow2"), size: SIZE, backing: { file: "vhd-dynamic", format: "vpc" } });
    const store = await openStore(at("over.qcow2"), "qcow2", "read-write");
    await store.write(512, [Buffer.alloc(512, 7)]);
    const bytes = Buffer.alloc(1 << 20);
    await store.read(0, [bytes]);
    await store.close();
    const wanted = Buffer.from(plain.subarray(0, 1 << 20)).fill(7, 512, 1024);
    expect(bytes.equals(wanted)).toBe(true);
  });

  it("sparse images of any size are converted without reading what is not there", async () => {
    await createImage(at("huge.qcow2"), "qcow2", 2 ** 42);
    const store = await openStore(at("huge.qcow2"), "qcow2", "read-write");
    await store.write(2 ** 41, [Buffer.alloc(512, 3)]);
    await store.close();
    await convertImage({ file: at("huge.qcow2"), format: "qcow2" }, { file: at("copy.qcow2"), format: "qcow2" });
    expect(statSync(at("copy.qcow2")).size).toBeLessThan(8 << 20);
    const copy = await openStore(at("copy.qcow2"), "qcow2", "read");
    const bytes = Buffer.alloc(512);
    await copy.read(2 ** 41, [bytes]);
    expect(bytes.every((byte) => byte === 3)).toBe(true);
    await copy.close();
  });

  it("300 damaged ones end with an error or with bytes: no crash, no hang, little memory, and never another file", async () => {
    const random = seeded(77);
    const below = (most: number): number => Math.floor(random() * most);
    const before = process.memoryUsage().arrayBuffers;
    let refused = 0;
    for (const name of ["vhd-dynamic", "vmdk-sparse", "vmdk-stream"]) {
      const whole = readFileSync(at(name));
      // Where there are structures: the first bytes, the last bytes, and tables.
      const places = [512, 2048, 70_000, whole.length];
      for (let i = 0; i < 100; i++) {
        const bytes = Buffer.from(whole);
        for (let change = 1 + below(8); change > 0; change--) {
          const where = Math.min(
            whole.length - 8,
            random() < 0.3 ? whole.length - 1536 + below(1500) : below(places[below(4)]!),
          );
          if (random() < 0.5) bytes.writeUInt32BE([0, 1, 0xffffffff, 0x7fffffff, below(2 ** 31)][below(5)]!, where);
          else bytes[where] = below(256);
        }
        writeFileSync(at("damaged"), bytes);
        try {
          const store = await openStore(at("damaged"), IMAGES[name]![1], "read");
          try {
            const size = Math.min(store.size, 2 << 20);
            for (let offset = 0; offset + (1 << 20) <= size; offset += 1 << 20)
              await store.read(offset, [Buffer.alloc(1 << 20)]);
          } finally {
            await store.close();
          }
        } catch (error) {
          expect(error, String(error)).toBeInstanceOf(StoreError);
          refused++;
        }
      }
    }
    expect(refused).toBeGreaterThan(30);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(400 << 20);
  }, 60_000);
});
