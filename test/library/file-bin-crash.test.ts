/** kill -9 of a process that deletes kernels, puts them back and lets them go for good: each file is where the process said, or where it was before. */
import { build } from "esbuild";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { BinnedFolder } from "../../core/library/binned-folder.ts";
import { SEED } from "../fuzz/random.ts";
import { seeded } from "../random.ts";
import { temporaryFolder } from "../temporary.ts";

const POINTS = Number(process.env.XENARIUM_CRASH_POINTS ?? 20);
const random = seeded(SEED);

/** Returns what the process said until it was killed, in the middle of a step most often. */
async function killed(worker: string, folder: string, point: number): Promise<string[]> {
  const child = spawn(process.execPath, [worker, folder, String(SEED + point)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const deeds = 1 + Math.floor(random() * 30);
  const later = BigInt(Math.floor(random() * 1500)) * 1000n;
  const ended = new Promise((resolve) => child.once("close", resolve));
  let said = "";
  let isKilled = false;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    if (isKilled || said.split("try ").length <= deeds) return;
    isKilled = true;
    const until = process.hrtime.bigint() + later;
    while (process.hrtime.bigint() < until);
    child.kill("SIGKILL");
  });
  await ended;
  return said.split("\n").filter(Boolean);
}

it(`kill -9 at ${POINTS} random points`, { timeout: 60_000 + POINTS * 10_000 }, async () => {
  // What a kill leaves behind does not depend on whether it has reached a disk.
  const root = existsSync("/dev/shm") ? mkdtempSync("/dev/shm/file-bin-crash-") : temporaryFolder("file-bin-crash");
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const folder = path.join(root, "kernels");
  mkdirSync(folder);
  const worker = path.join(root, "worker.mjs");
  await build({
    entryPoints: [path.join(import.meta.dirname, "file-bin-worker.ts")],
    outfile: worker,
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "error",
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
  /** By name, whether a file lies in the bin; names are unique here. */
  const model = new Map<string, "kept" | "binned">();
  const done: Record<string, number> = {};
  const after: Record<string, "kept" | "binned" | null> = { restore: "kept", remove: "binned", purge: null };
  for (let point = 1; point <= POINTS; point++) {
    let trying: [deed: string, name: string] | null = null;
    for (const line of await killed(worker, folder, point)) {
      const [said, deed, name] = line.split(" ") as [string, string, string];
      trying = said === "try" ? [deed, name] : null;
      if (said !== "did") continue;
      done[deed] = (done[deed] ?? 0) + 1;
      if (deed === "make") model.set(name, "kept");
      else if (after[deed] === null) model.delete(name);
      else model.set(name, after[deed]!);
    }
    const files = new BinnedFolder(folder, "kernel");
    await files.start();
    const found = new Map<string, "kept" | "binned">();
    for (const { name, path: file } of await files.all()) {
      // One that was made and not reported.
      if (!model.has(name) && !readFileSync(file, "utf8").startsWith("vmlinuz-")) rmSync(file);
      else found.set(name, "kept");
    }
    for (const { name, path: file } of await files.bin.all()) {
      expect(found.has(name), `point ${point}: ${name} is there once`).toBe(false);
      expect(readFileSync(file, "utf8")).toBe(name);
      found.set(name, "binned");
    }
    for (const name of found.keys()) if (!model.has(name) && trying?.[1] !== name) model.set(name, "kept");
    if (trying) {
      const [deed, name] = trying;
      const now = found.get(name) ?? null;
      expect([model.get(name) ?? null, after[deed]], `point ${point}: ${deed} ${name}`).toContain(now);
      if (now === null) model.delete(name);
      else model.set(name, now);
    }
    expect(found, `point ${point}`).toEqual(model);
    // Every file is one of these.
    expect(readdirSync(folder)).toHaveLength(model.size);
  }
  expect(Object.keys(done).toSorted()).toEqual(["make", "purge", "remove", "restore"]);
  console.log(`acknowledged: ${JSON.stringify(done)}`);
});
