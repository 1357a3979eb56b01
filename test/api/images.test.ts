/**
 * Disk images as users see them: which there are, who needs them, and what can be done with them through a window's session. Hostile images are among
 * them.
 */
import {
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { ApiClient } from "../../core/api/client.ts";
import { DiskImages } from "../../core/api/disk-images.ts";
import type { HostService } from "../../core/api/host-service.ts";
import { ImageLibrary } from "../../core/api/image-library.ts";
import type { ImageReport } from "../../core/api/schema.ts";
import { createQcow2 } from "../../core/dom0/storage/qcow2/create.ts";
import { openStore } from "../../core/dom0/storage/open.ts";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";
import { connectInMemory } from "./in-memory.ts";

const folder = temporaryFolder("api-images");
const images = path.join(folder, "state/images");
const elsewhere = path.join(folder, "elsewhere");
const MIB = 2 ** 20;
const WEB = "11111111-1111-4111-8111-111111111111";
let host: HostService;
let client: ApiClient;

async function found(name: string): Promise<ImageReport> {
  const { images: all } = await client.request("imageList");
  return all.find((each) => each.name === name)!;
}
const at = (name: string): string => path.join(images, name);
function put(file: string, offset: number, bytes: Uint8Array): void {
  const handle = openSync(file, "r+");
  writeSync(handle, bytes, 0, bytes.length, offset);
}
const word64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
};
async function fill(file: string, format: string, bytes: Uint8Array, offset = 0): Promise<void> {
  const store = await openStore(file, format, "read-write");
  await store.write(offset, [bytes]);
  await store.close();
}
const define = (uuid: string, name: string, disk: string): Promise<unknown> =>
  host.library.define({
    uuid,
    config: `name = "${name}"\nkernel = "k"\nmemory = 32\ndisk = [ "${disk}" ]\n`,
    configName: null,
    files: { k: new Uint8Array([1]) },
  });

beforeAll(async () => {
  mkdirSync(images, { recursive: true });
  mkdirSync(elsewhere);
  host = builtHost({ imagesFolder: images, libraryFolder: path.join(folder, "state/library") });
  ({ client } = connectInMemory(host));
});

