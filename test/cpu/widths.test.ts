/** The check of `npm run lint` for 32-bit arithmetic in AssemblyScript (core/widths.mjs) finds what it must find. */
import { expect, it } from "vitest";
import { wrongWidths } from "../../core/widths.mjs";

/** Returns the rules that a function of these parameters breaks: u64 `a`, `b`; u32 `n`, `m`; i32 `s`; usize `p`. */
async function rules(body: string): Promise<string[]> {
  const source = `export function f(a: u64, b: u64, n: u32, m: u32, s: i32, p: usize): u64 {\n${body}\n}`;
  return (await wrongWidths("case.ts", { "case.ts": source })).map(({ rule }) => rule);
}

it.each([
  // The two sums as they once stood in machine/cpu/tlb.ts and, where it was harmless, in machine/cpu/frames/written.ts (in a comparison it would have
  // done harm).
  ["const tag = a; if (tag && load<u32>(p, 8) + ((<u32>tag) & 0xfffff000) == <u32>p) return 1; return 0;", "context"],
  ["if (a && (load<u32>(p, 8) + ((<u32>a) & 0xfffff000)) >> 12 < n) return 1; return 0;", "context"],
  ["return a ? load<u32>(p) + n : b;", "context"],
  ["return a || load<u32>(p) - n;", "context"],
  ["return a == load<u32>(p) * m ? 1 : 0;", "context"],
  ["const x: u64 = load<u32>(p) + n; return x;", "context"],
  ["return a + (load<u32>(p) - 1);", "context"],
  ["return <u64>(load<u32>(p) << 12);", "context"],
  ["return a && ~load<u32>(p) ? 1 : 0;", "context"],
  ["return a && -load<i32>(p) > 0 ? 1 : 0;", "context"],
  ["return <u64>(1 << n);", "context"],
  // A sum that wraps at 32 bits and is only then compared with 64 bits, or widened to them.
  ["return a == n + m ? 1 : 0;", "widened"],
  ["return a < n * m ? 1 : 0;", "widened"],
  ["return a ? n + m : b;", "widened"],
  ["return a + n * 8;", "widened"],
  ["const x: u64 = n << 12; return x;", "widened"],
  ["return n - m;", "widened"],
  ["store<u64>(p, n + 1); return 0;", "widened"],
  ["return a + s;", "signed"],
  ["return a == s ? 1 : 0;", "signed"],
  ["return a && load<i32>(p);", "signed"],
  ["if (a && load<u32>(p) > n) return 1; return 0;", "compared"],
  ["if (a && load<u32>(p) == ~n) return 1; return 0;", "compared"],
  ["if (a && load<i32>(p) / 2 == s) return 1; return 0;", "compared"],
])("refuses %s", async (body, rule) => {
  expect(await rules(body)).toContain(rule);
});

it.each([
  "const host: u32 = load<u32>(p, 8) + <u32>a; if (a && host == <u32>p) return 1; return 0;",
  "return a == <u64>(n + m) ? 1 : 0;",
  "return a + <u64>n * 8;",
  "return a + n;",
  "return a & ~0xfff;",
  "return a && n > m ? a : b;",
  "return (a >> (n - 12)) | (a << (9 * (s - 1)));",
  "return a & (((<u64>1) << n) - 1);",
  "const mask: u64 = 1 << 48; return a & mask;",
  "return a + <u64>s;",
  "if (n + m < n) return a; return b;",
])("allows %s", async (body) => {
  expect(await rules(body)).toEqual([]);
});

it.each([
  ["usize", "p", ["exported"]],
  ["u32", "<u32>p", ["exported"]],
  ["f64", "<f64>p", []],
  ["i32", "-1", []],
])("refuses addresses that JavaScript would see as negative: %s", async (type, value, rules) => {
  const source = `export function address(p: usize): ${type} {\n  return ${value};\n}`;
  expect((await wrongWidths("case.ts", { "case.ts": source })).map(({ rule }) => rule)).toEqual(rules);
});

it("looks into generic and inlined functions, and says where it found what", async () => {
  const findings = await wrongWidths("case.ts", {
    "case.ts": [
      "// @ts-ignore: decorator",
      "@inline",
      "function sum<T>(p: usize, n: u32): u64 {",
      "  return sizeof<T>() == 4 ? load<T>(p) + n : 0;",
      "}",
      "export function f(p: usize, n: u32): u64 {",
      "  return sum<u32>(p, n);",
      "}",
    ].join("\n"),
  });
  expect(findings).toMatchObject([{ file: "case.ts", line: 4, column: 29, text: "load<T>(p) + n" }]);
});
