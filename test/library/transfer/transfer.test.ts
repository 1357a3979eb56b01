/** Domains in one file: exported and imported again, archives of other hypervisors, and hostile archives. */
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { pack } from "tar-stream";
import { openStore } from "../../../core/dom0/storage/open.ts";
import { createQcow2 } from "../../../core/dom0/storage/qcow2/create.ts";
import { KeptFolder } from "../../../core/library/kept-folder.ts";
import { exportDomain } from "../../../core/library/transfer/export.ts";
import { importDomain, type ImportedDomain } from "../../../core/library/transfer/import.ts";
import { temporaryFolder } from "../../temporary.ts";
import { toolMissing } from "../../tools.ts";

const never = new AbortController().signal;
const sha = (algorithm: string, bytes: Uint8Array): string => createHash(algorithm).update(bytes).digest("hex");
let folder: string;
const at = (...names: string[]): string => path.join(folder, ...names);
const images = (): string[] => (existsSync(at("images")) ? readdirSync(at("images")) : []);

beforeEach(() => {
  folder = temporaryFolder("transfer");
});

/** Nobody is killed here, so nothing need be noted. */
const moving = <T>(_: unknown, then: () => Promise<T>): Promise<T> => then();

/** Imports the file. Returns what would become a domain. */
async function imported(file: string, name: string | null = null, signal = never): Promise<ImportedDomain> {
  const options = { images: new KeptFolder(at("images"), "disk image"), scratch: at("scratch"), name };
  const taken = { ...options, takenNames: () => ["taken"], moving };
  return importDomain(
    file,
    taken,
    (domain) => Promise.resolve(domain),
    () => {},
    signal,
  );
}
async function refusal(file: string): Promise<string> {
  const error = (await imported(file).catch((each: unknown) => each)) as Error & { code?: string };
  expect(error, "it was refused").toBeInstanceOf(Error);
  // Nothing is left of what was only half done.
  expect([images(), existsSync(at("scratch")) ? readdirSync(at("scratch")) : []]).toEqual([[], []]);
  return `${error.code}: ${error.message}`;
}
async function contents(file: string, format = "qcow2"): Promise<Buffer> {
  const store = await openStore(file, format, "read");
  try {
    const bytes = Buffer.alloc(store.size);
    await store.read(0, [bytes]);
    return bytes;
  } finally {
    await store.close();
  }
}
const diskOf = (config: string): string[] => [...config.matchAll(/(\/[^",\s]+\.qcow2)/g)].map(([, file]) => file!);

interface Entry {
  name: string;
  bytes?: Buffer | string;
  type?: "file" | "symlink" | "link" | "directory" | "fifo";
  linkname?: string;
}
async function archive(name: string, entries: Entry[]): Promise<string> {
  const tar = pack();
  for (const { bytes = "", ...header } of entries) tar.entry(header as never, bytes as never);
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar as unknown as AsyncIterable<Buffer>) parts.push(part);
  writeFileSync(at(name), Buffer.concat(parts));
  return at(name);
}

/** A qcow2 disk of 4 MiB over a raw one, so that both are needed to make it whole. */
async function disk(name: string): Promise<Buffer> {
  const bytes = Buffer.alloc(4 * 2 ** 20);
  randomBytes(100_000).copy(bytes, 1_000_000);
  bytes.writeUInt16LE(0xaa55, 510);
  writeFileSync(at(`${name}.img`), bytes);
  await createQcow2({ path: at(`${name}.qcow2`), size: bytes.length, backing: { file: `${name}.img`, format: "raw" } });
  const store = await openStore(at(`${name}.qcow2`), "qcow2", "read-write");
  const above = randomBytes(65536);
  await store.write(2 ** 20, [above]);
  await store.close();
  above.copy(bytes, 2 ** 20);
  return bytes;
}

const CONFIG = `# the shop
name = "shop"
uuid = "11111111-2222-3333-4444-555555555555"
kernel = "vmlinuz"
ramdisk = "boot/initrd"
memory = 64
disk = [ "a.qcow2,qcow2,xvda,rw", ",,xvdb,cdrom", "b.qcow2,qcow2,xvdc,ro" ]
`;
async function exported(): Promise<{ file: string; a: Buffer; b: Buffer }> {
  const [a, b] = [await disk("a"), await disk("b")];
  const kernel = Buffer.from("a kernel");
  writeFileSync(at("initrd"), "a RAM disk");
  const config = CONFIG.replace("boot/initrd", at("initrd"));
  const file = at("shop.xenarium.tar");
  await exportDomain({ name: "shop", config, folder, files: { vmlinuz: kernel } }, file, () => {}, never);
  return { file, a, b };
}

describe("a domain in one file", () => {
  it("goes out and comes back with its disks whole, its files, and its configuration as it was written", async () => {
    const { file, a, b } = await exported();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { name, config, files } = await imported(file);
    expect(name).toBe("shop");
    const [first, second] = diskOf(config);
    expect((await contents(first!)).equals(a)).toBe(true);
    expect((await contents(second!)).equals(b)).toBe(true);
    expect(images()).toEqual(["shop-0.qcow2", "shop-1.qcow2"]);
    expect(config).toContain("# the shop");
    expect(config).not.toContain("uuid");
    expect(config).toContain(`disk = [ "${first},qcow2,xvda,rw", ",,xvdb,cdrom", "${second},qcow2,xvdc,ro" ]`);
    const kernel = /kernel = "([^"]+)"/.exec(config)![1]!;
    const ramdisk = /ramdisk = "([^"]+)"/.exec(config)![1]!;
    expect([Buffer.from(files[kernel]!).toString(), Buffer.from(files[ramdisk]!).toString()]).toEqual([
      "a kernel",
      "a RAM disk",
    ]);
    expect((await imported(file, "other")).name).toBe("other");
    expect(readdirSync(folder).filter((each) => each.endsWith(".part"))).toEqual([]);
  });

  it("keeps its name in whatever script it is, of which signs that are no letters or figures become dashes", async () => {
    const at100 = "Ж".repeat(100);
    for (const [name, expected] of [
      ["Сервер", "Сервер"],
      ["Büro_2", "Büro_2"],
      ["サーバー-1", "サーバー-1"],
      ["क्षत्रिय", "क्षत्रिय"],
      ["Web server/1", "Web-server-1"],
      ["\u202eevil\u200b", "evil"],
      ["../../x", "x"],
      ["😀", "imported"],
      [at100, at100.slice(0, 60)],
      ["𠀀".repeat(100), "𠀀".repeat(60)],
    ] as const) {
      const file = at(`${randomBytes(4).toString("hex")}.tar`);
      const config = `name = "${name}"\nkernel = "k"\n`;
      await exportDomain({ name, config, folder, files: { k: Buffer.from("k") } }, file, () => {}, never);
      expect((await imported(file)).name, name).toBe(expected);
    }
  });

  it("goes out and comes back with the shim of a PVH domain, whether its kernel is a file or on its disk", async () => {
    await disk("a");
    writeFileSync(at("vmlinuz"), "a kernel");
    writeFileSync(at("xen-shim"), "a shim");
    const disks = 'disk = [ "a.qcow2,qcow2,xvda,rw" ]\n';
    const shimmed = `name = "shop"\ntype = "pvh"\npvshim = 1\npvshim_path = "xen-shim"\n${disks}`;
    const cases: [lines: string, came: string[], shim: string | null][] = [
      ['kernel = "vmlinuz"', ["a kernel", "a shim"], "a shim"],
      ['bootloader = "pygrub"', ["a shim"], "a shim"],
      ['kernel = "vmlinuz"\npvshim = 0', ["a kernel"], null],
    ];
    for (const [i, [lines, came, shim]] of cases.entries()) {
      const file = at(`shop-${i}.tar`);
      await exportDomain({ name: "shop", config: `${shimmed}${lines}\n`, folder, files: {} }, file, () => {}, never);
      const { config, files } = await imported(file);
      const texts = new Map(Object.entries(files).map(([member, bytes]) => [member, Buffer.from(bytes).toString()]));
      expect([...texts.values()], lines).toEqual(came);
      expect(texts.get(/pvshim_path = "([^"]+)"/.exec(config)![1]!) ?? null, lines).toBe(shim);
    }
  });

  it("is whole or not there: when it is cancelled, there already, or a disk is missing", async () => {
    const { file } = await exported();
    const again = {
      name: "shop",
      config: CONFIG,
      folder,
      files: { vmlinuz: new Uint8Array(1), "boot/initrd": new Uint8Array(1) },
    };
    await expect(exportDomain(again, file, () => {}, never)).rejects.toThrow(/is there already/);
    const stop = new AbortController();
    const before = readdirSync(folder).sort();
    const stopped = exportDomain(
      again,
      at("x.tar"),
      (done) => done > 0.7 && stop.abort(new Error("enough")),
      stop.signal,
    );
    await expect(stopped).rejects.toThrow("enough");
    const missing = { ...again, config: CONFIG.replace("b.qcow2", "gone.qcow2") };
    await expect(exportDomain(missing, at("x.tar"), () => {}, never)).rejects.toThrow(
      /shop can't be exported: .*gone\.qcow2/,
    );
    expect(readdirSync(folder).sort()).toEqual(before);
    const half = new AbortController();
    const options = { images: new KeptFolder(at("images"), "disk image"), scratch: at("scratch"), name: null };
    const importing = importDomain(
      file,
      { ...options, takenNames: () => [], moving },
      () => Promise.reject(new Error("it is not reached")),
      (done) => done > 0.3 && half.abort(new Error("enough")),
      half.signal,
    );
    await expect(importing).rejects.toThrow("enough");
    // The same must hold when nobody can keep what has arrived.
    const failing = importDomain(
      file,
      { ...options, takenNames: () => [], moving },
      () => Promise.reject(new Error("no room for it")),
      () => {},
      never,
    );
    await expect(failing).rejects.toThrow("no room for it");
    expect([images(), readdirSync(at("scratch"))]).toEqual([[], []]);
  });

  it("that is damaged anywhere is refused", async () => {
    const { file } = await exported();
    const bytes = readFileSync(file);
    // Damage in a disk, in a file and in the list of checksums, and an archive that is cut off.
    for (const place of [bytes.length - 10_000_000 > 0 ? 700_000 : Math.floor(bytes.length / 2), 3 * 512 + 2]) {
      const spoiled = Buffer.from(bytes);
      spoiled[place]! ^= 1;
      writeFileSync(at("spoiled.tar"), spoiled);
      expect(await refusal(at("spoiled.tar"))).toMatch(
        /is damaged|is no JSON|is not understood|other disks|no archive/,
      );
    }
    for (const length of [0, 100, 512, 5000, Math.floor(bytes.length / 2), bytes.length - 4096]) {
      writeFileSync(at("cut.tar"), bytes);
      truncateSync(at("cut.tar"), length);
      expect(await refusal(at("cut.tar")), String(length)).toMatch(/^EINVAL/);
    }
  });
});

