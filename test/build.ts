/** Before any test: dist/ is what the sources say (core.wasm is compiled only if they changed). */
import { execFileSync } from "node:child_process";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "..");

export default function setup(): void {
  execFileSync(process.execPath, ["core/build.mjs", "wasm", "node", "assets", "electron", "renderer"], {
    cwd: root,
    stdio: "inherit",
  });
}
