/**
 * Images of other hypervisors that end before they should, as a copy that was broken off does, are errors and not zeros; and images that claim to have much
 * that is nothing leave others their turn.
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { deflateSync } from "node:zlib";
import { expect, it } from "vitest";
import { convertImage } from "../../../core/dom0/storage/convert.ts";
import { openStore } from "../../../core/dom0/storage/open.ts";
import { checkImage } from "../../../core/library/images/work.ts";
import { seeded } from "../../random.ts";
import { temporaryFolder } from "../../temporary.ts";
import { makeVmdk, SECTOR, turnsDuring, type MadeVmdk } from "./made-vmdk.ts";

const folder = temporaryFolder("cut-short");
const at = (name: string): string => path.join(folder, name);
const MIB = 2 ** 20;

const vmdk = (name: string, image: MadeVmdk): number => makeVmdk(at(name), image);

const content = async (name: string, format: string): Promise<Buffer> => {
  const store = await openStore(at(name), format, "read");
  try {
    const all = Buffer.alloc(store.size);
    await store.read(0, [all]);
    return all;
  } finally {
    await store.close();
  }
};
/** Without the bytes, which a failure would show. */
const isRead = (name: string, format: string): Promise<string> => content(name, format).then(() => "it was read");
const becomes = (name: string, format: string): Promise<void> =>
  convertImage({ file: at(name), format }, { file: at(`${name}.qcow2`), format: "qcow2" });

it("a VMDK that ends in the middle of its last grain, or before it", async () => {
  const place = { grains: 2, entries: [0, 0] };
  const first = vmdk("probe", place);
  const data = Buffer.alloc(2 * 65536, 7);
  vmdk("whole.vmdk", { ...place, entries: [first, first + 128], data });
  expect((await content("whole.vmdk", "vmdk")).equals(data)).toBe(true);
  for (const left of [2 * 65536 - SECTOR, 65536 + 1, 65536, 0]) {
    vmdk("cut.vmdk", { ...place, entries: [first, first + 128], data: data.subarray(0, left) });
    await expect(isRead("cut.vmdk", "vmdk"), String(left)).rejects.toMatchObject({ code: "EIO" });
    await expect(becomes("cut.vmdk", "vmdk")).rejects.toThrow(/cut\.vmdk: the image is damaged \(it is cut short/);
    const { unreadable } = await checkImage(
      { file: at("cut.vmdk"), format: "vmdk" },
      () => {},
      new AbortController().signal,
    );
    expect(unreadable).toMatch(/^It can't be read to its end: .*cut short/);
  }
});

it("a packed grain of a VMDK that has less in it than a grain", async () => {
  const place = { grains: 2, flags: 0x30001, entries: [0, 0] };
  const first = vmdk("probe", place);
  const grain = (plain: Buffer, cut = 0): Buffer => {
    const packed = deflateSync(plain);
    const header = Buffer.alloc(12);
    header.writeUInt32LE(packed.length - cut, 8);
    return Buffer.concat([header, packed]);
  };
  const below256 = seeded(14);
  const random = Buffer.from(Array.from({ length: 65536 }, () => Math.floor(below256() * 256)));
  vmdk("packed.vmdk", { ...place, entries: [first, first], data: grain(random) });
  expect((await content("packed.vmdk", "vmdk")).equals(Buffer.concat([random, random]))).toBe(true);
  for (const data of [grain(random.subarray(0, 65024)), grain(Buffer.alloc(0)), grain(random, 30_000)]) {
    vmdk("packed.vmdk", { ...place, entries: [first, first], data });
    await expect(isRead("packed.vmdk", "vmdk")).rejects.toMatchObject({ code: "EIO" });
  }
  // The last grain of a disk need not have more than the disk has.
  const half = { ...place, grains: 1, grainSectors: 128, entries: [first] };
  vmdk("packed.vmdk", { ...half, data: grain(random.subarray(0, 32768)) });
  const image = readFileSync(at("packed.vmdk"));
  image.writeBigUInt64LE(64n, 12);
  writeFileSync(at("packed.vmdk"), image);
  expect((await content("packed.vmdk", "vmdk")).equals(random.subarray(0, 32768))).toBe(true);
});

it("a VHD of which the last part is missing, with its footer", async () => {
  writeFileSync(at("plain.img"), Buffer.alloc(5 * MIB, 9));
  await convertImage({ file: at("plain.img"), format: "raw" }, { file: at("whole.vhd"), format: "vhd" });
  const whole = readFileSync(at("whole.vhd"));
  expect((await content("whole.vhd", "vhd")).equals(readFileSync(at("plain.img")))).toBe(true);
  // The copy of the footer at the beginning says all that is needed. The last block has 1 MiB of the disk, and room for 2.
  for (const left of [whole.length - SECTOR - MIB - SECTOR, whole.length - 3 * MIB, 3 * MIB, 2048]) {
    writeFileSync(at("cut.vhd"), whole.subarray(0, left));
    await expect(isRead("cut.vhd", "vhd"), String(left)).rejects.toMatchObject({ code: "EIO" });
    await expect(becomes("cut.vhd", "vhd")).rejects.toThrow(/the image is damaged/);
  }
  writeFileSync(at("cut.vhd"), whole.subarray(0, whole.length - SECTOR - MIB));
  expect((await content("cut.vhd", "vhd")).equals(readFileSync(at("plain.img")))).toBe(true);
});

it("a VMDK with thousands of tables that have nothing in them lets others have their turn, and so does one with much that is zero", async () => {
  vmdk("tables.vmdk", { grains: 4096 * 2000, perTable: 4096, entries: [] });
  expect(await turnsDuring(() => becomes("tables.vmdk", "vmdk"))).toBeGreaterThan(1000);
  // A sector of 1 stands for a grain of zeros.
  vmdk("zeros.vmdk", { grains: 512, grainSectors: 2048, flags: 7, entries: Array.from({ length: 512 }, () => 1) });
  expect(await turnsDuring(() => becomes("zeros.vmdk", "vmdk"))).toBeGreaterThan(400);
  const check = (): Promise<unknown> =>
    checkImage({ file: at("zeros.vmdk"), format: "vmdk" }, () => {}, new AbortController().signal);
  expect(await turnsDuring(check)).toBeGreaterThan(400);
  const asVhd = (): Promise<void> =>
    convertImage({ file: at("zeros.vmdk"), format: "vmdk" }, { file: at("zeros.vhd"), format: "vhd" });
  expect(await turnsDuring(asVhd)).toBeGreaterThan(200);
});

it("a copy of zeros without an end can be cancelled", async () => {
  // 2 TiB, of which all is zero.
  vmdk("endless.vmdk", {
    ...{ grains: 2 ** 21, grainSectors: 2048, perTable: 4096, flags: 7 },
    entries: Array.from({ length: 4096 }, () => 1),
  });
  const wanted = new AbortController();
  setImmediate(() => setImmediate(() => wanted.abort(new Error("enough"))));
  let pieces = 0;
  const copy = convertImage(
    { file: at("endless.vmdk"), format: "vmdk" },
    { file: at("endless.qcow2"), format: "qcow2" },
    () => {
      wanted.signal.throwIfAborted();
      if (++pieces > 2000) throw new Error("it was not cancelled");
    },
  );
  await expect(copy).rejects.toThrow("enough");
});
