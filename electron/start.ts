/** `npm start`: the desktop application where Electron can run, else the same in the browser. */
import { spawn, spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const INSTALL_SECONDS = 180;

/** Path of Electron's program, fetched if need be; or a sentence why not. */
function electronProgram(): { program: string } | { reason: string } {
  if (process.platform === "linux" && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY)
    return { reason: "there is no display" };
  if (process.platform === "linux" && process.getuid?.() === 0)
    return { reason: "Chromium's sandbox does not run as root" };
  let folder: string;
  try {
    folder = path.dirname(require.resolve("electron/package.json"));
  } catch {
    return { reason: "the electron package is not installed (npm ci)" };
  }
  const installed = (): string | null => {
    try {
      // The package's export is the path of its program, or an error while that is missing.
      const program = require("electron") as unknown as string;
      return existsSync(program) ? program : null;
    } catch {
      return null;
    }
  };
  let program = installed();
  if (!program) {
    const { status, error, signal } = spawnSync(process.execPath, [path.join(folder, "install.js")], {
      stdio: ["ignore", "ignore", "pipe"],
      timeout: INSTALL_SECONDS * 1000,
    });
    program = status === 0 ? installed() : null;
    if (!program) {
      const why = error?.message ?? (signal ? `it took longer than ${INSTALL_SECONDS} s` : "its download was refused");
      return { reason: `the Electron runtime could not be had: ${why}` };
    }
  }
  return { program };
}

const found = electronProgram();
if ("program" in found) {
  const app = fileURLToPath(new URL("../", import.meta.url));
  const child = spawn(found.program, [app], { stdio: "inherit" });
  child.once("exit", (code) => process.exit(code ?? 1));
} else {
  process.stderr.write(`xenarium: no desktop window, because ${found.reason}; serving the application instead.\n`);
  const cli = fileURLToPath(new URL("cli.js", import.meta.url));
  const child = spawn(process.execPath, [cli, "serve", "--browser"], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  child.once("exit", (code) => process.exit(code ?? 1));
}
