/** Two windows that ask for the same at the same moment, of a host that is off; and the same on a disk that is full. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { ApiClient } from "../../core/api/client.ts";
import type { HostService } from "../../core/api/host-service.ts";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";
import { connectInMemory } from "./in-memory.ts";

const MIB = 2 ** 20;
let host: HostService;
let one: ApiClient;
let two: ApiClient;
let folder: string;
const at = (name: string): string => path.join(folder, name);

function open(where: string): void {
  folder = where;
  mkdirSync(at("images"), { recursive: true });
  host = builtHost({ libraryFolder: at("library"), imagesFolder: at("images"), transferFolder: at("transfer") });
  one = connectInMemory(host, true).client;
  two = connectInMemory(host, true).client;
}
afterEach(() => host.powerOff(0));

async function define(name: string, disk: string): Promise<string> {
  const uuid = crypto.randomUUID();
  const config = `name = "${name}"\nkernel = "k"\nmemory = 16\ndisk = [ "${disk},raw,xvda,rw" ]\n`;
  await host.library.define({ uuid, config, configName: null, files: { k: Buffer.from(name) } });
  return uuid;
}
const names = async (): Promise<string[]> => (await one.request("keptDomains")).map(({ name }) => name).toSorted();
/** Returns how many of them were done. Who is refused is told why, in a sentence. */
async function done(deeds: readonly Promise<unknown>[]): Promise<number> {
  const ended = await Promise.allSettled(deeds);
  for (const each of ended)
    if (each.status === "rejected") {
      const { code, message } = each.reason as { code: string; message: string };
      expect(code).toMatch(/^E[A-Z]+$/);
      expect(message).toMatch(/^[^\n]{10,500}\.$/);
      expect(code, message).not.toBe("EINTERNAL");
    }
  return ended.filter(({ status }) => status === "fulfilled").length;
}

describe("two windows at once", () => {
  it("delete, put back, remove for good, rename, clone, import and make: one of them does it, or each gets its own", async () => {
    open(temporaryFolder("two-windows"));
    writeFileSync(at("images/disk.img"), Buffer.alloc(MIB, "d"));
    const uuid = await define("web", at("images/disk.img"));
    const both = (deed: (client: ApiClient) => Promise<unknown>): Promise<number> => done([deed(one), deed(two)]);
    for (let round = 0; round < 5; round++) {
      expect(await both((client) => client.request("keptDelete", { uuid }))).toBe(1);
      const { id } = (await one.request("binList"))[0]!;
      expect(await both((client) => client.request("binRestore", { id }))).toBe(1);
      expect(await names()).toEqual(["web"]);
    }
    expect(await both((client) => client.request("snapshotTake", { uuid, name: "Clean", memory: false }))).toBe(1);
    await one.request("keptDelete", { uuid });
    const { id } = (await one.request("binList"))[0]!;
    // One puts it back while the other empties the bin: it is there whole, or gone.
    await done([one.request("binRestore", { id }), two.request("binPurge", {})]);
    const isThere = (await names()).length === 1;
    const overlays = readdirSync(at("images")).filter((name) => name.endsWith(".qcow2"));
    expect([overlays.length, (await one.request("binList")).length]).toEqual([isThere ? 1 : 0, 0]);
    if (isThere) expect((await one.request("snapshots", { uuid }))!.snapshots).toHaveLength(1);

    const [a, b] = [await define("a", at("images/disk.img")), await define("b", at("images/disk.img"))];
    const renames = [
      one.request("keptRename", { uuid: a, name: "same" }),
      two.request("keptRename", { uuid: b, name: "same" }),
    ];
    expect(await done(renames)).toBe(1);
    expect(await both((client) => client.request("keptClone", { uuid: a, name: "copy" }))).toBe(1);
    expect(await both((client) => client.request("domainExport", { domain: a, file: at("out.tar") }))).toBe(1);
    expect(await both((client) => client.request("domainImport", { file: at("out.tar"), name: "came" }))).toBe(1);
    const own = (await one.request("keptDomains")).find(({ name }) => name === "came")!.files;
    expect(readdirSync(at("images")).filter((name) => name.startsWith("came"))).toEqual(
      own.map((file) => path.basename(file)),
    );
    expect(await both((client) => client.request("imageCreate", { name: "new", format: "raw", bytes: MIB }))).toBe(2);
    expect(readdirSync(at("images")).filter((name) => name.startsWith("new"))).toEqual(["new-2.img", "new.img"]);
    expect(await both((client) => client.request("diskRemove", { name: "new.img" }))).toBe(1);
    expect(existsSync(at("transfer")) ? readdirSync(at("transfer")) : []).toEqual([]);
    expect(readdirSync(at("library/making"))).toEqual([]);
  });
});

