/** What goes with a domain that is deleted: what its user is told before, what the bin counts, and what is gone when it is gone for good. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ApiClient } from "../../core/api/client.ts";
import type { HostService } from "../../core/api/host-service.ts";
import { builtHost } from "../built-host.ts";
import { openStore } from "../../core/dom0/storage/open.ts";
import { imageOf, writeVersion } from "../library/snapshots/crash-model.ts";
import { DISK_BYTES } from "../library/snapshots/library.ts";
import { temporaryFolder } from "../temporary.ts";
import { connectInMemory } from "./in-memory.ts";

const folder = temporaryFolder("goes-with");
const image = path.join(folder, "data.img");
const WEB = "11111111-1111-4111-8111-111111111111";
const PLAIN = "22222222-2222-4222-8222-222222222222";
let host: HostService;
let client: ApiClient;

const config = (name: string, disk: string): string =>
  `name = "${name}"\nkernel = "k"\nmemory = 16\ndisk = ["${disk}"]\n`;
const given = { configName: null, files: { k: new Uint8Array([1]) } };
const overlays = (): string[] =>
  readdirSync(folder)
    .filter((name) => name.startsWith("data.xvda-"))
    .map((name) => path.join(folder, name))
    .sort();
const room = (files: readonly string[]): number =>
  files.reduce((sum, file) => sum + Math.min(statSync(file).size, statSync(file).blocks * 512), 0);
const take = (name: string) => client.request("snapshotTake", { uuid: WEB, name, memory: false });

beforeAll(async () => {
  writeFileSync(image, Buffer.alloc(DISK_BYTES, 1));
  host = builtHost({ libraryFolder: path.join(folder, "library") });
  client = connectInMemory(host, true).client;
  await host.library.open();
  await host.library.define({ uuid: WEB, config: config("web", `${image},raw,xvda,rw`), ...given });
  await host.library.define({ uuid: PLAIN, config: config("plain", `${image},raw,xvda,r`), ...given });
});
afterAll(() => host.powerOff(0));

it("is nothing for a domain without snapshots, whose disks stay", async () => {
  expect(await client.request("keptGoesWith", { uuid: PLAIN })).toEqual({
    ...{ snapshots: 0, images: [], bytes: 0, isLinked: false, mergedInto: [], isWritingLost: false },
    refused: null,
  });
  await client.request("keptDelete", { uuid: PLAIN });
  expect(await client.request("binList")).toMatchObject([{ name: "plain", snapshots: 0, images: [], files: [image] }]);
  await client.request("binPurge", {});
  expect(existsSync(image)).toBe(true);
  await expect(client.request("keptGoesWith", { uuid: PLAIN })).rejects.toMatchObject({ code: "ESRCH" });
});

it("is its snapshots, and all images that were made for them: the one that it has now, too", async () => {
  const first = await take("First");
  await take("Second");
  expect(overlays()).toHaveLength(2);
  const goes = await client.request("keptGoesWith", { uuid: WEB });
  expect({ ...goes, images: goes.images.toSorted() }).toEqual({
    snapshots: 2,
    images: overlays(),
    bytes: room(overlays()),
    isLinked: false,
    ...{ mergedInto: [image], isWritingLost: false },
    refused: null,
  });
  // A snapshot that lies in the bin is not told of, but the images are.
  await client.request("snapshotDelete", { uuid: WEB, snapshot: first.snapshot });
  expect(await client.request("keptGoesWith", { uuid: WEB })).toMatchObject({ snapshots: 1, bytes: room(overlays()) });
  await client.request("snapshotRestore", { uuid: WEB, snapshot: first.snapshot });
});

it("is not what another domain is based on; the bin counts the rest, which is what is gone afterwards", async () => {
  const { snapshots } = (await client.request("snapshots", { uuid: WEB }))!;
  await client.request("snapshotClone", {
    uuid: WEB,
    snapshot: snapshots.find(({ name }) => name === "Second")!.id,
    name: "copy",
  });
  const { uuid: copy } = (await client.request("keptDomains")).find(({ name }) => name === "copy")!;
  const refused = /copy was made from the snapshot Second and needs its disks/;
  expect(await client.request("keptGoesWith", { uuid: WEB })).toMatchObject({
    snapshots: 2,
    refused: expect.stringMatching(refused) as string,
  });
  const own = (await client.request("keptDomains")).find(({ name }) => name === "copy")!.files;
  const goes = { snapshots: 0, images: own, isLinked: true, mergedInto: [], isWritingLost: true };
  expect(await client.request("keptGoesWith", { uuid: copy })).toMatchObject({ ...goes, refused: null });
  await expect(client.request("keptDelete", { uuid: WEB })).rejects.toMatchObject({ code: "EBUSY" });
  await client.request("keptDelete", { uuid: copy });
  const [entry] = await client.request("binList");
  // Its disk goes with it, although it has no snapshots: nothing of it stays.
  expect(entry).toMatchObject({ name: "copy", ...goes, files: [] });
  // What the one in the bin is based on stays while it lies there: all but the image that the first domain has now.
  const { images } = await client.request("keptGoesWith", { uuid: WEB });
  expect(images).toHaveLength(1);
  expect((await client.request("keptConfig", { uuid: WEB })).config).toContain(images[0]);
  await client.request("binPurge", {});
  expect(own.map((file) => existsSync(file))).toEqual([false]);
  expect((await client.request("keptGoesWith", { uuid: WEB })).images.toSorted()).toEqual(overlays());
});

const now = async (): Promise<Buffer> => {
  const { config: text } = await client.request("keptConfig", { uuid: WEB });
  const store = await openStore(imageOf(text).file, "qcow2", "read");
  try {
    const bytes = Buffer.alloc(store.size);
    await store.read(0, [bytes]);
    return bytes;
  } finally {
    await store.close();
  }
};

it("has its disk as it was when it was deleted, and all of its snapshots, when it is put back, by a host that was started meanwhile too", async () => {
  const { config: text } = await client.request("keptConfig", { uuid: WEB });
  await writeVersion(imageOf(text), 7);
  const [disk, tree] = [await now(), await client.request("snapshots", { uuid: WEB })];
  expect(disk.includes("7       ")).toBe(true);
  await client.request("keptDelete", { uuid: WEB });
  await host.powerOff(0);
  host = builtHost({ libraryFolder: path.join(folder, "library") });
  client = connectInMemory(host, true).client;
  const [entry] = await client.request("binList");
  await client.request("binRestore", { id: entry!.id });
  expect((await now()).equals(disk)).toBe(true);
  expect(await client.request("snapshots", { uuid: WEB })).toEqual(tree);
  // And back to the first of them, before anything was written.
  const first = tree!.snapshots.find(({ name }) => name === "First")!;
  await client.request("snapshotRevert", { uuid: WEB, snapshot: first.id });
  expect((await now()).equals(Buffer.alloc(DISK_BYTES, 1))).toBe(true);
});

it("is counted in the bin, back when it is put back, and gone when it is gone for good: its disk has what was written since", async () => {
  const { config: text } = await client.request("keptConfig", { uuid: WEB });
  await writeVersion(imageOf(text), 9);
  const disk = await now();
  const [own] = await client.request("keptDomains");
  const images = overlays();
  const bytes = room(images);
  await client.request("keptDelete", { uuid: WEB });
  const [entry] = await client.request("binList");
  expect(entry).toMatchObject({ name: "web", snapshots: 2 });
  expect(entry!.bytes).toBeGreaterThan(bytes);
  await client.request("binRestore", { id: entry!.id });
  expect((await client.request("snapshots", { uuid: WEB }))!.snapshots).toHaveLength(2);
  expect((await client.request("keptDomains"))[0]).toEqual(own);
  await client.request("keptDelete", { uuid: WEB });
  await client.request("binPurge", {});
  expect(overlays()).toEqual([]);
  expect(readFileSync(image).equals(disk)).toBe(true);
});
