/**
 * Damaged and malicious disks: the boot loader must end soon, with a sentence or with what is still right, and ask for no more memory than a file may
 * have.
 */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { BootError } from "../../../core/dom0/bootloader/error.ts";
import { extract } from "../../../core/dom0/bootloader/extract.ts";
import { lookUp } from "../../../core/dom0/bootloader/filesystems/filesystem.ts";
import { ExtFileSystem } from "../../../core/dom0/bootloader/filesystems/ext.ts";
import { listEntries, parsePygrubArguments } from "../../../core/dom0/bootloader/pygrub.ts";
import { Region } from "../../../core/dom0/bootloader/region.ts";
import { pick, random, SEED, triesOf, type Random } from "../../fuzz/random.ts";
import { debianPackage, packageMissing } from "../../guests/images.ts";
import { temporaryFolder } from "../../temporary.ts";
import { extImage, fatImage, isoImage, mbrDisk, memoryStore, plant } from "./memory-store.ts";

const folder = temporaryFolder("hostiledisk");
const noTools =
  (spawnSync("mke2fs", ["-V"]).error ? "e2fsprogs is not installed" : null) ??
  packageMissing("mtools") ??
  packageMissing("genisoimage");
const CONFIG =
  "set timeout=5\nsearch --file --set=root /boot/k\nmenuentry a { linux /boot/k root=/dev/xvda; initrd /boot/i; }\n";
const kernel = Buffer.alloc(60_000, "kernel");

const tree = {
  "boot/grub/grub.cfg": CONFIG,
  "boot/k": kernel,
  "boot/i": "initrd",
};
const plain = plant(path.join(folder, "plain"), tree);
const linked = plant(path.join(folder, "linked"), { ...tree, "boot/k": { link: "real" }, "boot/real": kernel });

async function boot(image: Uint8Array): Promise<"booted" | "refused"> {
  try {
    const list = await listEntries(memoryStore(image), parsePygrubArguments([]));
    await extract(list.entries[list.default]!, 1 << 24);
    return "booted";
  } catch (error) {
    if (error instanceof BootError) return "refused";
    throw error;
  }
}

/** Changes some of the bytes at these places, which are the structures, the smaller part of an image. */
function damage(chance: Random, image: Buffer, places: readonly number[]): Buffer {
  const damaged = Buffer.from(image);
  for (let i = 1 + chance(6); i > 0; i--) {
    const at = Math.min(pick(chance, places) + chance(5), image.length - 4);
    if (chance(3) === 0)
      damaged.writeUInt32LE(pick(chance, [0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, chance(2 ** 31)]), at);
    else damaged[at] = pick(chance, [0, 1, 0x7f, 0x80, 0xff, chance(256)]);
  }
  return damaged;
}

/** Returns the places of bytes that are not zero, with only some of the files' content. */
function structures(image: Buffer): number[] {
  const places: number[] = [];
  for (let at = 0; at < image.length; at++)
    if (
      image[at] !== 0 &&
      !(image[at + 1] !== 0 && "kernel".includes(String.fromCharCode(image[at]!)) && at % 97 !== 0)
    )
      places.push(at);
  return places;
}

