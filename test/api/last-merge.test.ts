/** What becomes of a domain's own disks when it goes for good with its snapshots: they have what it had when it was deleted. */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import type { ApiClient } from "../../core/api/client.ts";
import type { HostService } from "../../core/api/host-service.ts";
import { openStore } from "../../core/dom0/storage/open.ts";
import { createQcow2 } from "../../core/dom0/storage/qcow2/create.ts";
import { disksOf } from "../../core/library/snapshots/parts.ts";
import { builtHost } from "../built-host.ts";
import { contentOf, DISK_BYTES } from "../library/snapshots/library.ts";
import { temporaryFolder } from "../temporary.ts";
import { connectInMemory } from "./in-memory.ts";

const UUID = "11111111-1111-4111-8111-111111111111";
const OTHER = "22222222-2222-4222-8222-222222222222";
const given = { configName: null, files: { k: new Uint8Array([1]) } };
const MIB = 2 ** 20;
/** So large that it can be stopped while it is merged. */
const LARGE = 128 * MIB;
let folder: string;
let host: HostService;
let client: ApiClient;
const at = (name: string): string => path.join(folder, name);
const texts = (name: string, ...disks: string[]): string =>
  `name = "${name}"\nkernel = "k"\nmemory = 16\ndisk = [ ${disks.map((disk) => `"${disk}"`).join(", ")} ]\n`;
const overlays = (): string[] => readdirSync(folder).filter((name) => /\.xvd[ab]-/.test(name));

async function opened(): Promise<void> {
  host = builtHost({ libraryFolder: at("library") });
  client = connectInMemory(host, true).client;
  await host.library.open();
}
beforeEach(async () => {
  folder = temporaryFolder("last-merge");
  writeFileSync(at("a.img"), Buffer.alloc(DISK_BYTES, 1));
  await createQcow2({ path: at("b.qcow2"), size: DISK_BYTES });
  await opened();
  await host.library.define({
    uuid: UUID,
    config: texts("web", `${at("a.img")},raw,xvda,rw`, `${at("b.qcow2")},qcow2,xvdb,rw`),
    ...given,
  });
});
afterEach(() => host.powerOff(0));

const disks = async (): Promise<{ file: string; format: string }[]> =>
  disksOf(await client.request("keptConfig", { uuid: UUID }));
async function write(disk: number, offset: number, byte: number): Promise<void> {
  const { file, format } = (await disks())[disk]!;
  const store = await openStore(file, format, "read-write");
  await store.write(offset, [Buffer.alloc(70_000, byte)]);
  await store.close();
}
/** Two disks of a mebibyte, which an expectation would compare byte by byte. */
const areAs = async (disksNow: Promise<Buffer[]>, wanted: readonly Buffer[]): Promise<boolean[]> =>
  (await disksNow).map((each, i) => each.equals(wanted[i]!));
const BOTH = [true, true];
const contents = async (): Promise<Buffer[]> =>
  Promise.all((await disks()).map(({ file, format }) => contentOf(file, format)));
const first = (): Promise<Buffer[]> => Promise.all([contentOf(at("a.img"), "raw"), contentOf(at("b.qcow2"), "qcow2")]);
const take = async (name: string): Promise<string> =>
  (await client.request("snapshotTake", { uuid: UUID, name, memory: false })).snapshot;

/** Three snapshots, of which the last is beside the domain's way, and what was written to both disks between and since. */
async function lived(): Promise<Buffer[]> {
  await take("one");
  await write(0, 0, 2);
  await write(1, 300_000, 3);
  const two = await take("two");
  await write(0, 200_000, 4);
  await take("three");
  await write(0, 400_000, 5);
  await client.request("snapshotRevert", { uuid: UUID, snapshot: two });
  await write(0, 30_000, 6);
  await write(1, 0, 7);
  return contents();
}
const binned = async (): Promise<string> => (await client.request("binList"))[0]!.id;

/** As if another Xenarium read the image. Returns what ends that. */
function lockedElsewhere(file: string): () => void {
  const { dev, ino } = statSync(file);
  const locks = path.join(tmpdir(), `xenarium-images-${userInfo().uid}`);
  const mark = path.join(locks, `${dev}-${ino}.0123abcd`);
  mkdirSync(locks, { recursive: true, mode: 0o700 });
  writeFileSync(mark, JSON.stringify({ pid: process.ppid, started: null, command: "another" }));
  return () => rmSync(mark);
}

