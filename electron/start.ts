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
  // Does nothing if it is there already.
  const { status, error, signal } = spawnSync(process.execPath, [path.join(folder, "install.js")], {
    stdio: ["ignore", "ignore", "pipe"],
    timeout: INSTALL_SECONDS * 1000,
  });
  if (status !== 0) {
    const why = error?.message ?? (signal ? `it took longer than ${INSTALL_SECONDS} s` : "its download was refused");
    return { reason: `the Electron runtime could not be had: ${why}` };
  }
  // The package's export is the path of its program.
  const program = require("electron") as unknown as string;
  if (!existsSync(program)) return { reason: `the Electron runtime is not where its package says: ${program}` };
  return { program };
}

/** Runs in this process's place: what would end this one ends that one. */
function become(program: string, args: string[]): void {
  const child = spawn(program, args, { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
  child.once("exit", (code) => process.exit(code ?? 1));
}

const found = electronProgram();
if ("program" in found) become(found.program, [fileURLToPath(new URL("../", import.meta.url))]);
else {
  process.stderr.write(`xenarium: no desktop window, because ${found.reason}; serving the application instead.\n`);
  become(process.execPath, [fileURLToPath(new URL("cli.js", import.meta.url)), "serve", "--browser"]);
}
