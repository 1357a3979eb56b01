import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { deflateRawSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { compressionOf, decompress } from "../../core/dom0/builder/decompress.ts";
import { parseElf } from "../../core/dom0/builder/elf.ts";
import { identifyImage, loadKernel } from "../../core/dom0/builder/image.ts";
import { fillTable, layoutPv } from "../../core/dom0/builder/layout.ts";
import { pvParameters, pvhEntry } from "../../core/dom0/builder/notes.ts";
import { undoX86Filter } from "../../core/dom0/builder/xz.ts";
import { debianKernel, grubForXen, guestsMissing } from "../guests/images.ts";
import { zstdBomb } from "./bombs.ts";

const guests = guestsMissing();
const why = guests ? ` (${guests})` : "";

/** Makes a small ELF64 with one segment of `text` at `paddr` and Xen notes. */
function elf({
  notes = [] as [number, Buffer][],
  machine = 62,
  bits = 2,
  paddr = 0n,
  memory = 8192n,
  entry = 0n,
} = {}): Buffer {
  const noteBytes = Buffer.concat(
    notes.map(([type, data]) => {
      const head = Buffer.alloc(16);
      head.writeUInt32LE(4, 0);
      head.writeUInt32LE(data.length, 4);
      head.writeUInt32LE(type, 8);
      head.write("Xen\0", 12);
      return Buffer.concat([head, data, Buffer.alloc((4 - (data.length % 4)) % 4)]);
    }),
  );
  const file = Buffer.alloc(0x1000 + noteBytes.length);
  file.write("\x7fELF", 0, "latin1");
  file[4] = bits;
  file[5] = 1;
  file.writeUInt16LE(machine, 18);
  file.writeBigUInt64LE(entry, 24);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(2, 56);
  const program = (at: number, type: number, offset: number, size: number, pa: bigint, mem: bigint): void => {
    file.writeUInt32LE(type, at);
    file.writeUInt32LE(7, at + 4);
    file.writeBigUInt64LE(BigInt(offset), at + 8);
    file.writeBigUInt64LE(pa, at + 24);
    file.writeBigUInt64LE(BigInt(size), at + 32);
    file.writeBigUInt64LE(mem, at + 40);
  };
  program(64, 1, 0x800, 0x100, paddr, memory);
  program(120, 4, 0x1000, noteBytes.length, 0n, 0n);
  noteBytes.copy(file, 0x1000);
  return file;
}
const u64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
};
const text = (value: string): Buffer => Buffer.from(`${value}\0`);
const PV: [number, Buffer][] = [
  [5, text("xen-3.0")],
  [8, text("generic")],
  [3, u64(0n)],
];

