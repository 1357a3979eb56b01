/** The bin of disk images on a file system that fails in the middle: what is told is what has become of the file. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, expect, it, vi } from "vitest";
import { DiskImages } from "../../core/api/disk-images.ts";
import { temporaryFolder } from "../temporary.ts";

const fails = vi.hoisted(() => ({ syncOf: "", renameIn: "" }));
vi.mock("node:fs/promises", async (importOriginal) => {
  const real = await importOriginal<typeof import("node:fs/promises")>();
  const failure = (syscall: string): Error =>
    Object.assign(new Error(`EIO: i/o error, ${syscall}`), { code: "EIO", syscall });
  return {
    ...real,
    open: (file: string, ...rest: [string]) =>
      file === fails.syncOf ? Promise.reject(failure("fsync")) : real.open(file, ...rest),
    rename: (from: string, to: string) =>
      path.dirname(from) === fails.renameIn ? Promise.reject(failure("rename")) : real.rename(from, to),
  };
});

let folder: string;
let images: DiskImages;
beforeEach(() => {
  Object.assign(fails, { syncOf: "", renameIn: "" });
  folder = path.join(temporaryFolder("disk-bin"), "images");
  mkdirSync(folder);
  writeFileSync(path.join(folder, "a.img"), "a");
  images = new DiskImages(folder);
});
const binned = async () => (await images.bin.all()).map(({ name }) => name);

it("a file that has moved has moved, where only its folder does not reach the disk", async () => {
  fails.syncOf = folder;
  await images.remove("a.img");
  expect(existsSync(path.join(folder, "a.img"))).toBe(false);
  expect(await binned()).toEqual(["a.img"]);
  const { id } = (await images.bin.all())[0]!;
  expect(await images.bin.restore(id)).toEqual({ path: path.join(folder, "a.img") });
  expect(readdirSync(folder)).toEqual(["a.img"]);
});

it("a file that can't move is where it was, and that is said in a sentence", async () => {
  fails.renameIn = folder;
  await expect(images.remove("a.img")).rejects.toMatchObject({
    code: "EIO",
    message: "a.img can't be deleted: EIO: i/o error, rename. Everything is as it was before.",
  });
  expect(readdirSync(folder)).toEqual(["a.img"]);
  expect(await binned()).toEqual([]);
  fails.renameIn = "";
  await images.remove("a.img");
  const { id } = (await images.bin.all())[0]!;
  fails.renameIn = folder;
  await expect(images.bin.restore(id)).rejects.toMatchObject({
    message: "a.img can't be restored: EIO: i/o error, rename. Everything is as it was before.",
  });
  expect(await binned()).toEqual(["a.img"]);
});