describe("the list of disk images", () => {
  it("has those of the host's folder and those that domains name, with sizes, formats, chains and who needs each", async () => {
    await client.request("imageCreate", { name: "base", format: "qcow2", bytes: 64 * MIB });
    await fill(at("base.qcow2"), "qcow2", Buffer.alloc(MIB, "x"));
    await createQcow2({ path: at("top.qcow2"), size: 64 * MIB, backing: { file: "base.qcow2", format: "qcow2" } });
    writeFileSync(path.join(elsewhere, "own.img"), Buffer.alloc(3 * MIB, "o"));
    await define(WEB, "web", `format=qcow2, vdev=xvda, access=rw, target=${at("top.qcow2")}`);
    await define(
      "22222222-2222-4222-8222-222222222222",
      "own",
      `format=raw, vdev=xvda, access=ro, target=${path.join(elsewhere, "own.img")}`,
    );
    const { folder: where, images: all } = await client.request("imageList");
    expect(where).toBe(images);
    expect(all.map(({ name }) => name)).toEqual(["base.qcow2", "own.img", "top.qcow2"]);
    const [base, own, top] = all;
    expect(base).toMatchObject({ format: "qcow2", size: 64 * MIB, isKept: true, basedOn: null, problem: null });
    expect(base!.allocated).toBeGreaterThanOrEqual(MIB);
    expect(base!.allocated).toBeLessThan(2 * MIB);
    expect(base!.users).toEqual([expect.objectContaining({ kind: "image", name: at("top.qcow2") })]);
    expect(own).toMatchObject({ format: "raw", size: 3 * MIB, isKept: false });
    expect(own!.users).toEqual([expect.objectContaining({ kind: "domain", name: "own", writes: false })]);
    expect(top).toMatchObject({ basedOn: at("base.qcow2") });
    expect(top!.users).toEqual([
      expect.objectContaining({ kind: "domain", name: "web", state: "halted", writes: true }),
    ]);
  });

  it("keeps what is needed: as a disk, as what another is based on, and for what lies in the bin", async () => {
    await expect(client.request("diskRemove", { name: "base.qcow2" })).rejects.toMatchObject({
      code: "EBUSY",
      message: expect.stringContaining("top.qcow2 is based on base.qcow2") as string,
    });
    await expect(client.request("diskRemove", { name: "top.qcow2" })).rejects.toMatchObject({ code: "EBUSY" });
    await client.request("keptDelete", { uuid: WEB });
    expect((await found("top.qcow2")).users).toEqual([expect.objectContaining({ name: "web", state: "binned" })]);
    await expect(client.request("diskRemove", { name: "top.qcow2" })).rejects.toMatchObject({
      message: expect.stringContaining("lies in the bin") as string,
    });
    const [entry] = await client.request("binList");
    await client.request("binPurge", { id: entry!.id });
    await client.request("diskRemove", { name: "top.qcow2" });
    expect(existsSync(at("top.qcow2"))).toBe(false);
  });

  it("has what was deleted in the bin for a day, keeps what that is based on, and gives it back under a name that is free", async () => {
    const names = async () => (await client.request("imageList")).images.map(({ name }) => name);
    expect((await names()).filter((name) => name.includes("top"))).toEqual([]);
    expect((await client.request("diskImages")).filter(({ name }) => name.includes("top"))).toEqual([]);
    const [entry, ...others] = await client.request("imageBin");
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ name: "top.qcow2", goneAt: entry!.deletedAt + 24 * 3600_000 });
    expect(entry!.bytes).toBeGreaterThan(0);
    expect((await found("base.qcow2")).users).toEqual([expect.objectContaining({ kind: "image", state: "binned" })]);
    await expect(client.request("diskRemove", { name: "base.qcow2" })).rejects.toMatchObject({
      code: "EBUSY",
      message: "top.qcow2, which lies in the bin, is based on base.qcow2: remove it there for good first.",
    });
    for (const id of ["top.qcow2", "../secret~1732880000000.img", `x${entry!.id}`])
      for (const deed of ["imageRestore", "imagePurge"] as const)
        await expect(client.request(deed, { id }), id).rejects.toMatchObject({ code: "ESRCH" });
    // Somebody has its name now.
    await createQcow2({ path: at("top.qcow2"), size: MIB });
    expect(await client.request("imageRestore", { id: entry!.id })).toEqual({ path: at("top-2.qcow2") });
    expect(await found("top-2.qcow2")).toMatchObject({ basedOn: at("base.qcow2"), problem: null });
    expect(await client.request("imageBin")).toEqual([]);
    for (const name of ["top.qcow2", "top-2.qcow2"]) await client.request("diskRemove", { name });
    // The same name twice.
    await createQcow2({ path: at("top.qcow2"), size: MIB });
    await client.request("diskRemove", { name: "top.qcow2" });
    const three = await client.request("imageBin");
    expect(three.map(({ name }) => name).toSorted()).toEqual(["top-2.qcow2", "top.qcow2", "top.qcow2"]);
    await client.request("imagePurge", { id: three[0]!.id });
    expect(await client.request("imageBin")).toHaveLength(2);
    await client.request("imagePurge", {});
    expect(readdirSync(images).filter((name) => name.includes("top"))).toEqual([]);
    expect((await found("base.qcow2")).users).toEqual([]);
  });

  it("lets go for good of what has been in the bin for a day, when that is so an hour later still, however often it was closed meanwhile", async () => {
    const [day, hour, deleted] = [24 * 3600_000, 3600_000, 1_732_880_000_000];
    await createQcow2({ path: at("old.qcow2"), size: MIB });
    await host.images.bin.put(at("old.qcow2"), deleted);
    const there = async () => (await client.request("imageBin")).map(({ name }) => name);
    /** As by an application that was started for it. */
    const look = (now: number): Promise<void> => {
      const { library, kept, snapshots, journal } = host;
      const parts = { images: new DiskImages(images), library, kept, snapshots, journal, toolstack: () => null };
      return new ImageLibrary(parts).purgeOld(now);
    };
    await look(deleted + day - 1);
    await look(deleted + day);
    expect(await there()).toEqual(["old.qcow2"]);
    // The clock was wrong.
    await look(deleted);
    await look(deleted + day + 10);
    await look(deleted + day + hour + 9);
    expect(await there()).toEqual(["old.qcow2"]);
    const before = readdirSync(images);
    await look(deleted + day + hour + 10);
    expect(await there()).toEqual([]);
    expect(readdirSync(images)).toHaveLength(before.length - 1);
    expect(readdirSync(path.dirname(images))).not.toContain("images-bin.json");
  });
});

