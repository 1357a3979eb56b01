/** Exports to places that are not there, of more disks than most have, and imports where the host takes less of a write than it was given. */
import { createHash, randomBytes } from "node:crypto";
import fs, { existsSync, readdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { pack } from "tar-stream";
import { beforeEach, expect, it } from "vitest";
import { openStore } from "../../../core/dom0/storage/open.ts";
import { KeptFolder } from "../../../core/library/kept-folder.ts";
import { exportDomain } from "../../../core/library/transfer/export.ts";
import { importDomain, type ImportedDomain } from "../../../core/library/transfer/import.ts";
import { parseXlConfig } from "../../../core/toolstack/xlcfg.ts";
import { withPatchedFs } from "../../dom0/storage/patched-fs.ts";
import { temporaryFolder } from "../../temporary.ts";
import { contentOf } from "../snapshots/library.ts";

let folder: string;
const at = (...names: string[]): string => path.join(folder, ...names);
const never = new AbortController().signal;
beforeEach(() => {
  folder = temporaryFolder("odd-places");
});

function imported(file: string): Promise<ImportedDomain> {
  return importDomain(
    file,
    {
      ...{ images: new KeptFolder(at("images"), "disk image"), scratch: at("scratch"), name: null },
      ...{ takenNames: () => [], moving: (_, then) => then() },
    },
    (domain) => Promise.resolve(domain),
    () => {},
    never,
  );
}
const domain = (disks: readonly string[]) => ({
  ...{ name: "shop", folder, files: {} },
  config: `name = "shop"\nbootloader = "pygrub"\ndisk = [ ${disks.map((each) => `"${each}"`).join(", ")} ]\n`,
});

it("a domain with forty disks goes out and comes back", async () => {
  // xvda to xvdz, and xvdaa and on.
  const letters = [..."abcdefghijklmnopqrstuvwxyz"];
  const names = [...letters, ...letters.map((each) => `a${each}`)].slice(0, 40);
  const disks = names.map((name) => {
    writeFileSync(at(`${name}.img`), "");
    truncateSync(at(`${name}.img`), 1024);
    return `${name}.img,raw,xvd${name},rw`;
  });
  await exportDomain(domain(disks), at("shop.tar"), () => {}, never);
  const { config } = await imported(at("shop.tar"));
  expect(parseXlConfig(config).config!.devices.filter(({ kind }) => kind === "vbd")).toHaveLength(40);
  expect(readdirSync(at("images"))).toHaveLength(40);
  const many = Array.from({ length: 257 }, () => disks[0]!);
  await expect(exportDomain(domain(many), at("many.tar"), () => {}, never)).rejects.toMatchObject({
    ...{ code: "EFBIG", message: "shop has 257 disks; a file can have up to 256." },
  });
});

it("no folder is made for a file that is to lie in one that is not there", async () => {
  for (const name of ["missing/shop.tar", "missing/deep/shop.tar"])
    await expect(exportDomain(domain([]), at(name), () => {}, never)).rejects.toMatchObject({
      ...{ code: "ENOENT", message: `There is no folder ${path.dirname(at(name))}: make it first, or name another.` },
    });
  writeFileSync(at("file"), "");
  await expect(exportDomain(domain([]), at("file/shop.tar"), () => {}, never)).rejects.toMatchObject({
    code: "ENOENT",
  });
  expect([existsSync(at("missing")), readdirSync(folder)]).toEqual([false, ["file"]]);
});

const REF = "Ref:12";
const named = (name: string, value: string): string => `<member><name>${name}</name><value>${value}</value></member>`;
const object = (kind: string, id: string, facts: Record<string, string>): string =>
  `<value><struct>${named("class", kind)}${named("id", id)}${named(
    "snapshot",
    `<struct>${Object.entries(facts)
      .map(([name, value]) => named(name, value))
      .join("")}</struct>`,
  )}</struct></value>`;

async function xva(bytes: number, pieces: readonly [number, Buffer][]): Promise<string> {
  const objects = [
    object("VM", "Ref:1", { name_label: "web", is_a_snapshot: "0" }),
    object("VBD", "Ref:2", { VM: "Ref:1", VDI: REF, type: "Disk", userdevice: "0", mode: "RW" }),
    object("VDI", REF, { virtual_size: String(bytes) }),
  ];
  const text = `<value><struct>${named("objects", `<array><data>${objects.join("")}</data></array>`)}</struct></value>`;
  const tar = pack();
  tar.entry({ name: "ova.xml" }, text);
  for (const [n, piece] of pieces) {
    const name = `${REF}/${String(n).padStart(8, "0")}`;
    tar.entry({ name }, piece);
    tar.entry({ name: `${name}.checksum` }, createHash("sha1").update(piece).digest("hex"));
  }
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar as unknown as AsyncIterable<Buffer>) parts.push(part);
  writeFileSync(at("web.xva"), Buffer.concat(parts));
  return at("web.xva");
}

it("an XVA is whole where the host takes less of a write than it was given", async () => {
  const disk = randomBytes(2 ** 20);
  const file = await xva(disk.length, [[0, disk]]);
  const probe = await open(file, "r");
  const handles = Object.getPrototypeOf(probe) as { write: FileHandle["write"] };
  await probe.close();
  const { write } = handles;
  // As a disk does that becomes full, and on which there is room again a moment later.
  handles.write = function (this: FileHandle, bytes: Uint8Array, from: number, length: number, to: number) {
    return (write as (...args: unknown[]) => unknown).call(this, bytes, from, Math.min(length, 300_000), to);
  } as FileHandle["write"];
  const less = <T extends ArrayBufferView>(bytes: T): Uint8Array =>
    new Uint8Array(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 300_000));
  const { writev, writevSync } = fs;
  try {
    await withPatchedFs(
      {
        writev: ((fd: number, views: ArrayBufferView[], ...rest: unknown[]) =>
          (writev as (...args: unknown[]) => void)(fd, [less(views[0]!)], ...rest)) as typeof fs.writev,
        writevSync: (fd, views, position) => writevSync(fd, [less(views[0]!)], position),
      },
      () => imported(file),
    );
  } finally {
    handles.write = write;
  }
  expect((await contentOf(at("images", "web.qcow2"), "qcow2")).equals(disk)).toBe(true);
});

it("an XVA of 8 TiB with two pieces takes no longer than these", async () => {
  const [first, last] = [randomBytes(2 ** 20), randomBytes(2 ** 20)];
  const most = 2 ** 23 - 1;
  const began = process.cpuUsage();
  await imported(
    await xva(2 ** 43, [
      [0, first],
      [most, last],
    ]),
  );
  const { user, system } = process.cpuUsage(began);
  // To read all of it takes an hour.
  expect((user + system) / 1e6).toBeLessThan(20);
  const store = await openStore(at("images", "web.qcow2"), "qcow2", "read");
  expect(store.size).toBe(2 ** 43);
  for (const [n, wanted] of [
    [0, first],
    [5, Buffer.alloc(2 ** 20)],
    [most, last],
  ] as const) {
    const bytes = Buffer.alloc(2 ** 20);
    await store.read(n * 2 ** 20, [bytes]);
    expect(bytes.equals(wanted), String(n)).toBe(true);
  }
  await store.close();
  expect(statSync(at("images", "web.qcow2")).size).toBeLessThan(8 * 2 ** 20);
});
