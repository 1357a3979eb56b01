/** What becomes of a domain's own disks when it goes for good with its snapshots: they have what it had when it was deleted. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
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

it("nothing is gone while an image is in use elsewhere: it stays in the bin with its snapshots, and can be put back", async () => {
  const had = await lived();
  const tree = await client.request("snapshots", { uuid: UUID });
  await client.request("keptDelete", { uuid: UUID });
  const { dev, ino } = statSync(at("a.img"));
  const locks = path.join(tmpdir(), `xenarium-images-${userInfo().uid}`);
  const mark = path.join(locks, `${dev}-${ino}.0123abcd`);
  mkdirSync(locks, { recursive: true, mode: 0o700 });
  writeFileSync(mark, JSON.stringify({ pid: process.ppid, started: null, command: "another" }));
  try {
    for (const id of [await binned(), undefined])
      await expect(client.request("binPurge", { id })).rejects.toMatchObject({
        code: "EBUSY",
        message: expect.stringMatching(
          /^web can't be removed for good yet, .*a\.img is being read by another Xenarium/,
        ) as string,
      });
  } finally {
    rmSync(mark);
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
