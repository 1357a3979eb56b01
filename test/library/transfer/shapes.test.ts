/** Archives in the shapes that other programs give them: VirtualBox's OVF 2.0, VMware's empty disks, whole folders packed by tar, macOS. */
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pack } from "tar-stream";
import { beforeEach, describe, expect, it } from "vitest";
import { openStore } from "../../../core/dom0/storage/open.ts";
import { KeptFolder } from "../../../core/library/kept-folder.ts";
import { importDomain, type ImportedDomain } from "../../../core/library/transfer/import.ts";
import { lookInto } from "../../../core/library/transfer/look.ts";
import { parseXlConfig } from "../../../core/toolstack/xlcfg.ts";
import { temporaryFolder } from "../../temporary.ts";
import { toolMissing } from "../../tools.ts";

const MIB = 2 ** 20;
let folder: string;
let plain: Buffer;
const at = (...names: string[]): string => path.join(folder, ...names);

const noQemu = toolMissing("qemu-img", "qemu-utils");
beforeEach(() => {
  folder = temporaryFolder("shapes");
  mkdirSync(at("packed"));
  plain = Buffer.alloc(4 * MIB);
  randomBytes(100_000).copy(plain, MIB);
  plain.writeUInt16LE(0xaa55, 510);
  writeFileSync(at("plain.img"), plain);
});

const imported = (file: string): Promise<ImportedDomain> =>
  importDomain(
    file,
    {
      images: new KeptFolder(at("images"), "disk image"),
      scratch: at("scratch"),
      name: null,
      takenNames: () => [],
      moving: (_, then) => then(),
    },
    (domain) => Promise.resolve(domain),
    () => {},
    new AbortController().signal,
  );
async function contents(name: string): Promise<Buffer> {
  const store = await openStore(at("images", name), "qcow2", "read");
  try {
    const bytes = Buffer.alloc(store.size);
    await store.read(0, [bytes]);
    return bytes;
  } finally {
    await store.close();
  }
}

const envelope = (disks: string, hardware: string): string => `<?xml version="1.0"?>
<Envelope ovf:version="2.0" xmlns="http://schemas.dmtf.org/ovf/envelope/2" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/2"
  xmlns:rasd="r" xmlns:sasd="s" xmlns:epasd="e">
  <References><File ovf:id="file1" ovf:href="web-disk1.vmdk"/></References>
  <DiskSection>${disks}</DiskSection>
  <VirtualSystem ovf:id="web"><VirtualHardwareSection>${hardware}</VirtualHardwareSection></VirtualSystem>
</Envelope>`;
const item = (kind: string, facts: Record<string, string>, element = "Item", prefix = "rasd"): string =>
  `<${element}>${Object.entries({ ...facts, ResourceType: kind })
    .map(([name, value]) => `<${prefix}:${name}>${value}</${prefix}:${name}>`)
    .join("")}</${element}>`;
const VCPUS = item("3", { VirtualQuantity: "2" });
const DISK = `<Disk ovf:capacity="4" ovf:capacityAllocationUnits="MegaBytes" ovf:diskId="vmdisk1" ovf:fileRef="file1"/>`;
const memory = (mib: number): string =>
  item("4", { AllocationUnits: "MegaBytes", VirtualQuantity: String(mib) }) + VCPUS;

/** Packs the folder's files with this computer's tar, in that order. */
function packed(ovf: string | Buffer, names: string[], before: readonly string[] = []): string {
  writeFileSync(at("packed/web.ovf"), ovf);
  execFileSync("qemu-img", [
    ...["convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized"],
    ...[at("plain.img"), at("packed/web-disk1.vmdk")],
  ]);
  for (const name of before) writeFileSync(at("packed", name), "Mac OS X        attributes");
  execFileSync("tar", ["-C", at("packed"), "-cf", at("web.ova"), ...before, ...names]);
  return at("web.ova");
}
const WHOLE = ["web.ovf", "web-disk1.vmdk"];

