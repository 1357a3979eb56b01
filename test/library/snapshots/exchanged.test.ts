/** Disks that somebody exchanges by hand, in the configuration or under a running domain, between one operation on snapshots and the next. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ApiClient } from "../../../core/api/client.ts";
import type { HostService } from "../../../core/api/host-service.ts";
import { openStore } from "../../../core/dom0/storage/open.ts";
import { createQcow2 } from "../../../core/dom0/storage/qcow2/create.ts";
import { builtHost } from "../../built-host.ts";
import { bundledGuest } from "../../dist.ts";
import { connectInMemory } from "../../api/in-memory.ts";
import { temporaryFolder } from "../../temporary.ts";
import { contentOf, DISK_BYTES, TestLibrary } from "./library.ts";

const folder = temporaryFolder("exchanged");
const mini = path.join(folder, "mini.elf");
let host: HostService;
let client: ApiClient;

beforeAll(async () => {
  writeFileSync(mini, readFileSync(bundledGuest));
  host = builtHost({ libraryFolder: path.join(folder, "library") });
  await host.powerOn();
  client = connectInMemory(host, true).client;
});
afterAll(() => host.powerOff(0));

/** Two images of the same size that differ only in their content. */
async function images(name: string): Promise<{ one: string; other: string }> {
  const there = path.join(folder, name);
  mkdirSync(there);
  const [one, other] = [path.join(there, "one.img"), path.join(there, "other.qcow2")];
  writeFileSync(one, Buffer.alloc(DISK_BYTES, 1));
  await createQcow2({ path: other, size: DISK_BYTES });
  const store = await openStore(other, "qcow2", "read-write");
  await store.write(0, [Buffer.alloc(DISK_BYTES, 2)]);
  await store.close();
  return { one, other };
}
const configOf = (name: string, disk: string): string =>
  `name = "${name}"\nkernel = "${mini}"\nmemory = 16\ndisk = ["${disk}"]\n`;
const isAll = async (file: string, format: string, value: number): Promise<boolean> =>
  (await contentOf(file, format)).equals(Buffer.alloc(DISK_BYTES, value));

it("a running domain whose configuration is given another disk keeps the one that it runs on", async () => {
  const { one, other } = await images("edited");
  const { uuid, domid } = await client.request("create", { config: configOf("edited", `${one},raw,xvda,rw`) });
  await client.request("keptEdit", { uuid, config: configOf("edited", `${other},qcow2,xvda,rw`) });
  await expect(client.request("snapshotTake", { uuid, name: "now", memory: false })).rejects.toThrow(
    /edited runs with .*one\.img as xvda/,
  );
  const params = await client.request("xenstoreRead", { path: `/local/domain/0/backend/vbd/${domid}/51712/params` });
  expect(params.value).toBe(`raw:${one}`);
  await client.request("destroy", { domid });
});

it("a running domain's snapshot is deleted after its disk was exchanged: neither image takes in the other", async () => {
  const { one, other } = await images("swapped");
  const { uuid, domid } = await client.request("create", { config: configOf("swapped", `${one},raw,xvda,rw`) });
  const { snapshot } = await client.request("snapshotTake", { uuid, name: "before", memory: false });
  await client.request("deviceDetach", { domid, key: "disk", device: "xvda", force: true });
  await client.request("deviceAttach", { domid, key: "disk", spec: `${other},qcow2,xvda,rw`, folder });
  await client.request("snapshotDelete", { uuid, snapshot });
  await client.request("snapshotPurge", { uuid });
  expect(await isAll(one, "raw", 1)).toBe(true);
  const [disk] = await host.toolstack.request("keptDisks", { domid });
  expect(disk).toMatchObject({ file: other, format: "qcow2" });
  await client.request("destroy", { domid });
  expect(await isAll(other, "qcow2", 2)).toBe(true);
});

it("a halted domain's snapshot is deleted after its disk was exchanged: it has the disk that its user gave it", async () => {
  const library = new TestLibrary(path.join(folder, "halted"));
  const uuid = await library.domain("web", "raw");
  const { snapshot } = await library.snapshots.take(uuid, { name: "before", memory: false });
  await library.write(uuid, 0, Buffer.alloc(512, 7));
  const [overlay] = library.images(uuid);
  const { one } = await images("halted-other");
  const before = library.definitions.known.get(uuid)!;
  const config = before.config.replace(overlay!.file, one).replace("qcow2", "raw");
  library.definitions.known.set(uuid, { ...before, config });
  await library.gone(uuid, snapshot.id);
  expect(library.images(uuid)[0]!.file).toBe(one);
  expect((await contentOf(overlay!.file, "qcow2"))[0]).toBe(7);
  const { snapshot: next } = await library.snapshots.take(uuid, { name: "next", memory: false });
  await library.snapshots.revert(uuid, next.id, null);
  expect((await contentOf(overlay!.file, "qcow2"))[0]).toBe(7);
});
