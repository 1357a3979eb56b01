/** `serve --token-file`: a token is made once and kept. A file that is no token, or that others may read, is refused. */
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { tokenOf } from "../../core/cli/token-file.ts";
import { temporaryFolder } from "../temporary.ts";

describe("a token file", () => {
  const file = path.join(temporaryFolder("token"), "token");
  it("is made with a token that nobody guesses and nobody else reads, and keeps it", () => {
    const made = tokenOf(file);
    expect(made).toMatch(/^[\w-]{32}$/);
    expect(readFileSync(file, "utf8")).toBe(`${made}\n`);
    if (process.platform !== "win32") expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(tokenOf(file)).toBe(made);
  });
  it("is refused with a sentence where it holds no token", () => {
    writeFileSync(file, "short\n");
    expect(() => tokenOf(file)).toThrow(/holds no token: 16 to 256/);
  });
  it.skipIf(process.platform === "win32")("is refused where others may read it", () => {
    writeFileSync(file, "0123456789abcdef\n");
    chmodSync(file, 0o644);
    expect(() => tokenOf(file)).toThrow(/0600/);
  });
});
