/** Values of xenstore as text and back again: no byte is lost, and none is hidden. */
import { expect, it } from "vitest";
import { bytesOf, textOf } from "../../renderer/xenstore/bytes.ts";

it("shows every value so that it can be typed again, byte for byte", () => {
  const values = [
    "",
    "plain text, with spaces",
    "\0",
    "a\nb\\x41\\",
    "gr\xc3\xbcn",
    "\xff\xfe broken \xc3",
    "\xef\xbb\xbfmarked",
    "\xc2\x80 C1 as UTF-8",
    "\xe2\x80\xae turned around",
    "\xf0\x9f\x90\xa7",
    "\xed\xa0\x80 half a surrogate pair",
    Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join(""),
  ];
  for (const value of values) expect(bytesOf(textOf(value)), JSON.stringify(value)).toBe(value);
  let seed = 1;
  const random = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;
  for (let n = 0; n < 2000; n++) {
    const value = Array.from({ length: random(12) }, () => String.fromCharCode(random(256))).join("");
    expect(bytesOf(textOf(value))).toBe(value);
  }
});

it("hides nothing: controls and marks without a shape are bytes", () => {
  expect(textOf("\x1b[31m")).toBe("\\x1b[31m");
  expect(textOf("\xe2\x80\xaeabc")).toBe("\\xe2\\x80\\xaeabc");
  expect(textOf("\xc2\x85")).toBe("\\xc2\\x85");
  expect(textOf("gr\xc3\xbcn")).toBe("grün");
  expect(textOf("\xff\x7f")).toBe("\\xff\\x7f");
});
