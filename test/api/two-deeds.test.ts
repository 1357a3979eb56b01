/**
 * Two actions at once on one domain, and actions after one that was interrupted between two writes: no disk other than the domain's own is copied,
 * written or named.
 */
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { ApiClient } from "../../core/api/client.ts";
import type { HostService } from "../../core/api/host-service.ts";
import { openStore } from "../../core/dom0/storage/open.ts";
import { builtHost } from "../built-host.ts";
import { bundledGuest } from "../dist.ts";
import { contentOf, DISK_BYTES } from "../library/snapshots/library.ts";
import { temporaryFolder } from "../temporary.ts";
import { connectInMemory } from "./in-memory.ts";

const folder = temporaryFolder("two-deeds");
const mini = path.join(folder, "mini.elf");
const image = path.join(folder, "data.img");
let host: HostService;
let client: ApiClient;
let uuid: string;

const named = async (): Promise<{ file: string; format: string }> => {
  const { config } = await client.request("keptConfig", { uuid });
  const format = /format=(\w+)/.exec(config)?.[1] ?? "raw";
  return { format, file: /target=([^"]+)"/.exec(config)?.[1] ?? image };
};

beforeAll(async () => {
  writeFileSync(mini, readFileSync(bundledGuest));
  writeFileSync(image, Buffer.alloc(DISK_BYTES, 1));
  host = builtHost({
    libraryFolder: path.join(folder, "library"),
    transferFolder: path.join(folder, "transfer"),
    imagesFolder: path.join(folder, "images"),
  });
  await host.powerOn();
  client = connectInMemory(host, true).client;
  const config = `name = "web"\nkernel = "${mini}"\nmemory = 16\ndisk = ["${image},raw,xvda,rw"]\n`;
  const made = await client.request("create", { config });
  uuid = made.uuid;
  await client.request("destroy", { domid: made.domid });
  await vi.waitUntil(async () => (await client.request("list")).length === 1, { timeout: 30_000 });
});
afterAll(() => host.powerOff(0));

const halt = async (): Promise<void> => {
  for (const { domid } of await client.request("list"))
    if (domid !== 0) await client.request("destroy", { domid }).catch(() => {});
  await vi.waitUntil(async () => (await client.request("list")).length === 1, { timeout: 30_000 });
};

it("of two at once one is refused, whichever they are, and the domain runs on the disk that its definition names", async () => {
  const deeds: Record<string, () => Promise<unknown>> = {
    start: () => client.request("keptStart", { uuid, paused: true }),
    create: async () => client.request("create", { config: (await client.request("keptConfig", { uuid })).config }),
    take: () => client.request("snapshotTake", { uuid, name: crypto.randomUUID(), memory: false }),
    clone: () => client.request("keptClone", { uuid, name: `c${crypto.randomUUID().slice(0, 8)}` }),
    export: () =>
      client.request("domainExport", { domain: uuid, file: path.join(folder, `${crypto.randomUUID()}.tar`) }),
  };
  const together = new Set(["clone+export", "clone+clone", "export+export"]);
  const all = Object.keys(deeds);
  for (const [i, one] of all.entries())
    for (const other of all.slice(i)) {
      const results = await Promise.allSettled([deeds[one]!(), deeds[other]!()]);
      const done = results.filter(({ status }) => status === "fulfilled").length;
      const said = results.map((each) => (each.status === "rejected" ? (each.reason as Error).message : "done"));
      expect(done, `${one}+${other}: ${said.join(" / ")}`).toBe(together.has(`${one}+${other}`) ? 2 : 1);
      const [running] = (await client.request("list")).filter(({ domid }) => domid !== 0);
      if (running) {
        const [disk] = await host.toolstack.request("keptDisks", { domid: running.domid });
        expect(disk).toMatchObject(await named());
        const frozen = (await host.snapshots.frozen()).map(({ file }) => file);
        expect(frozen).not.toContain(disk!.file);
      }
      await halt();
    }
});

it("one that is being started is not deleted", async () => {
  const results = await Promise.allSettled([
    client.request("keptStart", { uuid, paused: true }),
    client.request("keptDelete", { uuid }),
  ]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  expect(await client.request("binList")).toEqual([]);
  await halt();
});

it("one whose deleted snapshots are merged unasked is started at once, and deleted at once: merging gives way, and goes on later", async () => {
  const tree = path.join(folder, "library/domains", uuid, "snapshots/tree.json");
  /** A deleted snapshot that has lain in the bin for more than a day; returns when it is being merged. */
  const mergedUnasked = async (): Promise<{ ended: Promise<void> }> => {
    const name = crypto.randomUUID();
    const { snapshot } = await client.request("snapshotTake", { uuid, name, memory: false });
    const store = await openStore((await named()).file, "qcow2", "read-write");
    await store.write(0, [Buffer.alloc(DISK_BYTES, 3)]);
    await store.close();
    await client.request("snapshotDelete", { uuid, snapshot });
    writeFileSync(tree, readFileSync(tree, "utf8").replace(/"at": \d+,\s*"over": null/, '"at": 0, "over": 1'));
    await host.snapshots.moved(uuid);
    const begun = new Promise<void>((resolve) =>
      host.on("snapshots", ({ work }) => {
        if (work?.what === "purge") resolve();
      }),
    );
    const ended = host.snapshots.purgeOld();
    await begun;
    return { ended };
  };
  const first = await mergedUnasked();
  const { domid } = await client.request("keptStart", { uuid, paused: true });
  await first.ended;
  const [disk] = await host.toolstack.request("keptDisks", { domid });
  expect(disk).toMatchObject(await named());
  await halt();
  const second = await mergedUnasked();
  await client.request("snapshotTake", { uuid, name: "meanwhile", memory: false });
  await second.ended;
  const third = await mergedUnasked();
  await client.request("keptDelete", { uuid });
  await third.ended;
  const [entry] = await client.request("binList");
  await client.request("binRestore", { id: entry!.id });
  await host.snapshots.purgeOld();
  expect(await client.request("snapshotBin")).toEqual([]);
  expect(await client.request("snapshots", { uuid })).toMatchObject({ unmerged: 0 });
  const { file, format } = await named();
  expect((await contentOf(file, format)).equals(Buffer.alloc(DISK_BYTES, 3))).toBe(true);
});

it("one whose disks are copied does not start with the host meanwhile", async () => {
  await client.request("keptSettings", { uuid, autostart: true });
  const notices: string[] = [];
  host.on("notice", ({ message }) => void notices.push(message));
  await host.powerOff(0);
  let go = (): void => {};
  const copied = host.kept.during(uuid, "copy", () => new Promise<void>((resolve) => (go = resolve)));
  await host.powerOn();
  expect((await client.request("list")).map(({ name }) => name)).toEqual(["Domain-0"]);
  expect(notices.join()).toContain("web could not be started with the host: web has");
  go();
  await copied;
  await client.request("keptSettings", { uuid, autostart: false });
});

it("a clone and an export have the disk that the domain has, though its configuration could not be written", async () => {
  const { library } = host;
  const edit = library.edit.bind(library);
  library.edit = () => Promise.reject(new Error("the disk is full"));
  await client.request("snapshotTake", { uuid, name: "broken off", memory: false }).catch(() => {});
  library.edit = edit;
  const tree = JSON.parse(
    readFileSync(path.join(folder, "library", "domains", uuid, "snapshots", "tree.json"), "utf8"),
  ) as { current: { disks: { file: string }[] } };
  const [current] = tree.current.disks;
  expect((await named()).file).not.toBe(current!.file);
  const store = await openStore(current!.file, "qcow2", "read-write");
  await store.write(0, [Buffer.alloc(DISK_BYTES, 9)]);
  await store.close();
  const { uuid: clone } = await client.request("keptClone", { uuid, name: "copy" });
  const [copy] = (await client.request("keptDomains"))
    .find((each) => each.uuid === clone)!
    .files.filter((file) => file !== mini);
  expect((await contentOf(copy!, "qcow2"))[0]).toBe(9);
  expect((await named()).file).toBe(current!.file);
});

it("a disk that another domain runs on and writes is not copied as it stands, and nobody starts on one that is copied", async () => {
  const shared = path.join(folder, "shared.img");
  writeFileSync(shared, Buffer.alloc(DISK_BYTES, 1));
  const link = path.join(folder, "link.img");
  symlinkSync(shared, link);
  const make = async (name: string, disk: string): Promise<string> => {
    const config = `name = "${name}"\nkernel = "${mini}"\nmemory = 16\ndisk = ["${disk},raw,xvda,rw"]\n`;
    const { uuid: made } = await client.request("create", { config, paused: true });
    await halt();
    return made;
  };
  const [writer, other] = [await make("writer", shared), await make("other", link)];
  await client.request("keptStart", { uuid: writer, paused: true });
  for (const deed of [
    () => client.request("keptClone", { uuid: other, name: "torn" }),
    () => client.request("domainExport", { domain: other, file: path.join(folder, "torn.tar") }),
  ])
    await expect(deed()).rejects.toMatchObject({
      code: "EBUSY",
      message: "writer runs and writes a disk of other: shut it down first.",
    });
  await halt();
  const start = (): Promise<unknown> => client.request("keptStart", { uuid: writer, paused: true });
  await expect(host.kept.whileStill(other, start)).rejects.toMatchObject({
    code: "EBUSY",
    message: "writer has something done with its disks: wait until that has ended.",
  });
});
