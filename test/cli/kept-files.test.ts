/** `xenarium kernels`, `images`, `captures` and the bin of `xenarium snapshot`, on a host's API. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { downloadsIn } from "../../core/api/fetching.ts";
import type { ApiClient } from "../../core/api/client.ts";
import type { HostService } from "../../core/api/host-service.ts";
import { disk } from "../../core/cli/disk.ts";
import { keptFiles, type KeptFilesCommand } from "../../core/cli/kept-files.ts";
import { snapshot } from "../../core/cli/snapshot.ts";
import { connectInMemory } from "../api/in-memory.ts";
import { builtHost } from "../built-host.ts";
import { plant } from "../dom0/bootloader/memory-store.ts";
import { temporaryFolder } from "../temporary.ts";
import { toolMissing } from "../tools.ts";

const state = temporaryFolder("kept-files-cli");
const MIB = 2 ** 20;
const UUID = "11111111-1111-4111-8111-111111111111";
let host: HostService;
let client: ApiClient;

/** Returns what is printed. */
async function printed(run: (connect: () => Promise<ApiClient>) => Promise<number>): Promise<string> {
  let text = "";
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = ((piece: string) => (text += piece)) as never;
  try {
    expect(await run(() => Promise.resolve(client))).toBe(0);
  } finally {
    process.stdout.write = write;
  }
  return text;
}
const files = (name: KeptFilesCommand, ...args: string[]) => printed((connect) => keptFiles(name, args, connect));
const snapshots = (...args: string[]) => printed((connect) => snapshot(args, connect));

beforeAll(() => {
  host = builtHost({
    imagesFolder: path.join(state, "images"),
    libraryFolder: path.join(state, "library"),
    capturesFolder: path.join(state, "captures"),
    downloads: downloadsIn(state),
  });
  client = connectInMemory(host, true).client;
});

describe("files that the host keeps", () => {
  for (const [name, file] of [
    ["images", "disk.img"],
    ["kernels", "vmlinuz-6.1.0"],
    ["captures", "lab-2026-11-29.pcap"],
  ] as const)
    it(`${name}: are listed, deleted into a bin with its size, and taken out of it`, async () => {
      const folder = path.join(state, name);
      mkdirSync(folder, { recursive: true });
      const at = path.join(folder, file);
      writeFileSync(at, Buffer.alloc(MIB, "x"));
      const head = name === "images" ? "Name +Format +MiB +On disk +Based on +Needed by +File" : "Name +MiB +File";
      const facts = name === "images" ? " +raw +1\\.0 +1\\.0 +- +- +" : " +1\\.0 +";
      expect(await files(name)).toMatch(new RegExp(`^${head}\n${file}${facts}${at}\n$`));
      expect(JSON.parse(await files(name, "list", "--json"))).toMatchObject([
        { name: file, [name === "images" ? "size" : "bytes"]: MIB },
      ]);
      expect(await files(name, "bin")).toBe("The bin is empty.\n");
      expect(await files(name, "delete", file)).toBe(
        `${file} is in the bin for a day; "xenarium ${name} undelete" takes it out.\n`,
      );
      expect(existsSync(at)).toBe(false);
      expect(await files(name)).toMatch(new RegExp(`^${head}\n$`));
      expect(await files(name, "bin")).toMatch(
        new RegExp(`^Name +Deleted +Gone for good +MiB +Id\n${file} .* 1\\.0 .*\n1\\.0 MiB, total\n$`),
      );
      await expect(keptFiles(name, ["undelete", "other"], async () => client)).rejects.toThrow(
        `other is in the bin; "xenarium ${name} bin" lists those that are`,
      );
      expect(await files(name, "undelete", file)).toBe(`${at}\n`);
      expect(existsSync(at)).toBe(true);
      await files(name, "delete", file);
      const [{ id }] = JSON.parse(await files(name, "bin", "--json")) as [{ id: string }];
      expect(await files(name, "undelete", id)).toBe(`${at}\n`);
      await files(name, "delete", file);
      expect(await files(name, "bin", "--empty")).toBe("The bin is empty.\n");
      expect(readdirSync(folder)).toEqual([]);
    });
});

it("images are listed with those that domains name: sizes, what each is based on, and who needs it", async () => {
  await host.library.open();
  const [uuid, image] = ["22222222-2222-4222-8222-222222222222", path.join(state, "shop.img")];
  writeFileSync(image, Buffer.alloc(2 * MIB, "x"));
  const config = `name = "shop"\nkernel = "k"\nmemory = 32\ndisk = [ "${image},raw,xvda,rw" ]\n`;
  await host.library.define({ uuid, config, configName: null, files: { k: new Uint8Array([1]) } });
  await snapshots("take", "shop", "clean", "--disks-only");
  const lines = (await files("images")).split("\n");
  expect(lines.find((line) => line.startsWith("shop.img"))).toMatch(
    /^shop\.img +raw +2\.0 +2\.0 +- +shop \(snapshot clean\) +\/.*shop\.img$/,
  );
  expect(lines.find((line) => line.startsWith("shop.xvda"))).toMatch(
    /^shop\.xvda-[\da-f]{8}\.qcow2 +qcow2 +2\.0 +0\.\d +shop\.img +shop +\//,
  );
  await host.library.remove(uuid);
  await host.snapshots.moved(uuid);
  expect(await files("images")).toMatch(/shop\.xvda-[\da-f]{8}\.qcow2 .* shop \(in the bin\)/);
  await host.bin.purge(null);
  await host.snapshots.moved(null);
});