it("all of them, of each format, whichever way its snapshots went", async () => {
  const had = await lived();
  const before = await first();
  const goes = await client.request("keptGoesWith", { uuid: UUID });
  expect(goes).toMatchObject({ snapshots: 3, mergedInto: [at("a.img"), at("b.qcow2")], isWritingLost: false });
  await client.request("keptDelete", { uuid: UUID });
  expect(await areAs(first(), before)).toEqual(BOTH);
  expect(await client.request("binList")).toMatchObject([{ snapshots: 3, isWritingLost: false }]);
  await client.request("binPurge", { id: await binned() });
  expect(await areAs(first(), had)).toEqual(BOTH);
  expect([overlays(), await client.request("binList"), readdirSync(at("library/bin"))]).toEqual([[], [], []]);
});

it("not one that another domain has as it is: its user is told before that what was written since goes", async () => {
  const had = await lived();
  await host.library.define({ uuid: OTHER, config: texts("other", `${at("a.img")},raw,xvda,r`), ...given });
  const before = await first();
  expect(await client.request("keptGoesWith", { uuid: UUID })).toMatchObject({
    ...{ mergedInto: [at("b.qcow2")], isWritingLost: true },
  });
  await client.request("keptDelete", { uuid: UUID });
  expect(await client.request("binList")).toMatchObject([{ isWritingLost: true }]);
  await client.request("binPurge", {});
  expect(await areAs(first(), [before[0]!, had[1]!])).toEqual(BOTH);
  expect(overlays()).toEqual([]);
});

it("not while another in the bin has one as it is: that has its disk when it is put back, and emptying the bin takes both in their order", async () => {
  const had = await lived();
  await host.library.define({ uuid: OTHER, config: texts("other", `${at("a.img")},raw,xvda,rw`), ...given });
  const before = await first();
  await client.request("keptDelete", { uuid: OTHER });
  await client.request("keptDelete", { uuid: UUID });
  const bin = await client.request("binList");
  const id = bin.find(({ name }) => name === "web")!.id;
  expect(bin.map(({ isWritingLost }) => isWritingLost)).toEqual([false, false]);
  await expect(client.request("binPurge", { id })).rejects.toMatchObject({
    code: "EBUSY",
    message: expect.stringMatching(
      /^web can't be removed for good yet, .* other, which lies in the bin too, has \S+a\.img as a disk: remove that for good first\.$/,
    ) as string,
  });
  const other = bin.find(({ name }) => name === "other")!.id;
  await client.request("binRestore", { id: other });
  expect(await areAs(first(), before)).toEqual(BOTH);
  await client.request("keptDelete", { uuid: OTHER });
  await client.request("binPurge", {});
  expect(await client.request("binList")).toEqual([]);
  expect(await areAs(first(), had)).toEqual(BOTH);
  expect(overlays()).toEqual([]);
});

it("not while the snapshots of another domain can't be read: nothing is gone, and there is no image that nobody knows", async () => {
  const had = await lived();
  await host.library.define({ uuid: OTHER, config: texts("other", `${at("c.img")},raw,xvda,r`), ...given });
  await client.request("keptDelete", { uuid: UUID });
  const images = overlays();
  const snapshots = path.join(at("library/domains"), OTHER, "snapshots");
  mkdirSync(snapshots);
  writeFileSync(path.join(snapshots, "tree.json"), "{");
  const again = async (): Promise<void> => {
    await host.powerOff(0);
    await opened();
  };
  await again();
  for (const id of [await binned(), undefined])
    await expect(client.request("binPurge", { id })).rejects.toMatchObject({
      code: "EIO",
      message: expect.stringMatching(
        /^web can't be removed for good yet, .*snapshots of another domain can't be read/,
      ) as string,
    });
  expect([overlays(), await client.request("binList")]).toMatchObject([images, [{ name: "web", snapshots: 3 }]]);
  rmSync(snapshots, { recursive: true });
  await again();
  await client.request("binPurge", {});
  expect(await areAs(first(), had)).toEqual(BOTH);
  expect(overlays()).toEqual([]);
});

it("nothing is gone while an image is in use elsewhere: it stays in the bin with its snapshots, and can be put back", async () => {
  const had = await lived();
  const tree = await client.request("snapshots", { uuid: UUID });
  await client.request("keptDelete", { uuid: UUID });
  const unlock = lockedElsewhere(at("a.img"));
  try {
    for (const id of [await binned(), undefined])
      await expect(client.request("binPurge", { id })).rejects.toMatchObject({
        code: "EBUSY",
        message: expect.stringMatching(
          /^web can't be removed for good yet, .*a\.img is being read by another Xenarium/,
        ) as string,
      });
  } finally {
    unlock();
  }
  await client.request("binRestore", { id: await binned() });
  expect(await client.request("snapshots", { uuid: UUID })).toEqual(tree);
  expect(await areAs(contents(), had)).toEqual(BOTH);
  await client.request("keptDelete", { uuid: UUID });
  await client.request("binPurge", {});
  expect(await areAs(first(), had)).toEqual(BOTH);
});