describe("work on disk images", () => {
  it("stay, and keep their size, while a tree of snapshots can't be read that may be based on them", async () => {
    const spoiled = path.join(folder, "spoiled");
    const domain = path.join(spoiled, "library/domains", WEB, "snapshots");
    mkdirSync(domain, { recursive: true });
    mkdirSync(path.join(spoiled, "images"));
    writeFileSync(path.join(domain, "tree.json"), "{");
    const other = builtHost({
      imagesFolder: path.join(spoiled, "images"),
      libraryFolder: path.join(spoiled, "library"),
    });
    const { client: window } = connectInMemory(other);
    const { path: file } = await window.request("imageCreate", { name: "free.qcow2", format: "qcow2", bytes: MIB });
    await expect(window.request("diskRemove", { name: "free.qcow2" })).rejects.toThrow("none is deleted or merged");
    await expect(window.request("imageGrow", { path: file, bytes: 2 * MIB })).rejects.toThrow("can't be read");
    expect(existsSync(file)).toBe(true);
  });

  it("copies and converts, with what others are based on, whole or not at all", async () => {
    await createQcow2({ path: at("over.qcow2"), size: 64 * MIB, backing: { file: "base.qcow2", format: "qcow2" } });
    await fill(at("over.qcow2"), "qcow2", Buffer.alloc(MIB, "y"), 8 * MIB);
    const raw = await client.request("imageCopy", { path: at("over.qcow2"), name: "flat", format: "raw" });
    expect(raw.path).toBe(at("flat.img"));
    const bytes = readFileSync(raw.path);
    expect(bytes.length).toBe(64 * MIB);
    expect(bytes.subarray(0, MIB).equals(Buffer.alloc(MIB, "x"))).toBe(true);
    expect(bytes.subarray(8 * MIB, 9 * MIB).equals(Buffer.alloc(MIB, "y"))).toBe(true);
    const again = await client.request("imageCopy", { path: raw.path, name: "flat", format: "qcow2" });
    expect(await found("flat.qcow2")).toMatchObject({ format: "qcow2", size: 64 * MIB, basedOn: null });
    expect(await client.request("imageCheck", { path: again.path })).toMatchObject({
      tables: { errors: 0, leaked: 0 },
    });
    const foreign = await client.request("imageCopy", { path: raw.path, name: "flat", format: "vhd" });
    expect(foreign.path).toBe(at("flat.vhd"));
    expect(await found("flat.vhd")).toMatchObject({ format: "vhd", size: 64 * MIB, basedOn: null });
    // A name that is taken must not be overwritten.
    const third = await client.request("imageCopy", { path: raw.path, name: "flat", format: "raw" });
    expect(third.path).toBe(at("flat-2.img"));
    expect(readdirSync(images).filter((name) => name.endsWith(".part"))).toEqual([]);
    for (const name of ["flat.img", "flat-2.img", "flat.qcow2", "flat.vhd", "over.qcow2"])
      await client.request("diskRemove", { name });
    await client.request("imagePurge", {});
  });

  it("is cancelled from the list of tasks, and nothing of it is left", async () => {
    // The image is long enough to be cancelled in the middle, since it is read hole by hole.
    writeFileSync(at("large.img"), "z");
    truncateSync(at("large.img"), 64 * 2 ** 30);
    const seen = new Promise<number>((resolve) =>
      client.on("journal", ({ entries }) => {
        const task = entries.find((each) => each.title.startsWith("Copy the disk image large.img"));
        if (task?.cancels) resolve(task.id);
      }),
    );
    await client.request("journalAttach", { client: "test-images" });
    const copying = client.request("imageCopy", { path: at("large.img"), name: "copy", format: "qcow2" });
    const refused = expect(copying).rejects.toMatchObject({ code: "ECANCELED" });
    await client.request("taskCancel", { id: await seen });
    await refused;
    expect(readdirSync(images).filter((name) => name.startsWith("copy"))).toEqual([]);
    await client.request("diskRemove", { name: "large.img" });
  });

  it("makes them larger, and never smaller", async () => {
    await client.request("imageGrow", { path: at("base.qcow2"), bytes: 128 * MIB });
    expect(await found("base.qcow2")).toMatchObject({ size: 128 * MIB });
    await expect(client.request("imageGrow", { path: at("base.qcow2"), bytes: 64 * MIB })).rejects.toMatchObject({
      code: "EINVAL",
      message: expect.stringContaining("would be lost") as string,
    });
    await expect(client.request("imageGrow", { path: at("base.qcow2"), bytes: 1000 })).rejects.toMatchObject({
      message: expect.stringContaining("a multiple of 512") as string,
    });
    await createQcow2({ path: at("top.qcow2"), size: MIB, backing: { file: "base.qcow2", format: "qcow2" } });
    await expect(client.request("imageGrow", { path: at("base.qcow2"), bytes: 256 * MIB })).rejects.toMatchObject({
      code: "EBUSY",
      message: expect.stringContaining("top.qcow2 is based on it") as string,
    });
    await client.request("diskRemove", { name: "top.qcow2" });
    await client.request("imagePurge", {});
  });

  it("is of images of the list only, and new names stay in the folder", async () => {
    const secret = path.join(folder, "secret.img");
    writeFileSync(secret, Buffer.alloc(MIB, "s"));
    for (const name of [secret, "../secret.img", `${images}/../../secret.img`])
      await expect(client.request("imageCopy", { path: name, name: "c", format: "raw" })).rejects.toMatchObject({
        code: "ENOENT",
      });
    const made = await client.request("imageCreate", { name: "../../etc/up", format: "raw", bytes: MIB });
    expect(path.dirname(made.path)).toBe(images);
    await client.request("diskRemove", { name: path.basename(made.path) });
    await expect(client.request("imageCreate", { name: "big", format: "qcow2", bytes: 2 ** 50 })).rejects.toMatchObject(
      {
        code: "EINVAL",
      },
    );
  });
});

