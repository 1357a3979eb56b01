/** Compares the table of xl.cfg's keys with the manual page of Debian's Xen 4.17, and with the page that is made from the table. */
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { KEYS, keysPage } from "../../core/toolstack/xlcfg-keys.ts";
import { parseXlConfig } from "../../core/toolstack/xlcfg.ts";
import { debianPackage, packageMissing } from "../guests/images.ts";

const page = path.resolve(import.meta.dirname, "../../docs/xl.cfg.md");
const missing = packageMissing("xen-utils-common");

/** Returns the keys of xl.cfg(5): its bold items `key=…`, except those inside the value of another key, which are indented below it. */
function manualKeys(): Set<string> {
  const folder = path.join(debianPackage("xen-utils-common"), "usr/share/man/man5");
  const file = readdirSync(folder).find((name) => name.startsWith("xl.cfg.5"))!;
  const roff = gunzipSync(readFileSync(path.join(folder, file))).toString();
  const keys = new Set<string>();
  let depth = 0;
  for (const line of roff.split("\n")) {
    if (line.startsWith(".RS")) depth++;
    else if (line.startsWith(".RE")) depth--;
    else if (line.startsWith(".SS") || line.startsWith(".SH")) depth = 0;
    const item = /^(?:\.ie n |\.el )?\.IP\s+"?(.*)/
      .exec(line)?.[1]
      ?.replace(/\\f\(?[A-Z0-9]{1,2}|\\\*\(C["+]|\\f[A-Z]/g, "");
    if (item === undefined || depth > 0) continue;
    for (const [, key] of item.matchAll(/(?:^|\bor )([a-z][a-z0-9_]*)\s*=/g)) keys.add(key!);
  }
  return keys;
}

describe("xl.cfg's keys", () => {
  it.skipIf(missing)("are those of the manual page, none left out and none made up", () => {
    const keys = manualKeys();
    expect(keys.size).toBeGreaterThan(140);
    expect([...keys].filter((key) => !Object.hasOwn(KEYS, key)).sort()).toEqual([]);
    expect(
      Object.keys(KEYS)
        .filter((key) => !keys.has(key))
        .sort(),
    ).toEqual([]);
  });

  it("are all in docs/xl.cfg.md, which is made from the table", () => {
    if (process.env.UPDATE_DOCS) writeFileSync(page, keysPage());
    expect(readFileSync(page, "utf8")).toBe(keysPage());
  });

  it.each(Object.entries(KEYS).filter(([, { fate }]) => fate === "warns" || fate === "refused"))(
    "%s is not taken in silence",
    (key, { fate }) => {
      const { diagnostics } = parseXlConfig(`name = "n"\nkernel = "k"\n${key} = [ "1" ]\n`);
      const severity = fate === "warns" ? "warning" : "error";
      expect(diagnostics.filter((each) => each.key === key)).toMatchObject([{ severity, line: 3 }]);
    },
  );

  it.each(Object.entries(KEYS).filter(([, { fate }]) => fate === "works"))("%s is read", (key) => {
    // A value that no key may have. Whoever reads it must say so.
    const { diagnostics } = parseXlConfig(`name = "n"\nkernel = "k"\n${key} = [ ["\\x01"] ]\n`);
    expect(diagnostics.filter((each) => each.key === key || each.message.includes(key))).not.toEqual([]);
  });
});
