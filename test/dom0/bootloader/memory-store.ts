/** A disk in memory that the boot loader reads, and images made with the usual tools. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { BlockStore } from "../../../core/dom0/storage/block-store.ts";
import { StoreError } from "../../../core/dom0/storage/block-store.ts";

/** Reads beyond the end fail, as they would on a file. */
export function memoryStore(bytes: Uint8Array): BlockStore {
  const refuse = (): Promise<never> => Promise.reject(new StoreError("EROFS", "the boot loader only reads"));
  return {
    format: "raw",
    size: bytes.length,
    readOnly: true,
    discardGranularity: null,
    read: (offset, targets) => {
      let at = offset;
      for (const target of targets) {
        if (at + target.length > bytes.length)
          return Promise.reject(new StoreError("EIO", `read at ${at} is beyond the end`));
        target.set(bytes.subarray(at, at + target.length));
        at += target.length;
      }
      return Promise.resolve();
    },
    write: refuse,
    flush: refuse,
    discard: refuse,
    writeZeroes: refuse,
    resize: refuse,
    close: () => Promise.resolve(),
  };
}

export type Tree = Record<string, string | Uint8Array | { link: string }>;

/** Writes files and links below a folder. */
export function plant(folder: string, tree: Tree): string {
  for (const [name, content] of Object.entries(tree)) {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    if (typeof content === "string" || content instanceof Uint8Array) writeFileSync(file, content);
    else symlinkSync(content.link, file);
  }
  return folder;
}

export function extImage(folder: string, mebibytes: number, ...options: string[]): Buffer {
  const image = `${folder}.ext`;
  writeFileSync(image, "");
  truncateSync(image, mebibytes << 20);
  execFileSync("mke2fs", ["-q", "-F", ...options, "-d", folder, image]);
  return readFileSync(image);
}

/** Uses mtools' mformat. `options` may be "-F" for FAT32. */
export function fatImage(mtools: string, folder: string, mebibytes: number, ...options: string[]): Buffer {
  const image = `${folder}.fat`;
  writeFileSync(image, "");
  truncateSync(image, mebibytes << 20);
  const run = (...args: string[]): void => {
    const { status, stderr } = spawnSync(mtools, ["-c", ...args], {
      encoding: "utf8",
      env: { ...process.env, MTOOLS_SKIP_CHECK: "1" },
    });
    if (status !== 0) throw new Error(stderr);
  };
  run(
    "mformat",
    "-i",
    image,
    "-v",
    "BOOT",
    "-N",
    "1234abcd",
    "-T",
    String((mebibytes << 20) / 512),
    "-h",
    "16",
    "-s",
    "32",
    ...options,
    "::",
  );
  run(
    "mcopy",
    "-s",
    "-i",
    image,
    ...execFileSync("ls", ["-A", folder], { encoding: "utf8" })
      .trim()
      .split("\n")
      .map((name) => path.join(folder, name)),
    "::",
  );
  return readFileSync(image);
}

export function isoImage(genisoimage: string, folder: string, ...options: string[]): Buffer {
  const image = `${folder}.iso`;
  execFileSync(genisoimage, ["-quiet", "-V", "CDLABEL", ...options, "-o", image, folder], { stdio: "pipe" });
  return readFileSync(image);
}

/** One partition in an MBR table, from 1 MiB on. With `logical` it is in an extended partition. */
export function mbrDisk(content: Uint8Array, logical: boolean): Buffer {
  const start = 2048;
  const disk = Buffer.alloc(start * 512 + content.length + 2048 * 512);
  const entry = (sector: number, index: number, type: number, first: number, count: number): void => {
    const at = sector * 512 + 446 + index * 16;
    disk[at + 4] = type;
    disk.writeUInt32LE(first, at + 8);
    disk.writeUInt32LE(count, at + 12);
    disk.writeUInt16LE(0xaa55, sector * 512 + 510);
  };
  const sectors = content.length / 512;
  if (logical) {
    entry(0, 1, 0x0f, 1024, sectors + 1024);
    entry(1024, 0, 0x83, 1024, sectors);
    // A chain that leads back to its beginning.
    entry(1024, 1, 0x05, 0, 1);
  } else entry(0, 0, 0x83, start, sectors);
  disk.set(content, start * 512);
  return disk;
}