describe("hostile images", () => {
  it("show nothing of other files: what they say they are based on is named, not opened", async () => {
    writeFileSync(path.join(folder, "secret.txt"), "secret");
    await createQcow2({ path: at("nosy.qcow2"), size: MIB, backing: { file: "../../secret.txt", format: "raw" } });
    const { problem, users } = await found("nosy.qcow2");
    expect(problem).toMatch(/based on .*secret\.txt, which does not lie in its own folder/);
    expect(users).toEqual([]);
    expect(await found("secret.txt")).toBeUndefined();
    await expect(
      client.request("imageCopy", { path: at("nosy.qcow2"), name: "c", format: "raw" }),
    ).rejects.toMatchObject({ code: "EACCES" });
    expect(existsSync(at("c.img"))).toBe(false);
  });

  it("are not what a guest writes to the first bytes of its raw disk", async () => {
    await createQcow2({ path: at("disk.img"), size: MIB, backing: { file: "base.qcow2", format: "qcow2" } });
    expect(await found("disk.img")).toMatchObject({ format: "raw", basedOn: null });
    expect((await found("base.qcow2")).users).toEqual([]);
    await client.request("diskRemove", { name: "disk.img" });
  });

  it("that are based on themselves or on each other, are cut off, or lie about their size are told of and hurt nothing", async () => {
    await createQcow2({ path: at("a.qcow2"), size: MIB, backing: { file: "b.qcow2", format: "qcow2" } });
    await createQcow2({ path: at("b.qcow2"), size: MIB, backing: { file: "a.qcow2", format: "qcow2" } });
    await createQcow2({ path: at("self.qcow2"), size: MIB, backing: { file: "self.qcow2", format: "qcow2" } });
    writeFileSync(at("cut.qcow2"), Buffer.from("QFI\xfb\0\0\0\x03", "latin1"));
    writeFileSync(at("empty.vmdk"), Buffer.from("KDMV", "latin1"));
    await createQcow2({ path: at("huge.qcow2"), size: MIB });
    put(at("huge.qcow2"), 24, word64(2n ** 62n));
    for (const name of ["a.qcow2", "self.qcow2"]) {
      expect((await found(name)).problem).toBeNull();
      const { unreadable } = await client.request("imageCheck", { path: at(name) });
      expect(unreadable).toMatch(/based on itself/);
    }
    for (const name of ["cut.qcow2", "empty.vmdk", "huge.qcow2"]) {
      const { problem, size } = await found(name);
      expect(problem).toMatch(/^It can't be read: .+\.$/);
      expect(size).toBeNull();
      await expect(client.request("imageCheck", { path: at(name) })).rejects.toMatchObject({ code: "EIO" });
    }
    for (const name of ["cut.qcow2", "empty.vmdk", "huge.qcow2", "self.qcow2", "nosy.qcow2"])
      await client.request("diskRemove", { name });
  });

  it("are found out by a check: counts that are too small, tables out of the file, room that is lost", async () => {
    const file = at("broken.qcow2");
    await createQcow2({ path: file, size: 8 * MIB });
    await fill(file, "qcow2", Buffer.alloc(256 * 1024, "d"));
    expect(await client.request("imageCheck", { path: file })).toMatchObject({ tables: { errors: 0, leaked: 0 } });
    const whole = readFileSync(file);
    const l1 = Number(whole.readBigUInt64BE(40));
    const l2 = Number(whole.readBigUInt64BE(l1) & 0x00fffffffffffe00n);
    const blocks = Number(whole.readBigUInt64BE(Number(whole.readBigUInt64BE(48))));
    const data = Number(whole.readBigUInt64BE(l2) & 0x00fffffffffffe00n);

    // Nothing refers to its former first cluster.
    put(file, l2, word64(0n));
    expect(await client.request("imageCheck", { path: file })).toMatchObject({ tables: { errors: 0, leaked: 1 } });
    // The cluster is used but not counted, so a write would overwrite it.
    put(file, l2, whole.subarray(l2, l2 + 8));
    put(file, blocks + (data / 65536) * 2, Buffer.alloc(2));
    const { tables } = await client.request("imageCheck", { path: file });
    expect(tables).toMatchObject({ errors: 1, leaked: 0 });
    expect(tables!.findings[0]).toMatch(/is used 1 times and counted 0/);
    // The data cluster is the image's own header.
    put(file, l2, word64(0x8000000000000000n));
    put(file, l2 + 8, word64(0x8000000000000000n | BigInt(l1)));
    expect((await client.request("imageCheck", { path: file })).tables!.errors).toBeGreaterThan(0);
    // The table lies beyond the end of the file.
    put(file, l1, word64(0x8000000000000000n | (2n ** 40n)));
    const out = client.request("imageCheck", { path: file });
    await expect(out.then(({ tables: found }) => found!.findings[0])).resolves.toMatch(/behind the end of the file/);
    truncateSync(file, 100);
    await expect(client.request("imageCheck", { path: file })).rejects.toMatchObject({ code: "EIO" });
    expect(statSync(file).size).toBe(100);
  });
});