describe.skipIf(noTools !== null)("damaged images", () => {
  const mtools = (): string => path.join(debianPackage("mtools"), "usr/bin/mtools");
  const genisoimage = (): string => path.join(debianPackage("genisoimage"), "usr/bin/genisoimage");
  const images: Record<string, () => Buffer> = {
    ext4: () => extImage(linked, 1, "-t", "ext4", "-O", "^has_journal,^metadata_csum", "-b", "1024", "-N", "32"),
    "ext4 with inline data": () =>
      extImage(
        linked,
        1,
        "-t",
        "ext4",
        "-O",
        "inline_data,^has_journal,^metadata_csum",
        "-I",
        "256",
        "-b",
        "1024",
        "-N",
        "32",
      ),
    ext2: () => extImage(linked, 1, "-t", "ext2", "-b", "1024", "-N", "32"),
    FAT12: () => fatImage(mtools(), plain, 2, "-c", "4"),
    FAT32: () => fatImage(mtools(), plain, 40, "-F", "-c", "1").subarray(0, 3 << 20),
    "ISO 9660": () => isoImage(genisoimage(), linked, "-R"),
    partitions: () => mbrDisk(extImage(linked, 1, "-t", "ext2", "-b", "1024", "-N", "32"), true),
  };
  it.each(Object.keys(images))(
    "%s",
    async (name) => {
      const image = images[name]!();
      expect(await boot(image)).toBe("booted");
      const chance = random(SEED);
      const places = structures(image);
      const outcomes = { booted: 0, refused: 0 };
      for (let i = triesOf(120); i > 0; i--) {
        const damaged = damage(chance, image, places);
        const began = performance.now();
        outcomes[await boot(damaged)]++;
        expect(performance.now() - began).toBeLessThan(20_000);
      }
      expect(outcomes.booted).toBeGreaterThan(0);
      expect(outcomes.refused).toBeGreaterThan(0);
    },
    120_000,
  );
});

describe.skipIf(noTools !== null)("malicious images", () => {
  const image = extImage(
    linked,
    1,
    "-t",
    "ext4",
    "-O",
    "^has_journal,^metadata_csum,^64bit",
    "-b",
    "1024",
    "-N",
    "32",
    "-I",
    "128",
  );
  /** Returns where the inode of a path lies in the image. Its bytes occur there only once. */
  async function inodeAt(name: string): Promise<number> {
    const system = (await ExtFileSystem.open(Region.whole(memoryStore(image))))!;
    const { inode } = (await lookUp(system, name)) as unknown as { inode: DataView<ArrayBuffer> };
    return image.indexOf(new Uint8Array(inode.buffer));
  }
  const changed = async (name: string, change: (inode: Buffer, all: Buffer) => void): Promise<Buffer> => {
    const at = await inodeAt(name);
    const copy = Buffer.from(image);
    change(copy.subarray(at, at + 128), copy);
    return copy;
  };
  const why = (bytes: Uint8Array): Promise<string> =>
    listEntries(memoryStore(bytes), parsePygrubArguments([]))
      .then(({ entries }) => extract(entries[0]!))
      .then(
        () => "booted",
        (error: unknown) => (error as BootError).message,
      );

  it("a kernel of a size beyond everything", async () => {
    const bytes = await changed("/boot/real", (inode) => inode.writeUInt32LE(0x7fffffff, 108));
    expect(await why(bytes)).toMatch(/\/boot\/k on the disk has \d+ MiB; at most 256 MiB are taken/);
  });
  it("a tree of extents whose node is its own child", async () => {
    const bytes = await changed("/boot/real", (inode, all) => {
      const block = 700;
      // A node of depth 1 at block 700, whose only entry leads to block 700.
      const node = Buffer.alloc(24);
      node.writeUInt16LE(0xf30a, 0);
      node.writeUInt16LE(1, 2);
      node.writeUInt16LE(84, 4);
      node.writeUInt16LE(1, 6);
      node.writeUInt32LE(block, 16);
      node.copy(all, block * 1024);
      node.copy(inode, 40);
    });
    expect(await why(bytes)).toMatch(/a tree of extents is broken/);
  });
  it("a directory that has no end", async () => {
    const bytes = await changed("/boot", (inode) => {
      inode.writeUInt32LE(0xfffff000, 4);
    });
    expect(await why(bytes)).toMatch(/A directory on the disk has 4294963200 bytes/);
  });
  it("a directory without a length in its entry", async () => {
    const bytes = await changed("/boot", (inode, all) =>
      all.writeUInt16LE(0, inode.readUInt32LE(40 + 12 + 8) * 1024 + 4),
    );
    expect(await why(bytes)).toMatch(/a directory is broken/);
  });
});