describe.skipIf(noQemu !== null)(`an OVA of others${noQemu ? ` (${noQemu})` : ""}`, () => {
  const one = item("17", { HostResource: "/disk/vmdisk1" });

  it("of OVF 2.0, as VirtualBox writes it: disks and interfaces in elements of their own", async () => {
    const disk = item("17", { HostResource: "/disk/vmdisk1" }, "StorageItem", "sasd");
    const networks = item("10", { Connection: "NAT" }, "EthernetPortItem", "epasd").repeat(2);
    const file = packed(envelope(DISK, memory(256) + disk + networks), WHOLE);
    const { name, config } = await imported(file);
    expect(name).toBe("web");
    expect(config).toContain("memory = 256\nvcpus = 2");
    expect(config).toContain('vif = [ "bridge=xenbr0", "bridge=xenbr0" ]');
    expect((await contents("web.qcow2")).equals(plain)).toBe(true);
    const look = await lookInto("web.ova", readFileSync(file).subarray(0, 65536), at("scratch"));
    expect(look).toMatchObject({ disks: [{ bytes: 4 * MIB }], networks: 2 });
  });

  it("with a disk that has nothing on it yet, as VMware's appliances have, next to one that has", async () => {
    const empty = `<Disk ovf:capacity="3" ovf:capacityAllocationUnits="byte * 2^30" ovf:diskId="vmdisk2"/>`;
    const two = one + item("17", { HostResource: "ovf:/disk/vmdisk2" });
    const { config } = await imported(packed(envelope(DISK + empty, memory(256) + two), WHOLE));
    expect(config.match(/qcow2,qcow2,xvd[ab]|format=qcow2, vdev=xvd[ab]|xvd[ab]/g)).toHaveLength(2);
    expect((await contents("web-0.qcow2")).equals(plain)).toBe(true);
    const store = await openStore(at("images/web-1.qcow2"), "qcow2", "read");
    expect([store.size, await store.nextData?.(0)]).toEqual([3 * 2 ** 30, null]);
    await store.close();
    for (const capacity of ["", "0", "1e30", "-5", "9".repeat(30), "0.3"]) {
      const odd = empty.replace('capacity="3"', `capacity="${capacity}"`);
      const file = packed(envelope(DISK + odd, memory(256) + two), WHOLE);
      await expect(imported(file), capacity).rejects.toThrow(/^A disk can't have \d+ bytes; allowed/);
      expect(readdirSync(at("scratch"))).toEqual([]);
    }
    expect(readdirSync(at("images"))).toHaveLength(2);
  });

  it("with a space in the name of its disk, which its description escapes, and with a % that is none", async () => {
    for (const [name, href] of [
      ["web disk.vmdk", "web%20disk.vmdk"],
      ["100%disk.vmdk", "100%disk.vmdk"],
      ["web%20disk.vmdk", "web%20disk.vmdk"],
    ] as const) {
      packed(envelope(DISK, memory(256) + one), WHOLE);
      renameSync(at("packed/web-disk1.vmdk"), at("packed", name));
      writeFileSync(at("packed/web.ovf"), envelope(DISK, memory(256) + one).replace("web-disk1.vmdk", href));
      execFileSync("tar", ["-C", at("packed"), "-cf", at("web.ova"), "web.ovf", name]);
      await imported(at("web.ova"));
      expect((await contents("web.qcow2")).equals(plain), name).toBe(true);
      rmSync(at("images"), { recursive: true });
    }
  });

  it("with a disk that only says what differs from another one is refused, and is not taken for an empty one", async () => {
    const child = `<Disk ovf:capacity="4" ovf:capacityAllocationUnits="byte * 2^20" ovf:diskId="vmdisk2" ovf:parentRef="vmdisk1"/>`;
    const two = item("17", { HostResource: "ovf:/disk/vmdisk2" });
    await expect(imported(packed(envelope(DISK + child, memory(256) + two), WHOLE))).rejects.toThrow(
      "Its disk vmdisk2 is based on another one",
    );
  });

  it("packed as a folder, so that all names begin with ./, by macOS with its attributes, or with a byte order mark", async () => {
    const text = envelope(DISK, memory(256) + one);
    for (const [file, title] of [
      [
        () =>
          packed(
            text,
            WHOLE.map((name) => `./${name}`),
          ),
        "./",
      ],
      [() => packed(text, ["--no-recursion", ".", ...WHOLE.map((name) => `././${name}`)]), "the folder itself"],
      [() => packed(text, WHOLE, ["._web.ovf"]), "macOS"],
      [() => packed(Buffer.from(`\uFEFF${text}`), WHOLE), "byte order mark"],
    ] as const) {
      const made = file();
      expect((await imported(made)).name, title).toBe("web");
      expect((await lookInto("web.ova", readFileSync(made).subarray(0, 65536), at("scratch"))).name, title).toBe("web");
    }
    for (const name of ["./../web.ovf", "./", "././/web.ovf"]) {
      execFileSync("tar", [
        "-C",
        at("packed"),
        "-cf",
        at("bad.ova"),
        "-P",
        `--transform=s,^web.ovf$,${name},`,
        "web.ovf",
      ]);
      await expect(imported(at("bad.ova")), name).rejects.toThrow(
        /leads out of the archive|has an absolute name|nothing in it/,
      );
    }
  });

  it("that asks for more than a domain can have says what it gets, before and after it is imported", async () => {
    const usual = await imported(packed(envelope(DISK, memory(4096) + one), WHOLE));
    expect(usual.config).toContain("memory = 3584");
    const file = packed(envelope(DISK, memory(65536) + one), WHOLE);
    const says = /asks for 65536 MiB of memory and gets 3584/;
    expect((await imported(file)).notes.join(" ")).toMatch(says);
    const { notes } = await lookInto("web.ova", readFileSync(file).subarray(0, 65536), at("scratch"));
    expect(notes.join(" ")).toMatch(says);
  });
});

describe("an XVA of others", () => {
  const REF = "Ref:7";
  const member = (name: string, value: string): string =>
    `<member><name>${name}</name><value>${value}</value></member>`;
  const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const object = (kind: string, id: string, facts: Record<string, string>): string => {
    const inside = Object.entries(facts).map(([name, value]) => member(name, `<string>${escaped(value)}</string>`));
    return `<value><struct>${member("class", kind)}${member("id", id)}${member("snapshot", `<struct>${inside.join("")}</struct>`)}</struct></value>`;
  };
  const described = (vm: Record<string, string>, bytes: number, more = ""): string =>
    `<value><struct>${member("version", "<struct></struct>")}${member(
      "objects",
      `<array><data>${[
        object("VM", "Ref:1", { name_label: "web", is_a_snapshot: "0", ...vm }),
        object("VBD", "Ref:2", { VM: "Ref:1", VDI: REF, type: "Disk", userdevice: "0", mode: "RW" }),
        object("VDI", REF, { virtual_size: String(bytes) }),
        more,
      ].join("")}</data></array>`,
    )}</struct></value>`;
  const sha1 = (bytes: Buffer): string => createHash("sha1").update(bytes).digest("hex");
  const pieces = (disk: Buffer, ending: string): [string, Buffer][] =>
    Array.from({ length: Math.ceil(disk.length / MIB) }, (_, n) => {
      const bytes = disk.subarray(n * MIB, (n + 1) * MIB);
      const name = `${REF}/${String(n).padStart(8, "0")}`;
      return [
        [name, bytes],
        [`${name}${ending}`, Buffer.from(ending === ".checksum" ? sha1(bytes) : "0123456789abcdef")],
      ] as [string, Buffer][];
    }).flat();
  async function archive(members: readonly [string, Buffer | string][]): Promise<string> {
    const tar = pack();
    for (const [name, bytes] of members) tar.entry({ name }, bytes as never);
    tar.finalize();
    const parts: Buffer[] = [];
    for await (const part of tar as unknown as AsyncIterable<Buffer>) parts.push(part);
    writeFileSync(at("web.xva"), Buffer.concat(parts));
    return at("web.xva");
  }

  it("whose last piece is short, with empty pieces that keep a connection open, is whole", async () => {
    const disk = Buffer.from(plain.subarray(0, 2 * MIB + 512));
    const [first, firstSum, , , last, lastSum] = pieces(disk, ".checksum");
    const nothing = Buffer.alloc(0);
    const file = await archive([
      ["ova.xml", described({}, disk.length)],
      ...[first!, firstSum!],
      ...([
        [`${REF}/00000001`, nothing],
        [`${REF}/00000001.checksum`, Buffer.from(sha1(nothing))],
      ] as [string, Buffer][]),
      ...[last!, lastSum!],
    ]);
    await imported(file);
    const wanted = Buffer.from(disk).fill(0, MIB, 2 * MIB);
    expect((await contents("web.qcow2")).equals(wanted)).toBe(true);
  });

  it("with a machine's snapshots beside it, more memory, vCPUs and interfaces than there can be, and a command line of any kind", async () => {
    const vifs = Array.from({ length: 12 }, (_, i) => object("VIF", `Ref:5${i}`, { VM: "Ref:1", device: String(i) }));
    const snapshot = object("VM", "Ref:9", { name_label: "web before", is_a_snapshot: "1" });
    for (const args of [
      `root=/dev/xvda1 quiet "quoted" 'and so'`,
      "é".repeat(2000),
      `a\\b\ndisk = [ "/etc/passwd,raw,xvda,r" ]`,
      '"""',
    ]) {
      const vm = { PV_args: args, memory_static_max: String(2 ** 36), VCPUs_max: "128" };
      const file = await archive([
        ["ova.xml", described(vm, plain.length, vifs.join("") + snapshot)],
        ...pieces(plain, ".xxhash"),
      ]);
      const { config, notes } = await imported(file);
      const parsed = parseXlConfig(config);
      expect(parsed.config, args).toMatchObject({ memoryMiB: 3584, maxvcpus: 32 });
      expect(parsed.config!.devices.filter(({ kind }) => kind === "vbd")).toHaveLength(1);
      expect(parsed.config!.devices.filter(({ kind }) => kind === "vif")).toHaveLength(8);
      expect(config).not.toContain('/etc/passwd,raw,xvda,r"');
      expect(notes.join(" ")).toMatch(/asks for 65536 MiB of memory and gets 3584.*asks for 128 vCPUs and gets 32/);
    }
  });
});
