import { describe, expect, it } from "vitest";
import { convertTable, isFrame, NONE, TableError } from "../../../core/dom0/saved/tables.ts";

const table = (entries: Record<number, bigint>): Uint8Array => {
  const page = new Uint8Array(4096);
  const view = new DataView(page.buffer);
  for (const [i, entry] of Object.entries(entries)) view.setBigUint64(8 * Number(i), entry, true);
  return page;
};
const entry = (page: Uint8Array, i: number): bigint => new DataView(page.buffer).getBigUint64(8 * i, true);
const up = (frame: number): number => frame + 0x1000;

describe("a page table in a saved domain", () => {
  it("has other frames and the same bits", () => {
    // NX, the bits for software, and all flags stay.
    const bits = 0x8000000000000fffn | (0x7ffn << 52n);
    const page = table({ 0: bits | (5n << 12n), 511: 0x7n | (6n << 12n) });
    convertTable(page, 1, up);
    expect(entry(page, 0)).toBe(bits | (0x1005n << 12n));
    expect(entry(page, 511)).toBe(0x7n | (0x1006n << 12n));
  });

  it("keeps what is not present as it is: a guest's own, such as an entry of its swap", () => {
    const page = table({ 3: 0x123456789abcdef0n });
    convertTable(page, 1, () => NONE);
    expect(entry(page, 3)).toBe(0x123456789abcdef0n);
  });

  it("of level 4 loses Xen's slots, 256 to 271, and nothing beside them", () => {
    const slots = [0, 255, 256, 257, 271, 272, 511];
    const page = table(Object.fromEntries(slots.map((slot) => [slot, 0x7n | (1n << 12n)])));
    convertTable(page, 4, up);
    expect(slots.filter((slot) => entry(page, slot) !== 0n)).toEqual([0, 255, 272, 511]);
    const lower = table({ 256: 0x7n | (1n << 12n) });
    convertTable(lower, 3, up);
    expect(entry(lower, 256)).toBe(0x7n | (0x1001n << 12n));
  });

  it("is not saved with a frame of Xen's in its slots, whosever that is", () => {
    const page = table({ 256: 0x3n | (0xdeadn << 12n) });
    convertTable(page, 4, () => NONE);
    expect(entry(page, 256)).toBe(0n);
  });

  it("with a frame of somebody else's is refused, by entry, level and frame", () => {
    const page = table({ 17: 0x3n | (0xbeefn << 12n) });
    expect(() => convertTable(page, 2, () => NONE)).toThrow(TableError);
    expect(() => convertTable(page, 2, () => NONE)).toThrow(/^entry 17 of an L2 page table has frame 0xbeef, which/);
  });

  it("asks for frames of up to 40 bits", () => {
    const asked: number[] = [];
    convertTable(table({ 0: 0x000ffffffffff001n }), 1, (frame) => (asked.push(frame), 1));
    expect(asked).toEqual([0xffffffffff]);
  });
});

describe("an entry of a P2M", () => {
  it("is a frame unless it is marked", () => {
    expect(isFrame(0n)).toBe(true);
    expect(isFrame(0xfffffffen)).toBe(true);
    // INVALID_P2M_ENTRY, and Linux's FOREIGN_FRAME_BIT and IDENTITY_FRAME_BIT.
    for (const marked of [0xffffffffffffffffn, (1n << 63n) | 5n, (1n << 62n) | 5n, 0xffffffffn])
      expect(isFrame(marked)).toBe(false);
  });
});