const noFileSystem = toolMissing("mke2fs", "e2fsprogs");
it.skipIf(noFileSystem !== null)(
  "images are added, made, converted, enlarged and checked, and what is on one is shown with its system",
  async () => {
    const at = (...names: string[]): string => path.join(state, ...names);
    const root = at("root");
    plant(root, { "etc/os-release": 'PRETTY_NAME="Tiny Linux 1.0\u001b[2J"\n' });
    writeFileSync(at("web.raw"), "");
    truncateSync(at("web.raw"), 3 * MIB);
    execFileSync("mke2fs", ["-q", "-F", "-t", "ext4", "-O", "^has_journal", "-L", "web", "-d", root, at("web.raw")]);
    expect(await files("images", "add", at("web.raw"), "--name", "shop.img")).toBe(`${at("images/shop.img")}\n`);
    expect(readFileSync(at("images/shop.img")).equals(readFileSync(at("web.raw")))).toBe(true);
    expect(await files("images", "create", "data", "4M")).toBe(`${at("images/data.qcow2")}\n`);
    for (const [format, ending] of [
      ["vhd", "vhd"],
      ["qcow2", "qcow2"],
    ] as const)
      expect(await files("images", "convert", "shop.img", "copy", "-O", format)).toBe(
        `${at(`images/copy.${ending}`)}\n`,
      );
    await files("images", "resize", at("images/shop.img"), "5M");
    const sizes = (await client.request("imageList")).images.map(({ name, size }) => [name, size! / MIB]);
    expect(Object.fromEntries(sizes)).toMatchObject({ "shop.img": 5, "data.qcow2": 4, "copy.qcow2": 3 });
    expect(await files("images", "check", "copy.qcow2")).toBe("copy.qcow2 is whole.\n");
    const refused = (...args: string[]) => expect(keptFiles("images", args, async () => client)).rejects;
    await refused("resize", "shop.img", "1M").toMatchObject({ code: "EINVAL" });
    await refused("convert", "none.img", "x").toThrow('there is no image none.img; "xenarium images" lists');
    await refused("add", root).toThrow(`${root} is no file`);
    writeFileSync(at("images/broken.qcow2"), readFileSync(at("images/copy.qcow2")).subarray(0, 300_000));
    await refused("check", "broken.qcow2").toThrow("broken.qcow2 is damaged");
    const line = "  whole disk 3.0 MiB, ext4, “web”, Tiny Linux 1.0[2J\n";
    expect(await printed((connect) => disk(["info", at("web.raw")], connect))).toContain(line);
    await host.powerOn();
    try {
      expect(await files("images", "info", "copy.qcow2")).toContain(line);
      expect(await files("images", "info", at("web.raw"))).toMatch(
        /web\.raw: raw disk image with an ext2[^]*\n  boots +There is no boot configuration/,
      );
    } finally {
      await host.powerOff(0);
    }
    for (const { name } of (await client.request("imageList")).images) await files("images", "delete", name);
    await files("images", "bin", "--empty");
  },
);

it("snapshots go to the bin with their size, and are taken out by name or id, under another name if theirs is taken", async () => {
  await host.library.open();
  const config = 'name = "web"\nkernel = "k"\nmemory = 32\n';
  await host.library.define({ uuid: UUID, config, configName: null, files: { k: new Uint8Array([1]) } });
  await snapshots("take", "web", "before");
  expect(await snapshots("delete", "web", "before")).toMatch(
    /^before is in the bin for a day; "xenarium snapshot undelete" takes it out\. It takes \d+\.\d MiB there\.\n$/,
  );
  expect(await snapshots("list", "web")).toBe("no snapshots\n");
  expect(await snapshots("bin", "web")).toMatch(
    /^Name +Domain +Deleted +Gone for good +MiB +Id\nbefore +web .* [\da-f]{8}\n\d+\.\d MiB, total\n$/,
  );
  await snapshots("take", "web", "before");
  expect(await snapshots("undelete", "web", "before")).toBe("It is before 2 now: another has its name.\n");
  const names = async () => (await client.request("snapshots", { uuid: UUID }))!.snapshots.map(({ name }) => name);
  expect(await names()).toEqual(["before 2", "before"]);
  await expect(snapshot(["undelete", "web", "before"], async () => client)).rejects.toThrow(
    'no snapshot before of web is in the bin; "xenarium snapshot bin web" lists those that are',
  );
  await snapshots("delete", "web", "before 2");
  const [{ id }] = JSON.parse(await snapshots("bin", "--json")) as [{ id: string }];
  expect(await snapshots("undelete", "web", id)).toBe("");
  for (const name of await names()) await snapshots("delete", "web", name);
  expect(await snapshots("bin", "web", "--empty")).toBe("The bin is empty.\n");
  expect(await client.request("snapshots", { uuid: UUID })).toMatchObject({ snapshots: [], unmerged: 0 });
});
