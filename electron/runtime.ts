/** Electron's runtime for this system. Its package downloads it when it is first needed, if it is available. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(import.meta.url);
const INSTALL_SECONDS = 180;

/** Returns the runtime's folder and the path of its program, which is fetched if necessary; or a reason, as the end of a sentence after "because". */
export function electronRuntime(): { folder: string; program: string } | { reason: string } {
  let folder: string;
  try {
    folder = path.dirname(require.resolve("electron/package.json"));
  } catch {
    return { reason: "the electron package is not installed (npm ci)" };
  }
  // This does nothing if it is there already.
  const { status, error, signal } = spawnSync(process.execPath, [path.join(folder, "install.js")], {
    stdio: ["ignore", "ignore", "pipe"],
    timeout: INSTALL_SECONDS * 1000,
  });
  if (status !== 0) {
    const why = error?.message ?? (signal ? `it took longer than ${INSTALL_SECONDS} s` : "its download was refused");
    return { reason: `the Electron runtime could not be had: ${why}` };
  }
  // The package exports the path of its program.
  const program = require("electron") as unknown as string;
  if (!existsSync(program)) return { reason: `the Electron runtime is not where its package says: ${program}` };
  return { folder: path.join(folder, "dist"), program };
}
