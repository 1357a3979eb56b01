/**
 * Runs before any test and brings dist/ up to date with the sources (core.wasm is compiled only if its sources changed). run.mjs, which runs vitest
 * twice, has done so already.
 */
import { execFileSync } from "node:child_process";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "..");

export default function setup(): void {
  // Each test begins as on a new computer; those of the cache give it a folder.
  process.env.XENARIUM_CACHE = "none";
  if (process.env.XENARIUM_BUILT) return;
  execFileSync(process.execPath, ["core/build.mjs", "wasm", "node", "assets", "electron", "renderer"], {
    cwd: root,
    stdio: "inherit",
  });
}