describe("what a file is", () => {
  it("takes a PV ELF kernel, also when gzipped, and shows its notes", async () => {
    const image = await identifyImage(elf({ notes: [...PV, [6, text("tiny")]] }));
    expect(image).toMatchObject({ kind: "elf-pv64", bootable: true, reason: null });
    expect(image.summary).toContain("tiny");
    expect(image.notes).toContainEqual({ name: "XEN_VERSION", value: "xen-3.0" });
    expect(await identifyImage(gzipSync(elf({ notes: PV })))).toMatchObject({ kind: "elf-pv64", bootable: true });
  });

  const zeros = Buffer.alloc(70000);
  const iso = Buffer.from(zeros);
  iso.write("CD001", 32769);
  const mbr = Buffer.from(zeros);
  mbr.writeUInt16LE(0xaa55, 510);
  mbr[0] = 0xeb;
  const tar = Buffer.from(zeros);
  tar.write("ustar", 257);
  it.each([
    ["an empty file", Buffer.alloc(0), "empty", /empty/],
    ["a script", Buffer.from("#!/bin/sh\necho\n"), "script", /script \(\/bin\/sh\)/],
    ["text", Buffer.from("Dear diary,\nno kernel today.\n"), "text", /text file/],
    ["an xl.cfg", Buffer.from('# A guest\n\nname = "x"\nkernel = "y"\n'), "xl-config", /xl\.cfg/],
    ["a text with an xl.cfg in it", Buffer.from('# Guests\nThis is one:\n\n    kernel = "y"\n'), "text", /a text file/],
    ["a PE program", Buffer.concat([Buffer.from("MZ"), zeros]), "pe", /PE/],
    [
      "a qcow2",
      Buffer.concat([Buffer.from("QFI\xfb", "latin1"), zeros]),
      "qcow2",
      /qcow2 disk image, not a kernel\. Give it as a disk of the domain/,
    ],
    ["an ISO", iso, "iso9660", /ISO 9660/],
    ["a disk", mbr, "disk", /disk image or boot sector, not a kernel\. Give it as a disk of the domain/],
    [
      "a vmdk",
      Buffer.concat([Buffer.from("KDMV"), zeros]),
      "disk",
      /virtual disk image, not a kernel\. Give it as a disk/,
    ],
    ["a tar", tar, "archive", /archive/],
    ["a zip", Buffer.concat([Buffer.from("PK\x03\x04"), zeros]), "archive", /archive/],
    ["a gzipped tar", gzipSync(tar), "archive", /gzip-compressed data holding an archive/],
    [
      "a broken gzip",
      Buffer.concat([Buffer.from([0x1f, 0x8b, 8]), deflateRawSync(tar)]),
      "archive",
      /gzip file that can't be unpacked \(/,
    ],
    // decompress.test.ts has those of every format.
    ["a zstd bomb", zstdBomb(600), "archive", /zstd file that can't be unpacked \(it unpacks to more than 1 GiB\)/],
    [
      "a picture",
      Buffer.concat([Buffer.from("\x89PNG\r\n", "latin1"), zeros]),
      "unknown",
      /picture \(PNG\), not a kernel/,
    ],
    ["an initrd", Buffer.concat([Buffer.from("070701"), zeros]), "initrd", /not a kernel: give it as the ramdisk/],
    ["noise", Buffer.from([1, 2, 3, 0, 255, 254, 7, 8, 9]), "unknown", /begins with 01 02 03/],
    ["ELF for ARM", elf({ machine: 183 }), "elf-foreign", /64-bit ARM/],
    ["ELF without notes", elf(), "elf-plain", /no Xen notes/],
    ["a PVH kernel", elf({ notes: [[18, u64(0n)]] }), "elf-pvh", /only a PVH entry: give type = "pvh"/],
    [
      "another interface",
      elf({
        notes: [
          [5, text("xen-9.9")],
          [3, u64(0n)],
        ],
      }),
      "unknown",
      /xen-9\.9/,
    ],
    ["another loader", elf({ notes: [...PV.slice(0, 1), [8, text("odd")], [3, u64(0n)]] }), "unknown", /"odd"/],
    ["impossible features", elf({ notes: [...PV, [10, text("!auto_translated_physmap")]] }), "unknown", /requires/],
    ["an entry outside", elf({ notes: [...PV, [1, u64(0x900000n)]] }), "unknown", /outside/],
    ["a short ELF", elf({ notes: PV }).subarray(0, 100), "unknown", /cut short/],
  ])("refuses %s with a sentence", async (_name, bytes, kind, reason) => {
    const image = await identifyImage(bytes as Buffer);
    expect(image.kind).toBe(kind);
    expect(image.bootable).toBe(false);
    expect(image.reason).toMatch(reason as RegExp);
    await expect(loadKernel(bytes as Buffer, "f")).rejects.toThrow(reason as RegExp);
  });

  it("takes a kernel for a PVH domain by its PHYS32_ENTRY, whatever else it is", async () => {
    const both = elf({ notes: [...PV, [18, u64(0x1000n)]] });
    const only = elf({ notes: [[18, u64(0x1000n)]] });
    expect(pvhEntry(await loadKernel(both, "f", undefined, "pvh"))).toBe(0x1000);
    expect(pvhEntry(await loadKernel(only, "f", undefined, "pvh"))).toBe(0x1000);
    await expect(loadKernel(elf({ notes: PV }), "f", undefined, "pvh")).rejects.toThrow(/no PVH entry/);
    await expect(loadKernel(zeros, "f", undefined, "pvh")).rejects.toThrow(/not a kernel|not known/);
    const far = await loadKernel(elf({ notes: [[18, u64(1n << 32n)]] }), "f", undefined, "pvh");
    expect(() => pvhEntry(far)).toThrow(/no address of 32 bits/);
  });

  it("knows an initrd as a ramdisk", async () => {
    const cpio = Buffer.concat([Buffer.from("070701"), zeros]);
    expect(await identifyImage(cpio)).toMatchObject({ ramdisk: true });
    expect(await identifyImage(gzipSync(cpio))).toMatchObject({ kind: "initrd", ramdisk: true, summary: /gzip/ });
  });

  it("survives damaged headers", async () => {
    const good = elf({ notes: PV });
    let seed = 3;
    const random = (n: number): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) % n;
    for (let i = 0; i < 3000; i++) {
      const bad = Buffer.from(good);
      for (let j = 0; j <= random(4); j++) bad[random(bad.length < 400 ? bad.length : 400)] = random(256);
      for (let j = 0; j <= random(2); j++) bad[0x1000 + random(bad.length - 0x1000)] = random(256);
      const image = await identifyImage(bad);
      expect(image.bootable || image.reason !== null).toBe(true);
      if (image.elf && image.bootable) {
        try {
          layoutPv(pvParameters(image.elf), 4096, null);
        } catch (error) {
          expect((error as Error).name).toBe("ImageError");
        }
      }
    }
  });
});

