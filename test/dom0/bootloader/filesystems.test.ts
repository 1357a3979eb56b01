/** Disks made by mke2fs, mtools and genisoimage, read by the boot loader: it must return what was put there. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import path from "node:path";
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { BootDisk } from "../../../core/dom0/bootloader/disk.ts";
import { lookUp, readFile } from "../../../core/dom0/bootloader/filesystems/filesystem.ts";
import { debianPackage, packageMissing } from "../../guests/images.ts";
import { temporaryFolder } from "../../temporary.ts";
import { extImage, fatImage, isoImage, mbrDisk, memoryStore, plant, type Tree } from "./memory-store.ts";

const folder = temporaryFolder("bootloader");
const noExt = spawnSync("mke2fs", ["-V"]).error ? "e2fsprogs is not installed" : null;
const noTools = packageMissing("mtools") ?? packageMissing("genisoimage");
const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const noise = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => (i * i + (i >> 7)) & 0xff));

const kernel = noise(3_000_123);
/** Blocks of zeroes, which mke2fs leaves out. */
const holes = Buffer.concat([noise(5000), Buffer.alloc(700_000), noise(70_001)]);
const many: Tree = Object.fromEntries(
  Array.from({ length: 600 }, (_, i) => [`many/a-file-with-a-rather-long-name-${i}`, `content ${i}`]),
);
const files: Tree = { "boot/vmlinuz-6.1": kernel, "boot/holes": holes, "tiny.txt": "tiny", ...many };
const links: Tree = {
  vmlinuz: { link: "boot/vmlinuz-6.1" },
  "boot/up": { link: "../tiny.txt" },
  absolute: { link: "/boot/up" },
  far: { link: `${"boot/../".repeat(12)}tiny.txt` },
  circle: { link: "circle" },
};
plant(path.join(folder, "linked"), { ...files, ...links });
plant(path.join(folder, "plain"), files);

async function system(image: Uint8Array, partition = 0): Promise<BootDisk["volumes"][number]["system"]> {
  const disk = await BootDisk.open(memoryStore(image));
  const found = disk.volumes.find((volume) => volume.partition === partition);
  if (!found) throw new Error(`no file system on ${partition}: ${disk.unreadable.join()}`);
  return found.system;
}
async function check(
  image: Uint8Array,
  { type, hasLinks = true, partition = 0 }: { type: RegExp; hasLinks?: boolean; partition?: number },
): Promise<void> {
  const found = await system(image, partition);
  expect(found.type).toMatch(type);
  const text = async (name: string): Promise<string> => Buffer.from(await readFile(found, name, 1 << 20)).toString();
  expect(sha(await readFile(found, "/boot/vmlinuz-6.1", 1 << 24))).toBe(sha(kernel));
  expect(sha(await readFile(found, "boot/holes", 1 << 24))).toBe(sha(holes));
  for (const i of [0, 1, 299, 599])
    expect(await text(`/many/a-file-with-a-rather-long-name-${i}`)).toBe(`content ${i}`);
  expect(await lookUp(found, "/many/a-file-with-a-rather-long-name-600")).toBeNull();
  expect(await lookUp(found, "/tiny.txt/more")).toBeNull();
  const directory = await lookUp(found, "/many");
  expect((await found.names(directory!)).length).toBe(600);
  await expect(readFile(found, "/boot/vmlinuz-6.1", 1 << 20)).rejects.toThrow("has 3 MiB; at most 1 MiB are taken");
  await expect(readFile(found, "/many", 1 << 20)).rejects.toThrow("/many on the disk is no file");
  if (!hasLinks) return;
  expect(sha(await readFile(found, "/vmlinuz", 1 << 24))).toBe(sha(kernel));
  for (const name of ["boot/up", "absolute", "far", "boot/../../../tiny.txt"])
    expect(await text(name), name).toBe("tiny");
  await expect(lookUp(found, "/circle")).rejects.toThrow("leads in a circle");
}

