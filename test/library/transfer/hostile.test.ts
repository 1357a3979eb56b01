/**
 * Hostile archives that use what the format itself allows. Whatever they try must be refused with a sentence, nothing may be left behind, and nothing
 * outside may be touched.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { beforeEach, describe, expect, it } from "vitest";
import { createQcow2 } from "../../../core/dom0/storage/qcow2/create.ts";
import { KeptFolder } from "../../../core/library/kept-folder.ts";
import { importDomain, type ImportedDomain } from "../../../core/library/transfer/import.ts";
import { lookInto } from "../../../core/library/transfer/look.ts";
import { temporaryFolder } from "../../temporary.ts";

let folder: string;
const at = (...names: string[]): string => path.join(folder, ...names);
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const inside = (name: string): string[] => (existsSync(at(name)) ? readdirSync(at(name)) : []);

beforeEach(() => {
  folder = temporaryFolder("hostile-archives");
  writeFileSync(at("secret"), "of the user's");
});

/** Nobody is killed here, so nothing need be noted. */
const moving = <T>(_: unknown, then: () => Promise<T>): Promise<T> => then();

function imported(file: string): Promise<ImportedDomain> {
  return importDomain(
    file,
    {
      images: new KeptFolder(at("images"), "disk image"),
      scratch: at("scratch"),
      name: null,
      takenNames: () => [],
      moving,
    },
    (domain) => Promise.resolve(domain),
    () => {},
    new AbortController().signal,
  );
}
/** Returns the message of the refusal. Everything that was there must still be there, and nothing else. */
async function refusal(bytes: Buffer, name = "evil.tar"): Promise<string> {
  writeFileSync(at(name), bytes);
  const error = (await imported(at(name)).catch((each: unknown) => each)) as Error & { code?: string };
  expect(error, "it was refused").toBeInstanceOf(Error);
  expect([inside("images"), inside("scratch"), readFileSync(at("secret"), "utf8")]).toEqual([[], [], "of the user's"]);
  expect(error.message).toMatch(/^[^\n]{10,400}\.$/);
  return `${error.code}: ${error.message}`;
}

/** Writes a header that may contain anything. */
function header(name: string, size: number | Buffer, type = "0"): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0, 100);
  block.write("0000644\0", 100);
  if (typeof size === "number") block.write(size.toString(8).padStart(11, "0"), 124);
  else size.copy(block, 124);
  block.write(`        ${type}`, 148);
  block.write("ustar\x0000", 257);
  const sum = block.reduce((all, each) => all + each, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}
function member(name: string, bytes: Buffer | string, type = "0"): Buffer {
  const content = Buffer.from(bytes);
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
  return Buffer.concat([header(name, content.length, type), content, padding]);
}
const END = Buffer.alloc(1024);
/** Writes the entries of a pax header, each with its own length in front. */
function pax(...entries: [string, string][]): Buffer {
  return Buffer.concat(
    entries.map(([key, value]) => {
      const rest = Buffer.byteLength(` ${key}=${value}\n`);
      let length = rest + 1;
      while (String(length).length + rest !== length) length = String(length).length + rest;
      return Buffer.from(`${length} ${key}=${value}\n`);
    }),
  );
}
const about = (config: string, disks: { bytes: number }[] = []): Buffer =>
  Buffer.from(
    JSON.stringify({
      ...{ format: "xenarium-domain", version: 1, name: "shop", config },
      ...{ files: [{ name: "vmlinuz", bytes: 4 }], disks },
    }),
  );
const KERNEL = 'name = "shop"\nkernel = "files/0"\n';
/** Makes a whole archive like those we write, with something between its description and its kernel. */
function whole(config = KERNEL, ...between: Buffer[]): Buffer {
  const description = about(config);
  const sums = `${sha256(description)}  domain.json\n${sha256(Buffer.from("kern"))}  files/0\n`;
  const members = [member("domain.json", description), ...between, member("files/0", "kern")];
  return Buffer.concat([...members, member("SHA256SUMS", sums), END]);
}