describe("an archive that means harm", () => {
  const description = (change: object = {}): Buffer =>
    Buffer.from(
      JSON.stringify({
        ...{ format: "xenarium-domain", version: 1, name: "shop", config: 'name = "shop"\nkernel = "files/0"\n' },
        ...{ files: [{ name: "vmlinuz", bytes: 4 }], disks: [] },
        ...change,
      }),
    );
  const sums = (...members: [string, Buffer][]): string =>
    members.map(([name, bytes]) => `${sha("sha256", bytes)}  ${name}\n`).join("");
  const kernel = Buffer.from("kern");
  async function made(change: object, ...more: Entry[]): Promise<string> {
    const about = description(change);
    return archive("evil.tar", [
      { name: "domain.json", bytes: about },
      ...(more.length ? more : [{ name: "files/0", bytes: kernel }]),
      { name: "SHA256SUMS", bytes: sums(["domain.json", about], ["files/0", kernel]) },
    ]);
  }

  it("has no links, paths that lead out, surprises, doubles or other sizes", async () => {
    expect((await imported(await made({}))).name).toBe("shop");
    const tries: [Entry[], RegExp][] = [
      [[{ name: "files/0", type: "symlink", linkname: "/etc/passwd" }], /"files\/0" is no file but a symlink/],
      [[{ name: "files/0", type: "link", linkname: "domain.json" }], /is no file but a link/],
      [[{ name: "files/0", type: "fifo" }], /is no file but a fifo/],
      [[{ name: "../files/0", bytes: kernel }], /leads out of the archive/],
      [[{ name: "files/../../0", bytes: kernel }], /leads out of the archive/],
      [[{ name: "/etc/cron.d/x", bytes: kernel }], /has an absolute name/],
      [[{ name: "C:/x", bytes: kernel }], /has an absolute name/],
      [[{ name: "files\\0", bytes: kernel }], /signs in its name/],
      [[{ name: "files/\u202e0", bytes: kernel }], /signs in its name/],
      [[{ name: "x".repeat(300), bytes: kernel }], /longer than 255/],
      [
        [
          { name: "files/0", bytes: kernel },
          { name: "files/0", bytes: kernel },
        ],
        /has files\/0 where SHA256SUMS should be/,
      ],
      [[{ name: "files/0", bytes: "kernel" }], /has 6 bytes, and should have 4/],
      [[{ name: "files/1", bytes: kernel }], /has files\/1 where files\/0 should be/],
    ];
    for (const [entries, expected] of tries) expect(await refusal(await made({}, ...entries))).toMatch(expected);
    const other = Buffer.from("evil");
    expect(await refusal(await made({}, { name: "files/0", bytes: other }))).toMatch(/EBADMSG: files\/0 is damaged/);
  });

  it("names no file of this computer, as a kernel, a disk or otherwise", async () => {
    const config = (text: string): object => ({ config: `name = "shop"\nkernel = "files/0"\n${text}` });
    expect(
      await refusal(await made({ config: 'name = "shop"\nkernel = "/etc/shadow"\nramdisk = "files/0"\n' })),
    ).toMatch(/EACCES: Its configuration names shadow, a file that did not come with it/);
    // It may not name a folder either, because a guest would get everything in it.
    expect(
      await refusal(
        await made(config('p9 = [ "tag=home, path=/home, security_model=none" ]\nmemory = 64\n'), {
          name: "files/0",
          bytes: kernel,
        }),
      ),
    ).toMatch(/EACCES: Its configuration shares \/home of this computer with the domain/);
    expect(await refusal(await made(config('disk = [ "/etc/passwd,raw,xvda,r" ]\n')))).toMatch(
      /its configuration names other disks than came with it/i,
    );
    expect(await refusal(await made(config("memory = what\n")))).toMatch(/Its configuration can't be used/);
    expect((await imported(await made({ name: "../x" }))).name).toBe("x");
    expect(await refusal(await made({ files: [{ name: "x", bytes: 2 ** 40 }] }))).toMatch(
      /domain.json is not understood/,
    );
    expect(await refusal(await made({ surprise: 1 }))).toMatch(/domain.json is not understood/);
  });

  it("is no bomb: of descriptions, headers or disks that say more than there is room for", async () => {
    const large = Buffer.alloc(3 * 2 ** 20, " ");
    expect(await refusal(await archive("a.tar", [{ name: "domain.json", bytes: large }]))).toMatch(
      /EFBIG: domain.json has 3145728 bytes; allowed: up to 2097152/,
    );
    // A long name of 3 GiB, of which only the first megabytes are there.
    const header = Buffer.alloc(512);
    header.write("././@LongLink");
    header.write("0000644\0", 100);
    header.write((3 * 2 ** 30).toString(8).padStart(11, "0"), 124);
    header.write("        L", 148);
    header.write("ustar  ", 257);
    const sum = header.reduce((all, each) => all + each, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    writeFileSync(at("long.tar"), Buffer.concat([header, Buffer.alloc(8 * 2 ** 20, "x")]));
    expect(await refusal(at("long.tar"))).toMatch(/EFBIG: .*headers of more than 2097152 bytes/);
    const config = 'name = "shop"\nbootloader = "pygrub"\ndisk = [ "disks/0.qcow2,qcow2,xvda,rw" ]\n';
    const about = description({ config, files: [], disks: [{ bytes: 2 ** 50 }] });
    const tar = readFileSync(await archive("b.tar", [{ name: "domain.json", bytes: about }]));
    const huge = Buffer.alloc(512);
    huge.write("disks/0.qcow2");
    huge.write("0000644\0", 100);
    // Sizes of more than 8 GiB are binary.
    huge[124] = 0x80;
    huge.writeBigUInt64BE(2n ** 50n, 128);
    huge.write("        0", 148);
    huge.write("ustar\x0000", 257);
    huge.write(
      `${huge
        .reduce((all, each) => all + each, 0)
        .toString(8)
        .padStart(6, "0")}\0 `,
      148,
    );
    writeFileSync(at("huge.tar"), Buffer.concat([tar.subarray(0, 512 + Math.ceil(about.length / 512) * 512), huge]));
    expect(await refusal(at("huge.tar"))).toMatch(/ENOSPC: disks\/0.qcow2 has no room/);
  });

  it("has disks that are images by themselves", async () => {
    const config = 'name = "shop"\nbootloader = "pygrub"\ndisk = [ "disks/0.qcow2,qcow2,xvda,rw" ]\n';
    await disk("a");
    for (const [bytes, expected] of [
      [readFileSync(at("a.qcow2")), /ENOEXEC: shop.qcow2 is based on another image/],
      [randomBytes(4096), /can't be imported: .*qcow2/],
    ] as const) {
      const about = description({ config, files: [], disks: [{ bytes: bytes.length }] });
      const file = await archive("evil.tar", [
        { name: "domain.json", bytes: about },
        { name: "disks/0.qcow2", bytes },
        { name: "SHA256SUMS", bytes: sums(["domain.json", about], ["disks/0.qcow2", bytes]) },
      ]);
      expect(await refusal(file)).toMatch(expected);
    }
  });

  it("is a file, and one that is known", async () => {
    writeFileSync(at("x.tar"), "no archive at all".repeat(100));
    expect(await refusal(at("x.tar"))).toMatch(/EINVAL: x.tar is no archive that is whole/);
    expect(await refusal(folder)).toMatch(/is no file|EISDIR/);
    expect(await refusal(at("none"))).toMatch(/^ENOENT: none can't be read/);
    expect(await refusal(await archive("y.tar", [{ name: "readme.txt", bytes: "hello" }]))).toMatch(
      /begins with readme.txt. Allowed: archives of “xenarium export”, OVA and XVA/,
    );
    symlinkSync(at("y.tar"), at("link.tar"));
    expect(await refusal(at("link.tar"))).toMatch(/begins with readme.txt/);
  });
});

describe("an XVA", () => {
  const REF = "Ref:7";
  const member = (name: string, value: string): string =>
    `<member><name>${name}</name><value>${value}</value></member>`;
  const object = (kind: string, id: string, facts: Record<string, string>): string =>
    `<value><struct>${member("class", kind)}${member("id", id)}${member(
      "snapshot",
      `<struct>${Object.entries(facts)
        .map(([name, value]) => member(name, value))
        .join("")}</struct>`,
    )}</struct></value>`;
  const xml = (bytes = 3 * 2 ** 20): string =>
    `<value><struct>${member("version", "<struct></struct>")}${member(
      "objects",
      `<array><data>${[
        object("VM", "Ref:1", {
          ...{ name_label: "Web &amp; shop", memory_static_max: String(256 * 2 ** 20), VCPUs_max: "2" },
          ...{ PV_args: "console=hvc0", is_a_snapshot: "<boolean>0</boolean>" },
        }),
        object("VBD", "Ref:2", { VM: "Ref:1", VDI: REF, type: "Disk", userdevice: "0", mode: "RW" }),
        object("VBD", "Ref:3", { VM: "Ref:1", VDI: "Ref:9", type: "CD", userdevice: "3", mode: "RO" }),
        object("VIF", "Ref:4", { VM: "Ref:1", device: "0" }),
        object("VDI", REF, { virtual_size: String(bytes) }),
      ].join("")}</data></array>`,
    )}</struct></value>`;
  const piece = (n: number, bytes: Buffer, sum = sha("sha1", bytes)): Entry[] => [
    { name: `${REF}/${String(n).padStart(8, "0")}`, bytes },
    { name: `${REF}/${String(n).padStart(8, "0")}.checksum`, bytes: sum },
  ];
  const [first, last] = [randomBytes(2 ** 20), randomBytes(2 ** 20)];
  const whole = (...entries: Entry[]): Promise<string> =>
    archive("web.xva", [{ name: "ova.xml", bytes: xml() }, ...entries]);

  it("becomes a domain with its disk, what is left out being zero", async () => {
    const { name, config, notes } = await imported(await whole(...piece(0, first), ...piece(2, last)));
    expect(name).toBe("Web-shop");
    expect(config).toContain("memory = 256\nvcpus = 2");
    expect(config).toContain('cmdline = "console=hvc0"');
    expect(config).toContain('vif = [ "bridge=xenbr0" ]');
    expect(notes.join()).toMatch(/made for another hypervisor/);
    const bytes = await contents(diskOf(config)[0]!);
    expect(bytes.equals(Buffer.concat([first, Buffer.alloc(2 ** 20), last]))).toBe(true);
  });

  it("is refused where a piece is damaged, unproven, out of its order, beyond its disk, or nobody's", async () => {
    const [one] = piece(1, last);
    const tries: [() => Promise<string>, RegExp][] = [
      [() => whole(...piece(0, first, "0".repeat(40))), /EBADMSG: Ref:7\/00000000 is damaged/],
      [() => whole(piece(0, first)[0]!, ...piece(1, last)), /EBADMSG: A piece of Ref:7 has no checksum/],
      [() => whole(...piece(0, first), one!), /EBADMSG: The last piece of Ref:7 has no checksum/],
      [() => whole(...piece(1, first), ...piece(0, last)), /comes twice, or too late/],
      [() => whole(...piece(1, first), ...piece(1, last)), /comes twice, or too late/],
      [() => whole(...piece(3, first)), /lies beyond the 3145728 bytes/],
      [() => whole({ name: "Ref:8/00000000", bytes: first }), /Ref:8, which is no disk of its machine/],
      [() => whole({ name: "notes.txt", bytes: "x" }), /a member notes.txt that no XVA has/],
      [() => whole(), /has nothing of the disk Ref:7/],
      [() => archive("x.xva", [{ name: "ova.xml", bytes: xml(2 ** 60) }]), /allowed: a multiple of 512/],
      [() => archive("x.xva", [{ name: "ova.xml", bytes: "<value/>" }]), /has 0 machines/],
      [() => archive("x.xva", [{ name: "ova.xml", bytes: "<a><b>" }]), /ova.xml is not understood/],
      [
        () => archive("x.xva", [{ name: "ova.xml", bytes: '<!DOCTYPE x [<!ENTITY a "b">]><value/>' }]),
        /declares entities of its own/,
      ],
      [
        () => archive("x.xva", [{ name: "ova.xml", bytes: "<value>".repeat(200_000) }]),
        /ova.xml is not understood|0 machines/,
      ],
    ];
    for (const [file, expected] of tries) expect(await refusal(await file())).toMatch(expected);
  });
});

const noQemu = toolMissing("qemu-img", "qemu-utils");
describe.skipIf(noQemu !== null)(`an OVA${noQemu ? ` (${noQemu})` : ""}`, () => {
  const ovf = (more = "", href = "web-disk1.vmdk"): string => `<?xml version="1.0"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="r">
  <References><File ovf:id="file1" ovf:href="${href}" ${more}/></References>
  <DiskSection><Disk ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:capacity="4" ovf:capacityAllocationUnits="byte * 2^20"/></DiskSection>
  <VirtualSystem ovf:id="vm"><Name>../Web shop</Name><VirtualHardwareSection>
    <Item><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>2</rasd:VirtualQuantity></Item>
    <Item><rasd:ResourceType>4</rasd:ResourceType><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:VirtualQuantity>384</rasd:VirtualQuantity></Item>
    <Item><rasd:ResourceType>17</rasd:ResourceType><rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource></Item>
    <Item><rasd:ResourceType>10</rasd:ResourceType></Item>
  </VirtualHardwareSection></VirtualSystem>
</Envelope>`;
  let vmdk: Buffer;
  let plain: Buffer;
  beforeEach(async () => {
    plain = await disk("plain");
    execFileSync("qemu-img", [
      ...["convert", "-f", "qcow2", "-O", "vmdk", "-o", "subformat=streamOptimized"],
      ...[at("plain.qcow2"), at("disk.vmdk")],
    ]);
    vmdk = readFileSync(at("disk.vmdk"));
  });
  const members = (text: string, sum = sha("sha256", vmdk)): Entry[] => [
    { name: "web.ovf", bytes: text },
    { name: "web.mf", bytes: `SHA256(web.ovf)= ${sha("sha256", Buffer.from(text))}\nSHA256(web-disk1.vmdk)= ${sum}\n` },
    { name: "web-disk1.vmdk", bytes: vmdk },
  ];

  it("becomes a domain with its disk", async () => {
    const { name, config } = await imported(await archive("web.ova", members(ovf())));
    expect(name).toBe("Web-shop");
    expect(config).toContain("memory = 384\nvcpus = 2");
    expect((await contents(diskOf(config)[0]!)).equals(plain)).toBe(true);
  });

  it("is refused where it is damaged, leads elsewhere, or is in pieces", async () => {
    const made = (entries: Entry[]): Promise<string> => archive("web.ova", entries);
    expect(await refusal(await made(members(ovf(), "0".repeat(64))))).toMatch(/EBADMSG: web-disk1.vmdk is damaged/);
    expect(await refusal(await made(members(ovf("", "../../etc/passwd"))))).toMatch(
      /does not have ..\/..\/etc\/passwd/,
    );
    expect(await refusal(await made(members(ovf("", "https://example.org/x.vmdk"))))).toMatch(/does not have https/);
    expect(await refusal(await made(members(ovf('ovf:compression="gzip"'))))).toMatch(/is packed or in pieces/);
    const [description, , image] = members(ovf());
    expect(await refusal(await made([description!, image!, image!]))).toMatch(/has web-disk1.vmdk twice/);
    expect(await refusal(await made([description!, { ...image!, bytes: randomBytes(70_000) }]))).toMatch(
      /The disk web-disk1.vmdk of its machine is no disk image that is known here, and not a VMDK/,
    );
    expect(await refusal(await made([{ ...description!, bytes: "<Envelope/>" }]))).toMatch(/has no machine/);
  });
});