describe.skipIf(noExt !== null)("ext", () => {
  it.each([
    ["ext2 with blocks of 1 KiB", ["-t", "ext2", "-b", "1024"], /^ext2$/],
    ["ext3", ["-t", "ext3"], /^ext3$/],
    ["ext4", ["-t", "ext4"], /^ext4$/],
    ["ext4 with blocks of 1 KiB", ["-t", "ext4", "-b", "1024"], /^ext4$/],
    ["ext4 with inline data", ["-t", "ext4", "-O", "inline_data", "-I", "256"], /^ext4$/],
    [
      "ext4 with meta groups, no checksums",
      ["-t", "ext4", "-b", "1024", "-g", "1024", "-O", "meta_bg,^resize_inode,^metadata_csum"],
      /^ext4$/,
    ],
    ["ext4 of 32 bits, inodes of 128 bytes", ["-t", "ext4", "-O", "^64bit,^metadata_csum", "-I", "128"], /^ext4$/],
  ])("%s", (name, options, type) => check(extImage(path.join(folder, "linked"), 32, ...options), { type }), 60_000);

  it("on partitions, primary and logical; a chain of extended ones that leads back ends", async () => {
    const image = extImage(path.join(folder, "linked"), 32, "-t", "ext4");
    await check(mbrDisk(image, false), { type: /ext4/, partition: 1 });
    await check(mbrDisk(image, true), { type: /ext4/, partition: 5 });
  });

  it("on a GPT, by its copy at the end too", async () => {
    const image = extImage(
      path.join(folder, "linked"),
      32,
      "-t",
      "ext4",
      "-U",
      "0a1b2c3d-0000-4000-8000-00000000ffee",
      "-L",
      "system",
    );
    const disk = gptDisk(image);
    await check(disk, { type: /ext4/, partition: 3 });
    disk.fill(0, 512, 1024);
    await check(disk, { type: /ext4/, partition: 3 });
    const opened = await BootDisk.open(memoryStore(disk));
    expect(opened.withUuid("0A1B2C3D-0000-4000-8000-00000000FFEE")).toBe(opened.volumes[0]);
    expect(opened.withLabel("system")).toBe(opened.named("hd0,gpt3"));
    disk.fill(0, disk.length - 512);
    expect((await BootDisk.open(memoryStore(disk))).volumes).toEqual([]);
  });
});

describe.skipIf(noTools !== null)("FAT and ISO 9660", () => {
  const mtools = (): string => path.join(debianPackage("mtools"), "usr/bin/mtools");
  const genisoimage = (): string => path.join(debianPackage("genisoimage"), "usr/bin/genisoimage");

  it.each([
    ["FAT12", 7, ["-c", "8"], /^FAT12$/],
    ["FAT16", 32, ["-c", "2"], /^FAT16$/],
    ["FAT32", 64, ["-F", "-c", "1"], /^FAT32$/],
  ])(
    "%s",
    async (_name, mebibytes, options, type) => {
      const image = fatImage(mtools(), path.join(folder, "plain"), mebibytes, ...options);
      await check(image, { type, hasLinks: false });
      expect((await system(image)).uuid).toBe("1234-abcd");
      expect(sha(await readFile(await system(image), "/BOOT/VMLINUZ-6.1", 1 << 24))).toBe(sha(kernel));
    },
    60_000,
  );

  it.each([
    ["Rock Ridge", ["-R", "-J"], true],
    ["Joliet", ["-J", "-joliet-long"], false],
  ])("%s", async (_name, options, hasLinks) => {
    const image = isoImage(genisoimage(), path.join(folder, hasLinks ? "linked" : "plain"), ...options);
    await check(image, { type: /^ISO 9660$/, hasLinks });
    expect((await system(image)).label).toBe("CDLABEL");
    expect((await system(image)).uuid).toMatch(/^\d{4}(-\d\d){6}$/);
  });

  it("plain names of ISO 9660, in capitals", async () => {
    const from = plant(path.join(folder, "short"), { "boot/kernel.bin": kernel });
    const found = await system(isoImage(genisoimage(), from));
    expect(sha(await readFile(found, "/boot/kernel.bin", 1 << 24))).toBe(sha(kernel));
  });
});

it("says what lies there that can't be read", async () => {
  const disk = Buffer.alloc(4 << 20);
  disk.write("XFSB", 0);
  expect((await BootDisk.open(memoryStore(disk))).unreadable).toEqual(["the whole disk holds XFS"]);
});

function gptDisk(content: Buffer): Buffer {
  const disk = Buffer.alloc(content.length + (2 << 20));
  const last = disk.length / 512 - 1;
  const entries = Buffer.alloc(128 * 128);
  const third = entries.subarray(256);
  third.fill(0x11, 0, 32);
  third.writeBigUInt64LE(2048n, 32);
  third.writeBigUInt64LE(BigInt(2048 + content.length / 512 - 1), 40);
  const header = (at: number, other: number, table: number): void => {
    const bytes = disk.subarray(at * 512, at * 512 + 512);
    bytes.write("EFI PART", 0);
    bytes.writeUInt32LE(0x10000, 8);
    bytes.writeUInt32LE(92, 12);
    [at, other, 34, last - 34].forEach((sector, i) => bytes.writeBigUInt64LE(BigInt(sector), 24 + i * 8));
    bytes.writeBigUInt64LE(BigInt(table), 72);
    bytes.writeUInt32LE(128, 80);
    bytes.writeUInt32LE(128, 84);
    bytes.writeUInt32LE(crc32(entries), 88);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 92)), 16);
    disk.set(entries, table * 512);
  };
  disk[450] = 0xee;
  disk.writeUInt32LE(1, 454);
  disk.writeUInt32LE(last, 458);
  disk.writeUInt16LE(0xaa55, 510);
  header(1, last, 2);
  header(last, 1, last - 32);
  disk.set(content, 1 << 20);
  return disk;
}