describe.skipIf(process.getuid?.() !== 0)("a disk that is full", () => {
  it("of each step says so in a sentence, and has what was there before", async ({ skip, onTestFinished }) => {
    const mounted = temporaryFolder("full-library");
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=16m", "tmpfs", mounted], { stdio: "ignore" });
    } catch {
      return skip("no tmpfs can be mounted here");
    }
    onTestFinished(() => void execFileSync("umount", ["-l", mounted]));
    open(mounted);
    writeFileSync(at("images/disk.img"), Buffer.alloc(MIB, "d"));
    const uuid = await define("web", at("images/disk.img"));
    await one.request("snapshotTake", { uuid, name: "Clean", memory: false });
    await one.request("domainExport", { domain: uuid, file: at("out.tar") }).catch(() => {});
    const gone = await define("gone", at("images/disk.img"));
    await one.request("keptDelete", { uuid: gone });
    const { id } = (await one.request("binList"))[0]!;
    const { config } = await one.request("keptConfig", { uuid });
    const before = async (): Promise<unknown> => [
      await one.request("keptDomains"),
      (await one.request("keptConfig", { uuid })).config,
      (await one.request("snapshots", { uuid }))!.snapshots.map(({ name }) => name),
      readdirSync(at("images")).toSorted(),
    ];
    const then = await before();
    const { bsize } = statfsSync(mounted);
    // All that is free goes, to the last block.
    for (let i = 0, room = 16 * MIB; room >= bsize; i++)
      try {
        writeFileSync(at(`fill-${i}`), Buffer.alloc(room, "f"));
      } catch {
        rmSync(at(`fill-${i}`), { force: true });
        room = Math.floor(room / 2);
      }
    const steps: (() => Promise<unknown>)[] = [
      () => one.request("keptEdit", { uuid, config: `${config}vcpus = 2\n` }),
      () => one.request("keptRename", { uuid, name: "other" }),
      () => one.request("keptSettings", { uuid, autostart: true }),
      () => one.request("keptClone", { uuid, name: "clone" }),
      () => one.request("snapshotTake", { uuid, name: "Now", memory: false }),
      () => one.request("imageCreate", { name: "new", format: "qcow2", bytes: 64 * MIB }),
      () => one.request("imageCopy", { path: at("images/disk.img"), name: "copy", format: "qcow2" }),
      () => one.request("domainExport", { domain: uuid, file: at("again.tar") }),
      () => one.request("domainImport", { file: at("out.tar"), name: "came" }),
      () => one.request("diskRemove", { name: "disk.img" }),
    ];
    for (const step of steps) {
      expect(await done([step()]), step.toString()).toBe(0);
      expect(await before(), step.toString()).toEqual(then);
    }
    // To delete, and to put back, is to move a folder, which needs no room.
    await done([one.request("binRestore", { id })]);
    for (const name of readdirSync(mounted).filter((each) => each.startsWith("fill-"))) rmSync(at(name));
    expect((await one.request("binList")).length + (await one.request("keptDomains")).length).toBe(2);
    await one.request("keptRename", { uuid, name: "other" });
    await one.request("snapshotTake", { uuid, name: "Now", memory: false });
  });
});
