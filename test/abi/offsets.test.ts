/** The check that engine, hypervisor and dom0 use no bare offsets. */
import { expect, it } from "vitest";
import { bareOffsets } from "../../core/bare-offsets.mjs";

const lines = (text: string): number[] => bareOffsets(text).map(({ line }) => line);

it("finds numbers in every kind of access, added or as an argument of their own", () => {
  const text = [
    "load<u32>(a, 4);",
    "store<u64>(a, 8, 0x10);",
    "load<u8>(a + B + 3);",
    "atomic.store<u32>((<usize>a) + 12, 1);",
    "readGuest32(arg + 4);",
    "memory.copy(to + 16, from, 32);",
    "copyToGuest(guest, a + (8 + B), 4);",
    "function f(a: usize): u32 {",
    "  return load<u32>(load<u32>(a, 2));",
    "}",
    "this.#memory.set32(at + 4, 1);",
    "memory.bytes(struct + 4096, 8);",
  ];
  expect(lines(text.join("\n"))).toEqual([1, 2, 3, 4, 5, 6, 7, 9, 11, 12]);
});

it("takes names, zero, values, sizes and multiples", () => {
  const text = [
    "load<u32>(a, B);",
    "load<u32>(a);",
    "store<u32>(a, 5, 0);",
    "store<u32>(a + i * 8, 5, B);",
    "load<u32>(a + (i << 3));",
    "memory.fill(a, 0xcc, 4096);",
    "copyFromGuest(a, arg, 2);",
    "other(a + 4);",
    "memory.set32(at + B, 4);",
    "other.get32(a + 4);",
  ];
  expect(lines(text.join("\n"))).toEqual([]);
});
