/** `npm start`: starts the desktop application where Electron can run, otherwise the same application in the browser. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { electronRuntime } from "./runtime.ts";

function electronProgram(): { program: string } | { reason: string } {
  if (process.platform === "linux" && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY)
    return { reason: "there is no display" };
  if (process.platform === "linux" && process.getuid?.() === 0)
    return { reason: "Chromium's sandbox does not run as root" };
  return electronRuntime();
}

/** Runs a program in place of this process: signals that would end this process end the program. */
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
