import { describe, expect, it } from "vitest";
import { PhysicalMemory } from "../../../core/dom0/kernel/memory.ts";
import * as stream from "../../../core/dom0/saved/stream.ts";
import { StreamError, takeFrom } from "../../../core/dom0/saved/stream.ts";

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}
const read = async (bytes: Uint8Array, size = bytes.length): Promise<stream.StreamRecord[]> => {
  const found: stream.StreamRecord[] = [];
  for await (const record of stream.records(takeFrom(pieces(bytes, size)), "pv")) found.push(record);
  return found;
};
const join = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const END = stream.record(stream.REC_END);
const SMALL = join(
  stream.headers(4, 17),
  stream.record(stream.REC_STATIC_DATA_END),
  stream.record(stream.REC_X86_PV_INFO, Uint8Array.of(8, 4, 0, 0, 0, 0, 0, 0)),
  stream.record(stream.REC_SHARED_INFO, Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)),
  END,
);
/** Returns a copy with `bytes` written at `at`. */
const changed = (at: number, ...bytes: number[]): Uint8Array => {
  const copy = SMALL.slice();
  copy.set(bytes, at);
  return copy;
};

describe("the stream of a saved domain", () => {
  it("has the headers of Xen's document", () => {
    // docs/specs/libxc-migration-stream.pandoc: marker, id "XENF" and version are big-endian; the domain header is little-endian.
    expect(Buffer.from(stream.headers(4, 17)).toString("hex")).toBe(
      "ffffffffffffffff" +
        "58454e46" +
        "00000003" +
        "0000000000000000" +
        "01000000" +
        "0c000000" +
        "04000000" +
        "11000000",
    );
  });

  it("pads records with zeros to 8 bytes and gives back bodies as they were, whatever the pieces", async () => {
    expect(SMALL.length).toBe(40 + 8 + 16 + 16 + 8);
    for (const size of [1, 3, 7, 8, 64, SMALL.length])
      expect((await read(SMALL, size)).map(({ type, body }) => [type, [...body]])).toEqual([
        [stream.REC_STATIC_DATA_END, []],
        [stream.REC_X86_PV_INFO, [8, 4, 0, 0, 0, 0, 0, 0]],
        [stream.REC_SHARED_INFO, [1, 2, 3, 4, 5]],
      ]);
  });

  it("says that it ends too early wherever it is cut", async () => {
    for (let length = 0; length < SMALL.length; length++)
      await expect(read(SMALL.subarray(0, length), 5), `${length} bytes`).rejects.toThrow(
        new StreamError("it ends too early"),
      );
  });

  it("must not go on after its end", async () => {
    await expect(read(join(SMALL, Uint8Array.of(0)))).rejects.toThrow(/^something follows its end$/);
  });

  it.each([
    ["no image header", changed(0, 0xfe), /no libxc image header/],
    ["another id", changed(8, 0x59), /no libxc image header/],
    ["version 2", changed(15, 2), /version 2; 3 is understood/],
    ["big-endian", changed(17, 1), /big-endian/],
    ["an HVM domain", changed(24, 2), /of type 2, and by its configuration of type 1 \(x86 PV\)/],
    ["pages of 64 KiB", changed(28, 16), /not of 4 KiB/],
  ])("is refused with %s", async (_what, bytes, message) => {
    await expect(read(bytes)).rejects.toThrow(message);
    await expect(read(bytes)).rejects.toThrow(StreamError);
  });

  it("is refused with a record that is too long before its body is read", async () => {
    const long = (length: number): Uint8Array => {
      const header = stream.record(stream.REC_PAGE_DATA);
      new DataView(header.buffer).setUint32(4, length, true);
      return join(stream.headers(4, 17), header);
    };
    await expect(read(long((8 << 20) + 1))).rejects.toThrow(/8388609 bytes long; 8388608 are allowed/);
    await expect(read(long(0xffffffff))).rejects.toThrow(/4294967295 bytes long/);
    await expect(read(long(8 << 20))).rejects.toThrow(/too early/);
  });

  it("may have records that nobody knows if they are optional, and no others", async () => {
    const withRecord = (type: number): Uint8Array =>
      join(stream.headers(4, 17), stream.record(type, Uint8Array.of(9)), END);
    expect(await read(withRecord(0x80000077))).toEqual([]);
    for (const type of [0x77, 0x7fffffff, 0x9, 0x12])
      await expect(read(withRecord(type))).rejects.toThrow(`of type 0x${type.toString(16)}, which is not understood`);
  });

  it("has of pages of zeros their numbers alone; a page table is written whatever is in it", async () => {
    const page = (fill: number): Uint8Array => new Uint8Array(4096).fill(fill);
    const [full, nearly] = [page(7), page(0)];
    nearly[4095] = 1;
    const memory = new PhysicalMemory(new WebAssembly.Memory({ initial: 1 }));
    const out = [
      { pfn: 5, type: 0, bytes: page(0) },
      { pfn: 6, type: 0, bytes: full },
      { pfn: 9, type: 1, bytes: page(0) },
      { pfn: 7, type: 0, bytes: nearly },
      { pfn: 8, type: 0, bytes: page(0) },
    ].map(({ bytes, ...entry }, i) => {
      memory.bytes(i * 4096, 4096).set(bytes);
      return { ...entry, address: i * 4096 };
    });
    const bytes = stream.pageRecord(memory, out, (copy, type) => (copy[0] = 40 + type));
    expect(bytes.length).toBe(8 + 8 + 5 * 8 + 3 * 4096);
    const [record] = await read(join(stream.headers(4, 17), bytes, END), 1000);
    const found = stream.pagesOf(record!, 10);
    // XEN_DOMCTL_PFINFO_XALLOC, for which libxenguest's streams contain no bytes either.
    expect(found.map(({ pfn, type }) => [pfn, type])).toEqual([
      [5, 0xe],
      [6, 0],
      [9, 1],
      [7, 0],
      [8, 0xe],
    ]);
    const table = page(0);
    table[0] = 41;
    expect(found.map(({ data }) => data && Buffer.from(data))).toEqual([
      null,
      Buffer.from(full),
      Buffer.from(table),
      Buffer.from(nearly),
      null,
    ]);
    expect(memory.get8(out[2]!.address)).toBe(0);
  });

  it("is refused with a record of pages whose bytes are more or fewer than its pages have", () => {
    const record = (count: number, types: bigint[], bytes: number): stream.StreamRecord => {
      const body = new Uint8Array(8 + 8 * types.length + bytes);
      const view = new DataView(body.buffer);
      view.setUint32(0, count, true);
      types.forEach((type, i) => view.setBigUint64(8 + 8 * i, (type << 60n) | BigInt(i), true));
      return { type: stream.REC_PAGE_DATA, body };
    };
    expect(stream.pagesOf(record(2, [0xen, 0n], 4096), 4)).toHaveLength(2);
    for (const [count, types, bytes] of [
      [2, [0xen, 0n], 4095],
      [2, [0xen, 0n], 8192],
      [2, [0xen, 0xen], 4096],
      [1, [0xen], 1],
      [3, [0xen, 0xen], 0],
    ] as const)
      expect(() => stream.pagesOf(record(count, [...types], bytes), 4)).toThrow(`a record of ${count} pages has`);
    expect(() => stream.pagesOf(record(2, [0xen, 0xen], 0), 1)).toThrow("it has page 1; 1 are allowed");
    // Pages of zeros take no room, so that without a bound of their own one record could have a million of them.
    const zeros = (count: number): bigint[] => Array.from({ length: count }, () => 0xen);
    expect(stream.pagesOf(record(2048, zeros(2048), 0), 4096)).toHaveLength(2048);
    for (const count of [2049, 0xffffffff])
      expect(() => stream.pagesOf(record(count, zeros(2049), 0), 4096)).toThrow(
        `a record has ${count} pages; 2048 are allowed`,
      );
  });
});
