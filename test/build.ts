/** dist/ as the tests need it: core.wasm and the Node entries, made once per run. */
import { execFileSync } from "node:child_process";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "..");
let built = false;

/** Builds what is out of date. `npm test` has done so already; this is for a test run by itself. */
export async function buildOnce(): Promise<void> {
  if (built || process.env.XENARIUM_BUILT) return;
  execFileSync(process.execPath, ["core/build.mjs", "wasm", "node"], { cwd: root, stdio: "inherit" });
  built = true;
  await Promise.resolve();
}
