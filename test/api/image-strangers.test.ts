/** Disk images in states in which others may have left them, and two users who want the same one: nothing is lost, and nothing outside is touched. */
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ApiClient } from "../../core/api/client.ts";
import type { HostService } from "../../core/api/host-service.ts";
import { plainName } from "../../core/library/names.ts";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";
import { connectInMemory } from "./in-memory.ts";

const MIB = 2 ** 20;
let folder: string;
let images: string;
let host: HostService;
let one: ApiClient;
let other: ApiClient;

const at = (name: string): string => path.join(images, name);
const textOf = (name: string, disk: string): string =>
  `name = "${name}"\nkernel = "k"\nmemory = 32\ndisk = [ "format=raw, vdev=xvda, access=rw, target=${disk}" ]\n`;
async function define(name: string, disk: string): Promise<string> {
  const uuid = crypto.randomUUID();
  await host.library.define({ uuid, config: textOf(name, disk), configName: null, files: { k: new Uint8Array([1]) } });
  return uuid;
}
function opened(): HostService {
  return builtHost({ imagesFolder: images, libraryFolder: path.join(folder, "state/library") });
}

beforeEach(() => {
  folder = temporaryFolder("image-strangers");
  images = path.join(folder, "state/images");
  mkdirSync(images, { recursive: true });
  host = opened();
  ({ client: one } = connectInMemory(host));
  ({ client: other } = connectInMemory(host));
});

describe("an image under several names", () => {
  it("is not removed by a name that a domain has for it, whatever the list shows", async () => {
    writeFileSync(at("a.img"), Buffer.alloc(MIB));
    symlinkSync("a.img", at("b.img"));
    linkSync(at("a.img"), at("c.img"));
    await define("web", at("b.img"));
    await define("mail", at("c.img"));
    for (const name of ["a.img", "b.img", "c.img"])
      await expect(one.request("diskRemove", { name }), name).rejects.toMatchObject({ code: "EBUSY" });
    expect(readdirSync(images)).toEqual(["a.img", "b.img", "c.img"]);
  });

  it("that is a link goes by itself: what it leads to stays", async () => {
    const outside = path.join(folder, "outside.img");
    writeFileSync(outside, Buffer.alloc(MIB, "o"));
    symlinkSync(outside, at("link.img"));
    await one.request("diskRemove", { name: "link.img" });
    await one.request("imagePurge", {});
    expect(readFileSync(outside).length).toBe(MIB);
    expect(readdirSync(images)).toEqual([]);
  });
});

describe("a definition that was put aside", () => {
  it("keeps its disk, and the refusal says where it is and what can be done", async () => {
    writeFileSync(at("web.img"), Buffer.alloc(MIB));
    const uuid = await define("web", at("web.img"));
    writeFileSync(path.join(folder, "state/library/domains", uuid, "domain.json"), "{");
    host = opened();
    ({ client: one } = connectInMemory(host));
    const { images: all } = await one.request("imageList");
    expect(all[0]!.users).toEqual([expect.objectContaining({ name: "web", state: "aside" })]);
    await expect(one.request("diskRemove", { name: "web.img" })).rejects.toThrow(
      /^web, whose definition was put aside as it can't be read, has web\.img as a disk/,
    );
  });
});

