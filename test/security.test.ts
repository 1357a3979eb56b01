/** SECURITY.md names tests that there are, and every row of what is promised names one. */
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";

const root = path.resolve(import.meta.dirname, "..");
const text = readFileSync(path.join(root, "SECURITY.md"), "utf8");

/** Rows of the tables whose second column is "Held by". */
function promises(): { promise: string; tests: string[] }[] {
  const found: { promise: string; tests: string[] }[] = [];
  let held = false;
  for (const line of text.split("\n")) {
    if (!line.startsWith("|")) held = false;
    else if (/^\| Promise \| Held by \|$/.test(line)) held = true;
    else if (held && !/^\|[-|]+\|$/.test(line)) {
      const [, promise = "", by = ""] = line.split("|").map((cell) => cell.trim());
      found.push({ promise, tests: [...by.matchAll(/`([^`]+)`/g)].map(([, name]) => name!) });
    }
  }
  return found;
}

/** A test, or a folder with one. */
function isTest(name: string): boolean {
  const file = path.join(root, name);
  if (!existsSync(file)) return false;
  if (!statSync(file).isDirectory()) return /\.test\.ts$/.test(name);
  return readdirSync(file, { recursive: true }).some((each) => String(each).endsWith(".test.ts"));
}

describe("SECURITY.md", () => {
  it("makes promises to guests, files, clients and other users", () => {
    expect(promises().length).toBeGreaterThan(20);
    for (const who of ["a guest", "a file", "a client", "another user"]) expect(text).toContain(`## What ${who}`);
    for (const part of ["## What is not promised", "Side channels", "## How to report a hole"])
      expect(text).toContain(part);
  });

  it.each(promises().map(({ promise, tests }) => [promise, tests] as const))(
    "has a test that is there for: %s",
    (promise, tests) => {
      expect(promise.length).toBeGreaterThan(20);
      expect(tests.length).toBeGreaterThan(0);
      expect(tests.filter((name) => !isTest(name))).toEqual([]);
    },
  );
});