describe("headers of a tar that say otherwise", () => {
  it("names, sizes and links of pax headers count, and are checked like those of others", async () => {
    writeFileSync(at("good.tar"), whole());
    expect((await imported(at("good.tar"))).name).toBe("shop");
    const named = (name: string): Buffer => whole(KERNEL, member("x", pax(["path", name]), "x"));
    for (const [name, expected] of [
      ["../../secret", /leads out of the archive/],
      ["/etc/cron.d/x", /has an absolute name/],
      ["files/0\u202e", /has signs in its name/],
      ["a/".repeat(200), /has a name longer than 255 letters/],
      ["files/../files/0", /leads out/],
    ] as const)
      expect(await refusal(named(name)), name).toMatch(expected);
    // A header that is meant for all members that follow counts for none.
    writeFileSync(at("global.tar"), whole(KERNEL, member("g", pax(["path", "../secret"], ["size", "1"]), "g")));
    expect((await imported(at("global.tar"))).name).toBe("shop");
    for (const size of ["99999999999999999999", "-1", "1e9", "x", "9007199254740993"])
      expect(await refusal(whole(KERNEL, member("x", pax(["size", size]), "x"))), size).toMatch(/^E[A-Z]+: /);
    const sparse = pax(
      ["GNU.sparse.major", "1"],
      ["GNU.sparse.realsize", "1099511627776"],
      ["GNU.sparse.name", "../x"],
    );
    expect(await refusal(Buffer.concat([member("domain.json", about(KERNEL)), member("x", sparse, "x"), END]))).toMatch(
      /^E[A-Z]+: /,
    );
  });

  it("long names, kinds that nobody has, and sizes that can't be are refused", async () => {
    for (const type of ["1", "2", "3", "4", "6", "S", "D", "M", "V", "Z"])
      expect(await refusal(whole(KERNEL, member("files/0", "kern", type))), type).toMatch(/^E[A-Z]+: /);
    for (const name of ["../secret\0", "\\\\server\\share", "files/0/../../../x"])
      expect(await refusal(whole(KERNEL, member("././@LongLink", `${name}\0`, "L"))), name).toMatch(/^E[A-Z]+: /);
    const negative = Buffer.alloc(12, 0xff);
    const huge = Buffer.concat([Buffer.from([0x80]), Buffer.alloc(11, 0xff)]);
    for (const size of [negative, huge, Buffer.from("77777777777\0"), Buffer.from("99999999999\0")])
      expect(await refusal(Buffer.concat([header("domain.json", size), Buffer.alloc(4096, "x")]))).toMatch(
        /^E[A-Z]+: /,
      );
    const sum = whole();
    sum[100]! ^= 1;
    expect(await refusal(sum)).toMatch(/is no archive that is whole/);
  });

  it("what is no tar is told apart from what is packed", async () => {
    expect(await refusal(gzipSync(whole()), "evil.tar.gz")).toMatch(
      /^EINVAL: evil\.tar\.gz is packed with gzip: unpack it first\.$/,
    );
    const zip = Buffer.concat([Buffer.from("PK\x03\x04"), Buffer.alloc(2000, 1)]);
    expect(await refusal(zip, "evil.zip")).toMatch(/is packed with zip: unpack it first/);
    await expect(lookInto("evil.zip", zip, at("scratch"))).rejects.toThrow(/^evil\.zip is packed with zip/);
    const bzip2 = Buffer.concat([Buffer.from("BZh91AY&SY"), Buffer.alloc(2000, 1)]);
    expect(await refusal(bzip2, "evil.tar.bz2")).toMatch(/is packed with bzip2: unpack it first/);
    expect(await refusal(Buffer.concat([member("BZh.txt", "hello"), END]), "other.tar")).toMatch(
      /begins with BZh\.txt/,
    );
    expect(await refusal(Buffer.alloc(0), "empty.tar")).toMatch(/^EINVAL: empty\.tar is an archive with nothing in it/);
  });
});