describe("unpacking", () => {
  const sample = Buffer.from(Array.from({ length: 300000 }, (_, i) => (i * i) >> 7));
  it.each([
    ["gzip", "gzip", ["-c"]],
    ["xz", "xz", ["--check=crc32", "--x86", "--lzma2=dict=1MiB", "-c"]],
    ["xz without a filter", "xz", ["-c"]],
    ["lzma", "lzma", ["-c"]],
    ["lz4", "lz4", ["-l", "-c"]],
    ["bzip2", "bzip2", ["-c"]],
    ["zstd", "zstd", ["-q", "-c"]],
  ])("%s as the program of that name packs it", async (_name, program, args) => {
    let packed: Buffer;
    try {
      packed = execFileSync(program, args, { input: sample, maxBuffer: 1 << 24 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      throw error;
    }
    expect(Buffer.from(await decompress(packed, compressionOf(packed)!)).equals(sample)).toBe(true);
  });

  it.skipIf(guests)(`undoes the x86 filter of real code${why}`, async () => {
    const code = readFileSync(grubForXen());
    let packed: Buffer;
    try {
      packed = execFileSync("xz", ["--x86", "--lzma2=preset=1", "--check=crc32", "-c"], {
        input: code,
        maxBuffer: 1 << 24,
      });
    } catch {
      return;
    }
    expect(Buffer.from(await decompress(packed, "xz")).equals(code)).toBe(true);
    packed[packed.length >> 1]! ^= 0x55;
    await expect(decompress(packed, "xz")).rejects.toThrow();
    undoX86Filter(new Uint8Array(3));
  });
});

describe("layout", () => {
  const linux = {
    guestOs: "linux",
    entry: 0xffffffff83079000n,
    virtBase: 0xffffffff80000000n,
    virtOffset: 0xffffffff80000000n,
  };
  const parameters = {
    ...linux,
    kernelStart: 0xffffffff81000000n,
    kernelEnd: 0xffffffff84a00000n,
    hypercallPage: null,
    initP2m: 0x8000000000n,
    modStartPfn: true,
  };

  it.each([
    ["Linux: P2M and ramdisk unmapped", parameters],
    ["P2M and ramdisk mapped", { ...parameters, initP2m: null, modStartPfn: false }],
    [
      "at zero",
      { ...parameters, virtBase: 0n, kernelStart: 0n, kernelEnd: 0x605000n, initP2m: null, modStartPfn: false },
    ],
  ])("%s", (_name, chosen) => {
    const total = 512 * 256;
    const layout = layoutPv(chosen, total, 10_000_000);
    const segments = [
      layout.kernel,
      layout.ramdisk!,
      layout.p2m,
      layout.startInfo,
      layout.xenstore,
      layout.console,
      layout.pageTables,
      layout.bootStack,
    ];
    const used = new Set<number>();
    for (const { pfn, pages } of segments)
      for (let i = pfn; i < pfn + pages; i++) {
        expect(used.has(i)).toBe(false);
        expect(i).toBeLessThan(total);
        used.add(i);
      }
    // Walks the tables as the processor does.
    const pages = new Map<number, Map<number, bigint>>();
    for (const table of layout.tables) {
      const entries = new Map<number, bigint>();
      fillTable(
        layout,
        table,
        (pfn) => pfn + 1000,
        (index, entry) => {
          expect(entries.has(index)).toBe(false);
          entries.set(index, entry);
        },
      );
      pages.set(table.pfn + 1000, entries);
    }
    const walk = (address: bigint): { pfn: number; writable: boolean } | null => {
      let mfn = layout.tables[0]!.pfn + 1000;
      for (const shift of [39n, 30n, 21n, 12n]) {
        const entry = pages.get(mfn)?.get(Number((address >> shift) & 511n));
        if (entry === undefined || !(entry & 1n)) return null;
        mfn = Number((entry & 0xffffffffff000n) >> 12n);
        if (shift === 12n) return { pfn: mfn - 1000, writable: (entry & 2n) !== 0n };
      }
      return null;
    };
    for (const segment of segments) {
      if (segment.address === null) continue;
      const isTable = segment === layout.pageTables;
      for (const i of [0, segment.pages >> 1, segment.pages - 1])
        expect(walk(segment.address + BigInt(i) * 4096n)).toEqual({ pfn: segment.pfn + i, writable: !isTable });
    }
    const { end } = layout.mappings[0]!;
    expect(end % (1n << 22n)).toBe(0n);
    expect(end - (layout.bootStack.address! + 4096n)).toBeGreaterThanOrEqual(512n * 1024n);
    expect(walk(end)).toBe(null);
    expect(walk(end - 1n)).not.toBe(null);
    if (chosen.initP2m)
      expect(layout.p2mFrames).toBe(layout.p2m.pages + layout.tables.filter(({ pfn }) => pfn >= layout.p2m.pfn).length);
  });

  it("says how much memory would be enough", () => {
    expect(() => layoutPv(parameters, 32 * 256, 1000)).toThrow(/32 MiB of memory are too few.*need \d+ MiB/);
  });
});

describe.skipIf(guests)(`Debian's kernel${why}`, () => {
  it("is read: version, notes, entry", async () => {
    const image = await identifyImage(readFileSync(debianKernel()));
    expect(image).toMatchObject({ kind: "bzimage", bootable: true });
    expect(image.version).toMatch(/^6\.1\.0-/);
    expect(image.summary).toMatch(/^Linux 6\.1\.0-\d+-amd64, bzImage, xz payload/);
    expect(image.notes).toContainEqual({ name: "VIRT_BASE", value: "0xffffffff80000000" });
    expect(image.notes).toContainEqual({ name: "INIT_P2M", value: "0x8000000000" });
    const parameters = pvParameters(image.elf!);
    expect(parameters.modStartPfn).toBe(true);
    expect(parameters.kernelStart).toBe(0xffffffff81000000n);
  });

  it("is refused with a reason when cut short or spoilt", async () => {
    const bytes = readFileSync(debianKernel());
    expect((await identifyImage(bytes.subarray(0, 4 << 20))).reason).toMatch(/cut short/);
    const bad = Buffer.from(bytes);
    bad.fill(0x5a, 3 << 20, (3 << 20) + 4096);
    expect((await identifyImage(bad)).reason).toMatch(/xz payload can't be unpacked/);
  });
});

describe.skipIf(guests)(`GRUB${why}`, () => {
  it("starts as PV; its 32-bit builds are refused", async () => {
    const grub = readFileSync(grubForXen());
    const sibling = (name: string): Buffer => readFileSync(path.join(path.dirname(grubForXen()), name));
    expect(await identifyImage(grub)).toMatchObject({ kind: "elf-pv64", bootable: true });
    expect(pvParameters(parseElf(grub))).toMatchObject({ virtBase: 0n, entry: 0n, initP2m: null, hypercallPage: null });
    expect((await identifyImage(sibling("grub-i386-xen.bin"))).kind).toBe("elf-pv32");
    expect((await identifyImage(sibling("grub-i386-xen_pvh.bin"))).kind).toBe("elf-pvh");
  });
});
