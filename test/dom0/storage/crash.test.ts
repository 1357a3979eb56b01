/**
 * A process that writes to an image is killed with SIGKILL at random points. What it had flushed must be there, and qemu-img must find nothing wrong.
 */
import { build } from "esbuild";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { createQcow2 } from "../../../core/dom0/storage/qcow2/create.ts";
import { blockOf, lostOf } from "../../guests/crash/pattern.ts";
import { seeded } from "../../random.ts";
import { temporaryFolder } from "../../temporary.ts";
import { toolMissing } from "../../tools.ts";

const missing = toolMissing("qemu-img", "qemu-utils");
const folder = temporaryFolder("crash");
const at = (name: string): string => path.join(folder, name);
const SIZE = 24 << 20;
/** The number for each format. XENARIUM_CRASH_POINTS sets more. */
const POINTS = Number(process.env.XENARIUM_CRASH_POINTS ?? 4);
const random = seeded(20261128);

const makers: Record<string, (file: string) => void | Promise<void>> = {
  raw: (file) => {
    writeFileSync(file, "");
    truncateSync(file, SIZE);
  },
  qcow2: (file) => createQcow2({ path: file, size: SIZE }),
  "qcow2 with clusters of 512 bytes": (file) => createQcow2({ path: file, size: SIZE, clusterBits: 9 }),
  "qcow2 with an internal snapshot": async (file) => {
    await createQcow2({ path: file, size: SIZE });
    execFileSync("qemu-img", ["snapshot", "-c", "before", file]);
  },
};

/** Waits until it has flushed something, and then for a random time. Returns the number that was flushed. */
async function killed(file: string, format: string): Promise<number> {
  const child = spawn(process.execPath, [at("writer.mjs"), file, format], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  const ended = new Promise((resolve) => child.once("close", resolve));
  await new Promise<void>((resolve) => {
    void ended.then(() => resolve());
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      resolve();
    });
  });
  await new Promise((resolve) => setTimeout(resolve, random() * 300));
  child.kill("SIGKILL");
  await ended;
  return Number([...said.matchAll(/^F (\d+)$/gm)].at(-1)?.[1] ?? 0);
}

beforeAll(async () => {
  const entry = path.join(import.meta.dirname, "crash-writer.ts");
  await build({
    entryPoints: [entry],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile: at("writer.mjs"),
    logLevel: "error",
  });
});

describe.skipIf(missing !== null)(`kill -9 of a writer${missing ? ` (${missing})` : ""}`, () => {
  it.each(Object.keys(makers))(
    "%s",
    async (name) => {
      const format = name === "raw" ? "raw" : "qcow2";
      for (let point = 0; point < POINTS; point++) {
        const file = at(`${point}.${format}`);
        await makers[name]!(file);
        const flushed = await killed(file, format);
        expect(flushed).toBeGreaterThan(0);
        if (format === "qcow2") {
          const { status, stdout } = spawnSync("qemu-img", ["check", file], { encoding: "utf8" });
          // 3 means that clusters are counted that nobody uses, which is no damage.
          expect([0, 3], stdout).toContain(status);
        }
        execFileSync("qemu-img", ["convert", "-f", format, "-O", "raw", file, at("plain")]);
        expect(lostOf(readFileSync(at("plain")), flushed), `point ${point}`).toBeNull();
        execFileSync("rm", ["-f", file, at("plain")]);
      }
    },
    60_000 + POINTS * 20_000,
  );
});

it("the judge sees what is lost, torn or in the wrong place", () => {
  const blocks = 64;
  const disk = Buffer.alloc(blocks * 4096);
  expect(lostOf(disk, 0)).toBeNull();
  expect(lostOf(disk, 5)).toMatch(/was flushed as/);
  const place = Number(/block (\d+)/.exec(lostOf(disk, 1)!)![1]);
  blockOf(1, blocks).copy(disk, place * 4096);
  expect(lostOf(disk, 1)).toBeNull();
  disk[place * 4096 + 40]! ^= 1;
  expect(lostOf(disk, 1)).toMatch(/torn/);
  blockOf(1, blocks).copy(disk, ((place + 1) % blocks) * 4096);
  expect(lostOf(disk, 0)).toMatch(/torn|does not belong/);
});