describe("descriptions that say otherwise", () => {
  it("of ours: JSON without an end of depth, keys of every object, other computers that may look", async () => {
    const json = (text: string): Buffer => Buffer.concat([member("domain.json", text), END]);
    expect(await refusal(json("[".repeat(1_000_000)))).toMatch(/domain\.json is no JSON|is not understood/);
    expect(await refusal(json(`${"[".repeat(500_000)}${"]".repeat(500_000)}`))).toMatch(/is not understood/);
    expect(await refusal(json('{"__proto__":{"format":"xenarium-domain"},"version":1}'))).toMatch(/is not understood/);
    for (const device of [
      'vfb = [ "vnc=1, vnclisten=0.0.0.0" ]',
      'vnc = 1\nvnclisten = "::"\nvfb = [ "vnc=1,vnclisten=::" ]',
      'vfb = [ "vnc=1, vnclisten=192.168.1.7:3" ]',
    ])
      expect(await refusal(whole(`${KERNEL}${device}\n`)), device).toMatch(
        /EACCES: Its configuration shows its screen to other computers/,
      );
    writeFileSync(at("near.tar"), whole(`${KERNEL}vfb = [ "vnc=1, vnclisten=127.0.0.1" ]\n`));
    expect((await imported(at("near.tar"))).config).toContain("vnclisten=127.0.0.1");
    for (const [line, expected] of [
      ['disk = [ "/etc/passwd,raw,xvda,r" ]', /names other disks than came with it/],
      ['disk = [ "script=/bin/sh,vdev=xvda,target=x" ]', /^E/],
      ['bootloader = "/bin/sh"', /^E/],
      ['kernel = "../secret"', /It has files that its configuration does not name/],
      ['ramdisk = "../secret"', /names secret, a file that did not come with it/],
      ['channel = [ "connection=socket,path=/run/user/x,name=a" ]', /^E/],
      ['serial = "unix:/run/x,server"', null],
      ['device_model_override = "/bin/sh"', null],
      ['vif = [ "script=/bin/sh" ]', null],
    ] as const) {
      const bytes = whole(`${KERNEL}${line}\n`);
      if (expected) {
        expect(await refusal(bytes), line).toMatch(expected);
        continue;
      }
      // The line has no meaning here. It stays in the text, and whoever reads the text there gets a warning.
      writeFileSync(at("line.tar"), bytes);
      expect((await imported(at("line.tar"))).config, line).toContain(line);
    }
  });

  const ovf = (items: string, more = ""): string => `<?xml version="1.0"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1">
  <References><File ovf:id="f1" ovf:href="disk.vmdk"/>${more}</References>
  <DiskSection><Disk ovf:diskId="d1" ovf:fileRef="f1" ovf:capacity="1e999" ovf:capacityAllocationUnits="byte * 2^99"/></DiskSection>
  <VirtualSystem ovf:id="vm"><Name>\u202e../../x</Name><VirtualHardwareSection>${items}</VirtualHardwareSection></VirtualSystem>
</Envelope>`;
  const DISK =
    "<Item><ResourceType>17</ResourceType><HostResource>ovf:/disk/d1</HostResource></Item><Item><ResourceType>4</ResourceType><VirtualQuantity>-1e308</VirtualQuantity></Item><Item><ResourceType>3</ResourceType><VirtualQuantity>Infinity</VirtualQuantity></Item>";
  const ova = (text: string, ...members: Buffer[]): Buffer => Buffer.concat([member("a.ovf", text), ...members, END]);

  it("of an OVF: paths in each way of writing them, depth, names of every object, disks that are no disks", async () => {
    const none = member("disk.vmdk", "no disk at all");
    expect(await refusal(ova(ovf(DISK), none))).toMatch(
      /^EINVAL: The disk disk\.vmdk of its machine is no disk image that is known here, and not a VMDK image\./,
    );
    const vmdk = member("disk.vmdk", Buffer.concat([Buffer.from("KDMV"), Buffer.alloc(600)]));
    expect(await refusal(ova(ovf(DISK), vmdk))).toMatch(/^E[A-Z]+: evil\.tar can't be imported: .*disk-0/);
    const href = (name: string): string => ovf(DISK).replace('href="disk.vmdk"', `href="${name}"`);
    for (const name of [
      ...["../secret", "/etc/passwd", "file:///etc/passwd", "%2e%2e/secret", "&#46;&#46;/secret", "disk.vmdk/../a"],
      ...["DISK.VMDK", "toString", "__proto__", "a.ovf", ""],
    ])
      expect(await refusal(ova(href(name), vmdk)), name).toMatch(/^EINVAL: .*(does not have|is not among)/);
    expect(await refusal(ova(`${"<a>".repeat(300_000)}`, vmdk))).toMatch(/^EINVAL: Its OVF description/);
    expect(await refusal(ova(ovf(DISK).replace("<Name>", "<__proto__>x</__proto__><Name>"), none))).toMatch(/^EINVAL/);
    expect(await refusal(ova(ovf(DISK.repeat(20)), vmdk))).toMatch(/more than 16 disks/);
    expect(await refusal(ova(ovf(`${DISK}${DISK}`), vmdk))).toMatch(/Two disks of its machine are the same file/);
    expect(await refusal(ova(ovf(DISK), vmdk, member("b/disk.vmdk", "x")))).toMatch(/has a folder/);
    const many = Array.from({ length: 70 }, (_, i) => member(`m${i}.txt`, "x"));
    expect(await refusal(ova(ovf(DISK), ...many))).toMatch(/more than 64 members/);
    const manifest = member("a.mf", `SHA256(a.ovf)= ${sha256(Buffer.from(ovf(DISK)))}\n`);
    expect(await refusal(ova(ovf(DISK), manifest, vmdk))).toMatch(
      /EBADMSG: The archive's list of checksums says nothing of disk\.vmdk/,
    );
    const look = await lookInto("evil.ova", ova(ovf(DISK), vmdk), at("scratch"));
    expect([look.name, look.disks]).toEqual(["../../x", [{ bytes: null }]]);
  });

  it("of an OVA whose disk is no VMDK: what it is, whatever it is called, and what can be imported", async () => {
    await createQcow2({ path: at("a.qcow2"), size: 2 ** 20 });
    const boot = Buffer.alloc(2 ** 20);
    boot.writeUInt16LE(0xaa55, 510);
    const cd = Buffer.alloc(2 ** 17);
    cd.write("CD001", 32769);
    for (const [bytes, what] of [
      [readFileSync(at("a.qcow2")), "a qcow2 image"],
      [Buffer.concat([Buffer.from("conectix"), Buffer.alloc(504)]), "a VHD image"],
      [boot, "a raw disk image with a boot sector"],
      [cd, "an ISO 9660 image"],
      [gzipSync(boot), "a file that is packed with gzip"],
      [Buffer.from("<<< Oracle VM VirtualBox Disk Image >>>\n"), "no disk image that is known here"],
      [Buffer.alloc(0), "no disk image that is known here"],
    ] as const)
      for (const name of ["disk.vmdk", "disk.qcow2", "disk", "disk.img.000"]) {
        const text = ovf(DISK).replace('href="disk.vmdk"', `href="${name}"`);
        expect(await refusal(ova(text, member(name, bytes)), "other.ova"), name).toBe(
          `EINVAL: The disk ${name} of its machine is ${what}, and not a VMDK image. Of an OVA only VMDK can be imported: convert the disk, or import it alone as a disk image.`,
        );
      }
    // What no disk of its machine is may be anything.
    const iso = `<File ovf:id="f2" ovf:href="tools.iso"/>`;
    expect(await refusal(ova(ovf(DISK, iso), member("tools.iso", cd)))).toMatch(/does not have disk\.vmdk/);
  });

  it("of archives that begin otherwise than they should: what is wrong, and how they begin", async () => {
    const begins = (name: string): Promise<string> => refusal(Buffer.concat([member(name, "x"), END]), "some.ova");
    const one = "EINVAL: some.ova is no domain that can be imported: it begins with";
    for (const name of ["web.mf", "web.cert", "disk.vmdk"])
      expect(await begins(name)).toBe(
        `${one} ${name}. An OVA begins with its description (.ovf), and the other files follow: pack it in that order.`,
      );
    expect(await begins("web/web.ovf")).toBe(
      `${one} web/web.ovf. An OVA has its description (.ovf) and its disks in no folder: pack them without theirs.`,
    );
    expect(await begins("Ref:12/00000000")).toMatch(
      /An XVA begins with its description, ova\.xml: this one has lost it\.$/,
    );
    const later = JSON.stringify({ format: "xenarium-domain", version: 2, name: "web", parts: [] });
    expect(await refusal(Buffer.concat([member("domain.json", later), END]))).toBe(
      "EINVAL: It was exported by a later version of Xenarium, in the format 2; this one reads the format 1.",
    );
  });

  it("of disks: VMDK and qcow2 images that name files, or more than there is", async () => {
    const text = Buffer.from('# Disk DescriptorFile\nversion=1\nRW 8 FLAT "/etc/passwd" 0\n');
    expect(await refusal(ova(ovf(DISK), member("disk.vmdk", text)))).toMatch(/its data lie in other files/);
    const sparse = Buffer.alloc(65536);
    sparse.write("KDMV");
    sparse.writeUInt32LE(3, 4);
    sparse.writeBigUInt64LE(2n ** 62n, 12);
    sparse.writeBigUInt64LE(128n, 20);
    sparse.writeUInt32LE(512, 44);
    expect(await refusal(ova(ovf(DISK), member("disk.vmdk", sparse)))).toMatch(/^E[A-Z]+: .*can't be imported/);
    await createQcow2({ path: at("a.qcow2"), size: 2 ** 20 });
    const image = readFileSync(at("a.qcow2"));
    const package_ = (bytes: Buffer): Buffer => {
      const config = 'name = "shop"\nbootloader = "pygrub"\ndisk = [ "disks/0.qcow2,qcow2,xvda,rw" ]\n';
      const description = Buffer.from(
        JSON.stringify({
          ...{ format: "xenarium-domain", version: 1, name: "shop", config, files: [] },
          disks: [{ bytes: bytes.length }],
        }),
      );
      const sums = `${sha256(description)}  domain.json\n${sha256(bytes)}  disks/0.qcow2\n`;
      const members = [member("domain.json", description), member("disks/0.qcow2", bytes), member("SHA256SUMS", sums)];
      return Buffer.concat([...members, END]);
    };
    const changed = (change: (bytes: Buffer) => void): Buffer => {
      const bytes = Buffer.from(image);
      change(bytes);
      return package_(bytes);
    };
    // An external data file, encryption, an L1 table or a size beyond all bounds, and an invalid cluster size.
    for (const change of [
      (bytes: Buffer) => bytes.writeBigUInt64BE(4n, 72),
      (bytes: Buffer) => bytes.writeUInt32BE(1, 32),
      (bytes: Buffer) => bytes.writeUInt32BE(0x7fffffff, 36),
      (bytes: Buffer) => bytes.writeBigUInt64BE(2n ** 63n - 512n, 24),
      (bytes: Buffer) => bytes.writeUInt32BE(63, 20),
      (bytes: Buffer) => bytes.writeBigUInt64BE(2n ** 60n, 40),
    ])
      expect(await refusal(changed(change)), change.toString()).toMatch(/^E[A-Z0-9]+: .*(shop|disk|0\.qcow2)/);
    writeFileSync(at("good.tar"), package_(image));
    expect((await imported(at("good.tar"))).name).toBe("shop");
  });
});

it("a tar of other members in the order of another is refused at once, not read to its end", async () => {
  const archive = pack();
  for (const name of ["SHA256SUMS", "domain.json"]) archive.entry({ name }, "x");
  archive.finalize();
  const parts: Buffer[] = [];
  for await (const part of archive as unknown as AsyncIterable<Buffer>) parts.push(part);
  expect(await refusal(Buffer.concat([...parts, Buffer.alloc(2 ** 20)]))).toMatch(/it begins with SHA256SUMS/);
});