describe("two who want the same image", () => {
  it("that is made larger by both at once is made so by one", async () => {
    const { path: file } = await one.request("imageCreate", { name: "disk", format: "qcow2", bytes: MIB });
    const asked = [one, other].map((client, i) => client.request("imageGrow", { path: file, bytes: (i + 2) * MIB }));
    const results = await Promise.allSettled(asked);
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  it("that is copied and removed, or copied and made larger, at once is whole in one of them, and the other is refused", async () => {
    writeFileSync(at("disk.img"), Buffer.alloc(4 * MIB, "d"));
    truncateSync(at("disk.img"), 2 ** 27);
    const copying = one.request("imageCopy", { path: at("disk.img"), name: "copy", format: "raw" });
    const [copied, removed, grown] = await Promise.allSettled([
      copying,
      other.request("diskRemove", { name: "disk.img" }),
      other.request("imageGrow", { path: at("disk.img"), bytes: 2 ** 28 }),
    ]);
    expect([copied, removed, grown].filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    if (copied.status === "fulfilled") expect(readFileSync(at("copy.img")).subarray(0, 4)).toEqual(Buffer.from("dddd"));
  });
});

describe("names", () => {
  it("of any script keep an ending that says what the file is", async () => {
    for (const [name, format, wanted] of [
      ["диск", "qcow2", "disk-image.qcow2"],
      ["\u202Egmi.evil", "raw", "gmi.evil.img"],
      ["..", "raw", "disk-image.img"],
      ["a\0b\nc", "raw", "a-b-c.img"],
      ["x".repeat(1000), "raw", `${"x".repeat(116)}.img`],
    ] as const) {
      const { path: file } = await one.request("imageCreate", { name, format, bytes: MIB });
      expect(path.basename(file)).toBe(wanted);
    }
  });

  it("are none that Windows has for devices, or cuts", () => {
    for (const name of ["con", "NUL.img", "com1.qcow2", "lpt9", "aux.tar.gz"])
      expect(plainName(name, "image")).toBe(`image-${name}`);
    expect(plainName("disk.img...", "image")).toBe("disk.img");
    expect(plainName("console.img", "image")).toBe("console.img");
  });
});

describe("what is no image", () => {
  it("a pipe, a folder, a link in a circle or a socket in the folder stops nobody", async () => {
    execFileSync("mkfifo", [at("pipe.img")]);
    mkdirSync(at("folder.img"));
    symlinkSync("circle.img", at("circle.img"));
    symlinkSync("/dev/zero", at("zero.img"));
    await define("web", at("pipe.img"));
    await define("mail", at("circle.img"));
    await define("zero", at("zero.img"));
    const { images: all } = await one.request("imageList");
    expect(all.map(({ name, size }) => [name, size])).toEqual([
      ["circle.img", null],
      ["pipe.img", null],
      ["zero.img", null],
    ]);
    for (const { path: file, problem } of all) {
      expect(problem).toMatch(/^It can't be read: .+\.$/);
      await expect(one.request("imageCopy", { path: file, name: "c", format: "raw" })).rejects.toMatchObject({
        code: "EIO",
      });
    }
    expect(lstatSync(at("pipe.img")).isFIFO()).toBe(true);
  });
});

describe("the bin", () => {
  const [day, hour] = [24 * 3600_000, 3600_000];
  const inBin = async () => (await one.request("imageBin")).map(({ name }) => name).toSorted();
  /** Twice, long after. */
  const purgeOld = async () => {
    for (const after of [day + hour, day + 3 * hour]) await host.imageLibrary.purgeOld(Date.now() + after);
  };

  it("has nothing for its name alone: somebody's own file with a name like those in the bin stays", async () => {
    const own = ["backup~1600000000000.img", "backup~0123456789ab.img"];
    for (const name of own) writeFileSync(at(name), Buffer.alloc(MIB));
    writeFileSync(at("a.img"), Buffer.alloc(MIB));
    await one.request("diskRemove", { name: "a.img" });
    expect(await inBin()).toEqual(["a.img"]);
    await purgeOld();
    await one.request("imagePurge", {});
    expect(readdirSync(images).toSorted()).toEqual(own.toSorted());
    expect((await one.request("diskImages")).map(({ name }) => name).toSorted()).toEqual(own.toSorted());
  });

  it("keeps what somebody names by its name there, whoever asks for it to go, and shows it again", async () => {
    for (const deed of ["old", "one", "all", "restore"] as const) {
      writeFileSync(at("a.img"), Buffer.alloc(MIB));
      await one.request("diskRemove", { name: "a.img" });
      const [entry] = await one.request("imageBin");
      const file = at(entry!.id);
      const uuid = await define("web", file);
      expect((await one.request("imageList")).images, deed).toEqual([expect.objectContaining({ path: file })]);
      expect(await inBin()).toEqual([]);
      if (deed === "old") await purgeOld();
      if (deed === "all") await one.request("imagePurge", {});
      if (deed === "restore") expect(await one.request("imageRestore", { id: entry!.id })).toEqual({ path: file });
      if (deed === "one")
        await expect(one.request("imagePurge", { id: entry!.id })).rejects.toMatchObject({
          code: "EBUSY",
          message: expect.stringMatching(/^web has a\.img as a disk when it runs/) as string,
        });
      // From then on it is an image as any, which goes with nobody else.
      await host.library.remove(uuid);
      await host.bin.purge(null);
      await purgeOld();
      expect(
        (await one.request("diskImages")).map(({ path: there }) => there),
        deed,
      ).toEqual([file]);
      await one.request("diskRemove", { name: path.basename(file) });
      await one.request("imagePurge", {});
      expect(readdirSync(images)).toEqual([]);
    }
  });

  it("gives every name back as it was, and one that is taken as one that is free", async () => {
    const names = [
      "disk.img~",
      "a~b.img",
      "mein bild ä.qcow2",
      "диск.img",
      ".qcow2",
      "~",
      "-x.img",
      `.${"e".repeat(200)}`,
      "nul.img",
      "new\nline.img",
      `${"x".repeat(251)}.img`,
      "ü".repeat(127),
    ];
    for (const name of names) writeFileSync(at(name), "");
    const before = readdirSync(images).toSorted();
    for (const name of names) await one.request("diskRemove", { name });
    expect(await one.request("diskImages")).toEqual([]);
    expect(await inBin()).toEqual(names.toSorted());
    for (const { id } of await one.request("imageBin")) await one.request("imageRestore", { id });
    expect(readdirSync(images).toSorted()).toEqual(before);
    await one.request("diskRemove", { name: "mein bild ä.qcow2" });
    writeFileSync(at("mein bild ä.qcow2"), "");
    const { id } = (await one.request("imageBin"))[0]!;
    expect(await one.request("imageRestore", { id })).toEqual({ path: at("mein-bild-.qcow2") });
  });

  it("gives to one of two who want the same back, and tells the other in a sentence", async () => {
    writeFileSync(at("a.img"), "");
    await one.request("diskRemove", { name: "a.img" });
    const { id } = (await one.request("imageBin"))[0]!;
    const asked = await Promise.allSettled([one, other].map((client) => client.request("imageRestore", { id })));
    expect(asked.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(asked.find(({ status }) => status === "rejected")).toMatchObject({
      reason: { code: "ESRCH", message: "That is not in the bin any more." },
    });
    expect(readdirSync(images)).toEqual(["a.img"]);
  });

  it("names of two deleted at once are both in its record, which may be lost: then they are images as any", async () => {
    for (const name of ["a.img", "b.img"]) writeFileSync(at(name), name);
    await Promise.all(["a.img", "b.img"].map((name, i) => [one, other][i]!.request("diskRemove", { name })));
    expect(await inBin()).toEqual(["a.img", "b.img"]);
    for (const text of ["{", '{"version":1,"images":[{"id":"../../x","name":"a","deletedAt":0,"over":0}]}']) {
      writeFileSync(`${images}-bin.json`, text);
      await purgeOld();
      expect(await inBin()).toEqual([]);
      expect(await one.request("diskImages")).toHaveLength(2);
    }
  });
});

/** A disk of a few MiB that is full. */
describe.skipIf(process.getuid?.() !== 0)("a disk that is full", () => {
  let mounted: string | null = null;
  beforeAll(() => {
    mounted = temporaryFolder("full");
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=280m", "tmpfs", mounted], { stdio: "ignore" });
    } catch {
      mounted = null;
    }
  });
  afterAll(() => {
    if (mounted) execFileSync("umount", ["-l", mounted]);
  });

  it("takes no copy that leaves no room for others, and keeps all that was there", async ({ skip }) => {
    if (!mounted) return skip("no tmpfs can be mounted here");
    folder = mounted;
    images = path.join(folder, "state/images");
    mkdirSync(images, { recursive: true });
    writeFileSync(at("disk.img"), Buffer.alloc(30 * MIB, "d"));
    host = opened();
    ({ client: one } = connectInMemory(host));
    const copying = one.request("imageCopy", { path: at("disk.img"), name: "copy", format: "qcow2" });
    const refusal = {
      code: "ENOSPC",
      message: expect.stringContaining("disk.img has no room on this computer's disk") as string,
    };
    await expect(copying).rejects.toMatchObject(refusal);
    const uuid = await define("web", at("disk.img"));
    await expect(one.request("keptClone", { uuid, name: "clone" })).rejects.toMatchObject(refusal);
    expect(readdirSync(images)).toEqual(["disk.img"]);
    expect((await one.request("keptDomains")).map(({ name }) => name)).toEqual(["web"]);
  });

  it("takes no export either, neither of a disk nor, where there was room for that, of the file", async ({ skip }) => {
    if (!mounted) return skip("no tmpfs can be mounted here");
    folder = mounted;
    images = path.join(folder, "state/images");
    mkdirSync(images, { recursive: true });
    writeFileSync(at("disk.img"), Buffer.alloc(30 * MIB, "d"));
    host = opened();
    const { client } = connectInMemory(host, true);
    const uuid = await define("out", at("disk.img"));
    const file = path.join(mounted, "out.tar");
    for (const [size, sentence] of [
      [280, /^disk\.img has no room on this computer's disk: 2\d\d MiB are free/],
      [330, /^out has no room on this computer's disk: 31 MiB are to come, 2\d\d MiB are free/],
    ] as const) {
      execFileSync("mount", ["-o", `remount,size=${size}m`, mounted]);
      const exporting = client.request("domainExport", { domain: uuid, file });
      await expect(exporting).rejects.toMatchObject({
        code: "ENOSPC",
        message: expect.stringMatching(sentence) as string,
      });
      expect(readdirSync(mounted)).toEqual(["state"]);
    }
    execFileSync("mount", ["-o", "remount,size=400m", mounted]);
    await client.request("domainExport", { domain: uuid, file });
    expect(readdirSync(mounted)).toEqual(["out.tar", "state"]);
  });
});
