/**
 * kill -9 in front of each step by which a deleted domain's own disks take in what was written since its first snapshot. Whenever it comes, the library opens, the
 * domain has its disks as they were if it is put back, and otherwise its own disks have that in the end, and nothing else is left. XENARIUM_CRASH_POINTS asks
 * for more points; so many as there are steps are all of them.
 */
import { build } from "esbuild";
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, it, vi } from "vitest";
import { disksOf } from "../../../core/library/snapshots/parts.ts";
import { openStore } from "../../../core/dom0/storage/open.ts";
import { createQcow2 } from "../../../core/dom0/storage/qcow2/create.ts";
import type { HostService } from "../../../core/api/host-service.ts";
import { builtHost } from "../../built-host.ts";
import { dist } from "../../dist.ts";
import { SEED } from "../../fuzz/random.ts";
import { seeded } from "../../random.ts";
import { temporaryFolder } from "../../temporary.ts";
import { contentOf, DISK_BYTES } from "./library.ts";

const POINTS = Number(process.env.XENARIUM_CRASH_POINTS ?? 4);
const UUID = "11111111-1111-4111-8111-111111111111";
const HOUR = 3600_000;
const folder = temporaryFolder("last-merge-crash");
const at = (...names: string[]): string => path.join(folder, "now", ...names);
const random = seeded(SEED);

async function bundled(): Promise<string[]> {
  const banner = {
    js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
  };
  const node = { platform: "node", format: "esm", bundle: true, logLevel: "error", banner } as const;
  const made = [path.join(folder, "kill-at.mjs"), path.join(folder, "worker.mjs")];
  const from = ["../../files/kill-at.ts", "last-merge-crash-worker.ts"];
  for (const [i, outfile] of made.entries())
    await build({ entryPoints: [path.resolve(import.meta.dirname, from[i]!)], ...node, outfile });
  return made;
}

const warnings: string[] = [];
async function opened(): Promise<HostService> {
  const host = builtHost({ libraryFolder: at("library") });
  host.on("notice", ({ message }) => warnings.push(message));
  await host.library.open();
  return host;
}
/** As it would be started: its definition may name images that its disks have taken in. */
async function disks({ library, snapshots }: HostService): Promise<{ file: string; format: string }[]> {
  const { config, configName } = library.get(UUID);
  return disksOf({ config: await snapshots.currentConfig(UUID, config, configName), configName });
}
const contents = (all: { file: string; format: string }[]): Promise<Buffer[]> =>
  Promise.all(all.map(({ file, format }) => contentOf(file, format)));
const OWN = [
  { file: at("a.img"), format: "raw" },
  { file: at("b.qcow2"), format: "qcow2" },
];

/** A domain with two snapshots, and what was written to both of its disks between and since. Returns what its disks have. */
async function lived(): Promise<Buffer[]> {
  mkdirSync(at());
  const host = await opened();
  writeFileSync(at("a.img"), Buffer.alloc(DISK_BYTES, 1));
  await createQcow2({ path: at("b.qcow2"), size: DISK_BYTES });
  const specs = OWN.map(({ file, format }, i) => `"${file},${format},xvd${"ab"[i]},rw"`).join(", ");
  const config = `name = "web"\nkernel = "k"\nmemory = 16\ndisk = [ ${specs} ]\n`;
  await host.library.define({ uuid: UUID, config, configName: null, files: { k: new Uint8Array([1]) } });
  for (const round of [2, 3]) {
    await host.snapshots.take(UUID, { name: `s${round}`, memory: false });
    for (const [i, { file, format }] of (await disks(host)).entries()) {
      const store = await openStore(file, format, "read-write");
      await store.write(100_000 * round + 300_000 * i, [Buffer.alloc(70_000, round + i)]);
      await store.close();
    }
  }
  return contents(await disks(host));
}

/** Returns what the process said before it ended. */
async function run(scripts: readonly string[], step: number): Promise<string> {
  const [preload, script] = scripts as [string, string];
  const args = ["--import", preload, script, at("library"), dist.href, UUID, String(step)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.once("close", (...how) => resolve(how)),
  );
  expect([code, signal], `step ${step}`).toEqual(step === 0 ? [0, null] : [null, "SIGKILL"]);
  return said;
}

/** Nothing else is left of the domain than its own disks, which have what it had. */
async function isGone(had: readonly Buffer[], context: string): Promise<void> {
  const own = await contents(OWN);
  expect(
    own.map((each, i) => each.equals(had[i]!)),
    context,
  ).toEqual([true, true]);
  expect(readdirSync(at()).toSorted(), context).toEqual(["a.img", "b.qcow2", "library"]);
  for (const place of ["domains", "bin", "files", "making"])
    expect(inside(at("library", place)), `${context}, ${place}`).toEqual([]);
}
const inside = (place: string): string[] => (existsSync(place) ? readdirSync(place) : []);

/** Opens it when its day in the bin is over, and again when that has been so for more than an hour. */
async function dayIsOver(): Promise<void> {
  const now = Date.now();
  vi.useFakeTimers({ toFake: ["Date"] });
  try {
    for (const hours of [25, 27]) {
      vi.setSystemTime(now + hours * HOUR);
      const host = await opened();
      const left = (): number => inside(at("library/bin")).filter((name) => !name.includes(".over-")).length;
      if (hours === 27) await expect.poll(left).toBe(0);
      else await expect.poll(() => inside(at("library/bin")).some((name) => name.includes(".over-"))).toBe(true);
      // What is asked of the library waits until it has removed what belonged to it.
      await host.library.bin();
      await host.powerOff(0);
    }
  } finally {
    vi.useRealTimers();
  }
}

it(`kill -9 in front of ${POINTS} steps of the last merge`, { timeout: 60_000 + POINTS * 10_000 }, async () => {
  const scripts = await bundled();
  const had = await lived();
  cpSync(at(), path.join(folder, "before"), { recursive: true });
  const again = (): void => {
    rmSync(at(), { recursive: true });
    cpSync(path.join(folder, "before"), at(), { recursive: true });
  };
  again();
  const steps = Number(await run(scripts, 0));
  await isGone(had, "not killed");
  expect(steps).toBeGreaterThan(20);
  const wanted =
    POINTS >= steps
      ? Array.from({ length: steps }, (_, i) => i + 1)
      : Array.from({ length: POINTS }, (_, i) => 1 + Math.floor(((i + random()) * steps) / POINTS));
  for (const [i, step] of wanted.entries()) {
    const context = `step ${step} of ${steps}`;
    again();
    await run(scripts, step);
    const host = await opened();
    const [entry] = await host.library.bin();
    if (entry && i % 2 === 0) {
      await host.bin.restore(entry.id);
      const now = await contents(await disks(host));
      expect(
        now.map((each, disk) => each.equals(had[disk]!)),
        context,
      ).toEqual([true, true]);
      expect(readdirSync(at("library/domains", UUID, "snapshots")), context).not.toContain("merging.json");
      await host.kept.remove(UUID);
      await host.snapshots.moved(UUID);
      await host.bin.purge(null);
    }
    await host.powerOff(0);
    if (entry && i % 2 === 1) await dayIsOver();
    await isGone(had, context);
  }
  expect(warnings).toEqual([]);
});