it("an image that is there no more holds nobody up", async () => {
  const had = await lived();
  await client.request("keptDelete", { uuid: UUID });
  rmSync(at("a.img"));
  await client.request("binPurge", { id: await binned() });
  expect([overlays(), existsSync(at("a.img"))]).toEqual([[], false]);
  expect((await contentOf(at("b.qcow2"), "qcow2")).equals(had[1]!)).toBe(true);
});

it("when its day is over, by whoever looks, as well", async () => {
  const had = await lived();
  await client.request("keptDelete", { uuid: UUID });
  const began = Date.now();
  vi.useFakeTimers({ toFake: ["Date"] });
  try {
    // A day later it is found to be over, and an hour and more after that it goes.
    for (const hours of [25, 27]) {
      await host.powerOff(0);
      expect(overlays()).not.toEqual([]);
      vi.setSystemTime(began + hours * 3600_000);
      await opened();
      await expect.poll(() => readdirSync(at("library/bin")).length).toBe(hours === 25 ? 2 : 0);
    }
  } finally {
    vi.useRealTimers();
  }
  expect(await areAs(first(), had)).toEqual(BOTH);
  expect(overlays()).toEqual([]);
});

it("not one that somebody has put another disk in the place of since, or written to", async () => {
  for (const how of ["written", "replaced"]) {
    if (how === "replaced")
      await host.library.define({ uuid: UUID, config: texts("web", `${at("a.img")},raw,xvda,rw`), ...given });
    await take("one");
    await write(0, 0, 2);
    await client.request("keptDelete", { uuid: UUID });
    const deletedAt = Number.parseInt(await binned(), 10);
    // The clock of a file system may be some milliseconds behind.
    do {
      writeFileSync(at("other.img"), Buffer.alloc(DISK_BYTES, 8));
      if (how === "written") writeFileSync(at("a.img"), Buffer.alloc(DISK_BYTES, 8));
      else renameSync(at("other.img"), at("a.img"));
    } while (statSync(at("a.img")).ctimeMs <= deletedAt + 1);
    expect(await client.request("binList"), how).toMatchObject([{ isWritingLost: true }]);
    await client.request("binPurge", { id: await binned() });
    expect((await first())[0]!.equals(Buffer.alloc(DISK_BYTES, 8)), how).toBe(true);
    expect(overlays(), how).toEqual([]);
  }
});

