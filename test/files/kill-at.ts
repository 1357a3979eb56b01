/**
 * Loaded before a process (`node --import`), which then dies like one that was killed (SIGKILL) in front of one of its steps that change files. The process says
 * when to begin counting, by `armed(step)`, and asks for `steps()`; with step 0 nothing kills it.
 */
import fs from "node:fs";
import { open } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

let last: number | null = null;
let count = 0;

type Any = (...args: unknown[]) => unknown;
function counted(where: object, names: readonly string[]): void {
  const functions = where as Record<string, Any>;
  for (const name of names) {
    const original = functions[name]!;
    functions[name] = function (this: unknown, ...args: unknown[]) {
      if (last !== null && ++count === last) process.kill(process.pid, "SIGKILL");
      return original.apply(this, args);
    };
  }
}

const handle = await open(process.execPath, "r");
await handle.close();
counted(Object.getPrototypeOf(handle) as object, ["write", "writev", "writeFile", "truncate", "sync", "datasync"]);
counted(fs, ["write", "writev", "writevSync", "writeFileSync", "ftruncate", "fdatasync", "fsync", "fsyncSync"]);
counted(fs, ["renameSync", "linkSync", "rmSync", "unlinkSync"]);
counted(fs.promises, ["rename", "link", "rm", "unlink", "writeFile", "truncate"]);
syncBuiltinESMExports();

Object.assign(globalThis, {
  killing: {
    armed(step: number): void {
      last = step;
      count = 0;
    },
    steps: (): number => count,
  },
});
