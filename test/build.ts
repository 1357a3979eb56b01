/**
 * Runs before any test and brings dist/ up to date with the sources (core.wasm is compiled only if its sources changed). run.mjs, which runs vitest
 * twice, has done so already, and has given both the same cache of translated code.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "..");

export function build(): void {
  execFileSync(process.execPath, ["core/build.mjs", "wasm", "node", "assets", "electron", "renderer"], {
    cwd: root,
    stdio: "inherit",
  });
}

/** Returns what is to be done after the last test. */
export default function setup(): (() => void) | undefined {
  if (process.env.XENARIUM_BUILT) return;
  // As for a user, what one test has translated is there for the next. What users have kept themselves is neither used nor changed.
  const cache = mkdtempSync(path.join(tmpdir(), "xenarium-test-cache-"));
  process.env.XENARIUM_CACHE = cache;
  build();
  return () => rmSync(cache, { recursive: true, force: true });
}