it("whoever is killed in the middle of it leaves disks that are right, in the bin and when it is put back", async () => {
  const had = await lived();
  await client.request("keptDelete", { uuid: UUID });
  const id = await binned();
  const folderThere = path.join(at("library/bin"), id);
  const treeFile = path.join(folderThere, "snapshots", "tree.json");
  const whole = readFileSync(treeFile, "utf8");
  // The last image of the second disk can't be read: the first disk is merged by then.
  const tree = JSON.parse(whole) as { current: { disks: { file: string }[] } };
  const top = tree.current.disks[1]!.file;
  const bytes = readFileSync(top);
  writeFileSync(top, Buffer.alloc(bytes.length));
  await expect(client.request("binPurge", { id })).rejects.toThrow(/web can't be removed for good yet/);
  writeFileSync(top, bytes);
  expect((await client.request("binList"))[0]).toMatchObject({ id, snapshots: 0 });
  await host.powerOff(0);
  await opened();
  await client.request("binRestore", { id });
  expect(await areAs(contents(), had)).toEqual(BOTH);
  await client.request("keptDelete", { uuid: UUID });
  await client.request("binPurge", {});
  expect(await areAs(first(), had)).toEqual(BOTH);
  expect(overlays()).toEqual([]);
});

it("one that was broken off in the middle of a disk is gone on with, also when somebody had that disk open in between", async () => {
  const had = await lived();
  await client.request("keptDelete", { uuid: UUID });
  const id = await binned();
  const treeFile = path.join(at("library/bin"), id, "snapshots", "tree.json");
  const tree = JSON.parse(readFileSync(treeFile, "utf8")) as { current: { disks: { file: string }[] } };
  const top = tree.current.disks[0]!.file;
  const bytes = readFileSync(top);
  writeFileSync(top, Buffer.alloc(bytes.length));
  // The image over the first one is taken in by then.
  await expect(client.request("binPurge", { id })).rejects.toThrow(/web can't be removed for good yet/);
  expect((await first())[0]!.equals(had[0]!)).toBe(false);
  writeFileSync(top, bytes);
  const unlock = lockedElsewhere(at("a.img"));
  await expect(client.request("binPurge", { id })).rejects.toMatchObject({ code: "EBUSY" });
  unlock();
  expect(await client.request("binList")).toMatchObject([{ isWritingLost: false }]);
  await client.request("binPurge", {});
  expect(await areAs(first(), had)).toEqual(BOTH);
  expect(overlays()).toEqual([]);
});

it("what is deleted while the bin is emptied stays for its day, and two who empty it at once both have done so", async () => {
  const had = await lived();
  await host.library.define({ uuid: OTHER, config: texts("other", `${at("c.img")},raw,xvda,r`), ...given });
  await client.request("keptDelete", { uuid: UUID });
  const another = connectInMemory(host, true).client;
  const merge = host.snapshots.mergeLast.bind(host.snapshots);
  vi.spyOn(host.snapshots, "mergeLast").mockImplementationOnce(async (id) => {
    await another.request("keptDelete", { uuid: OTHER });
    await merge(id);
  });
  await Promise.all([client.request("binPurge", {}), another.request("binPurge", {})]);
  expect(await areAs(first(), had)).toEqual(BOTH);
  expect(await client.request("binList")).toMatchObject([{ name: "other" }]);
  await client.request("binRestore", { id: await binned() });
});

it(
  "not while the power of the host goes: what was begun goes on when somebody asks again",
  { timeout: 60_000 },
  async () => {
    await take("one");
    const [disk] = await disks();
    const store = await openStore(disk!.file, disk!.format, "read-write");
    await store.resize(LARGE);
    for (let offset = 0; offset < LARGE; offset += 4 * MIB) await store.write(offset, [Buffer.alloc(4 * MIB, 9)]);
    await store.close();
    await client.request("keptDelete", { uuid: UUID });
    await host.powerOn();
    host.toolstack.on("absorbing", () => void host.powerOff(0));
    await expect(client.request("binPurge", {})).rejects.toMatchObject({
      message: expect.stringMatching(/^web can't be removed for good yet, .*\.$/) as string,
    });
    await expect.poll(() => host.state.power, { timeout: 30_000 }).toBe("off");
    expect(await client.request("binList")).toHaveLength(1);
    await client.request("binPurge", {});
    expect(statSync(at("a.img")).size).toBe(LARGE);
    expect((await contentOf(at("a.img"), "raw")).equals(Buffer.alloc(LARGE, 9))).toBe(true);
    expect(overlays()).toEqual([]);
  },
);

describe.skipIf(process.getuid?.() !== 0)("a disk of the computer", () => {
  const MOUNTED_MIB = 24;
  let mounted: string;
  /** The images lie on a disk of their own. Returns the disk of the domain. */
  async function onDisk(skip: (why: string) => never): Promise<void> {
    mounted = at("mounted");
    mkdirSync(mounted);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", `size=${MOUNTED_MIB}m`, "tmpfs", mounted], { stdio: "ignore" });
    } catch {
      skip("no tmpfs can be mounted here");
    }
    onTestFinished(() => void execFileSync("umount", ["-l", mounted]));
    writeFileSync(path.join(mounted, "a.img"), "");
    truncateSync(path.join(mounted, "a.img"), 8 * MIB);
    await host.library.remove(UUID);
    await host.bin.purge(null);
    const config = texts("web", `${path.join(mounted, "a.img")},raw,xvda,rw`);
    await host.library.define({ uuid: UUID, config, ...given });
  }
  const fill = async (byte: number, mib: number): Promise<void> => {
    const { file, format } = (await disks())[0]!;
    const store = await openStore(file, format, "read-write");
    await store.write(0, [Buffer.alloc(mib * MIB, byte)]);
    await store.close();
  };
  const own = (): Promise<Buffer> => contentOf(path.join(mounted, "a.img"), "raw");
  /** Leaves so many bytes of the disk free. */
  function takeRoom(left: number): void {
    const { bavail, bsize } = statfsSync(mounted);
    writeFileSync(path.join(mounted, "fill"), Buffer.alloc(bavail * bsize - left));
  }

  it("that is full has room by what only snapshots needed, and otherwise says so: nothing is lost", async ({
    skip,
  }) => {
    await onDisk(skip);
    const one = await take("one");
    await fill(2, 4);
    await client.request("snapshotRevert", { uuid: UUID, snapshot: one, keepNow: "two" });
    await fill(3, 3);
    const [had] = await contents();
    await client.request("keptDelete", { uuid: UUID });
    takeRoom(MIB);
    await client.request("binPurge", {});
    expect((await own()).equals(had!)).toBe(true);
    expect(readdirSync(mounted).toSorted()).toEqual(["a.img", "fill"]);

    rmSync(path.join(mounted, "fill"));
    const config = texts("web", `${path.join(mounted, "a.img")},raw,xvda,rw`);
    await host.library.define({ uuid: UUID, config, ...given });
    await take("one");
    await fill(4, 8);
    const [then] = await contents();
    await client.request("keptDelete", { uuid: UUID });
    takeRoom(MIB);
    await expect(client.request("binPurge", {})).rejects.toMatchObject({
      code: "ENOSPC",
      message: expect.stringMatching(/^web can't be removed for good yet, .*disk is full/) as string,
    });
    await client.request("binRestore", { id: await binned() });
    expect((await contents())[0]!.equals(then!)).toBe(true);
    await client.request("keptDelete", { uuid: UUID });
    rmSync(path.join(mounted, "fill"));
    await client.request("binPurge", {});
    expect((await own()).equals(then!)).toBe(true);
  });

  it("that the library lies on, full to its last block: a sentence that says what to free, and nothing is lost", async ({
    skip,
  }) => {
    await onDisk(skip);
    await host.powerOff(0);
    for (const name of readdirSync(mounted)) rmSync(path.join(mounted, name));
    const library = path.join(mounted, "library");
    host = builtHost({ libraryFolder: library });
    client = connectInMemory(host, true).client;
    await host.library.open();
    await host.library.define({ uuid: UUID, config: texts("web", `${at("a.img")},raw,xvda,rw`), ...given });
    const files = { k: Buffer.alloc(64 * 1024, 2) };
    await host.library.define({ uuid: OTHER, config: texts("other"), configName: null, files });
    await take("one");
    await fill(2, 1);
    const [had] = await contents();
    await client.request("keptDelete", { uuid: OTHER });
    await client.request("keptDelete", { uuid: UUID });
    const { bsize } = statfsSync(mounted);
    // With one block there is room for the note, and none for the tree.
    for (const left of [bsize, 0]) {
      rmSync(path.join(mounted, "fill"), { force: true });
      takeRoom(left);
      const web = (await client.request("binList")).find(({ name }) => name === "web")!;
      await expect(client.request("binPurge", { id: web.id })).rejects.toMatchObject({
        code: "ENOSPC",
        message: expect.stringMatching(
          /^web can't be removed for good yet, .*can't be written: the disk is full\. A few KiB are needed there: remove something else from the bin/,
        ) as string,
      });
      expect(readdirSync(path.join(library, "bin", web.id, "snapshots"))).not.toContain("merging.json");
      await client.request("binRestore", { id: web.id });
      expect((await client.request("snapshots", { uuid: UUID }))?.snapshots).toHaveLength(1);
      expect((await contents())[0]!.equals(had!)).toBe(true);
      await client.request("keptDelete", { uuid: UUID });
    }
    const bin = await client.request("binList");
    for (const wanted of ["other", "web"])
      await client.request("binPurge", { id: bin.find(({ name }) => name === wanted)!.id });
    expect((await first())[0]!.equals(had!)).toBe(true);
    expect(overlays()).toEqual([]);
  });

  it("that can't be written has all as it was, with the snapshots, until it can", async ({ skip }) => {
    await onDisk(skip);
    await take("one");
    await fill(5, 1);
    const [had] = await contents();
    const tree = await client.request("snapshots", { uuid: UUID });
    await client.request("keptDelete", { uuid: UUID });
    execFileSync("mount", ["-o", "remount,ro", mounted]);
    await expect(client.request("binPurge", {})).rejects.toMatchObject({
      code: "EROFS",
      message: expect.stringMatching(/^web can't be removed for good yet, /) as string,
    });
    await client.request("binRestore", { id: await binned() });
    expect(await client.request("snapshots", { uuid: UUID })).toEqual(tree);
    await client.request("keptDelete", { uuid: UUID });
    execFileSync("mount", ["-o", "remount,rw", mounted]);
    await client.request("binPurge", {});
    expect((await own()).equals(had!)).toBe(true);
  });
});
