/**
 * kill -9 of the whole host while a Linux on it writes and has snapshots taken and merged live. What the guest had flushed to its disk must be there,
 * in every snapshot too. XENARIUM_CRASH_POINTS (10) is the number of kills, and XENARIUM_SEED chooses when.
 */
import { build } from "esbuild";
import { spawn } from "node:child_process";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { parseTree } from "../../core/library/snapshots/tree.ts";
import { openStore } from "../../core/dom0/storage/open.ts";
import { builtHost } from "../built-host.ts";
import { dist } from "../dist.ts";
import { SEED } from "../fuzz/random.ts";
import { debianKernel, guestsMissing, initramfs, kernelModules } from "../guests/images.ts";
import { imageOf } from "../library/snapshots/crash-model.ts";
import { seeded } from "../random.ts";
import { temporaryFolder } from "../temporary.ts";

const POINTS = Number(process.env.XENARIUM_CRASH_POINTS ?? 10);
const folder = temporaryFolder("host-crash");
const worker = path.join(folder, "worker.mjs");
const missing = guestsMissing();
const random = seeded(SEED);

async function numberIn(file: string, format: string): Promise<number> {
  const store = await openStore(file, format, "read");
  try {
    const bytes = Buffer.alloc(4096);
    await store.read(5120 * 4096, [bytes]);
    return Number(bytes.toString("latin1").replace(/[\0 ]+$/, "") || "0");
  } finally {
    await store.close();
  }
}

async function killed(uuid: string, first: number, point: number): Promise<string[]> {
  const args = [worker, folder, dist.href, uuid, String(first), String(SEED + point)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"], cwd: folder });
  let said = "";
  const ended = new Promise((resolve) => child.once("close", resolve));
  const deeds = 1 + Math.floor(random() * 8);
  await new Promise<void>((resolve) => {
    void ended.then(() => resolve());
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said.split("try ").length > deeds) resolve();
    });
  });
  await new Promise((resolve) => setTimeout(resolve, random() * 400));
  child.kill("SIGKILL");
  await ended;
  return said.split("\n").filter(Boolean);
}

it.skipIf(missing !== null)(
  `kill -9 of a host with a guest at ${POINTS} points${missing ? ` (${missing})` : ""}`,
  async () => {
    const banner = {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    };
    const entryPoints = [path.resolve(import.meta.dirname, "../library/snapshots/host-crash-worker.ts")];
    const node = { platform: "node", format: "esm", bundle: true, logLevel: "error" } as const;
    await build({ entryPoints, ...node, banner, outfile: worker });
    writeFileSync(path.join(folder, "data.img"), "");
    truncateSync(path.join(folder, "data.img"), 64 << 20);
    const config = [
      `name = "linux"`,
      `kernel = "${debianKernel()}"`,
      `ramdisk = "${initramfs("shell", undefined, {}, kernelModules("xen-blkfront"))}"`,
      `cmdline = "console=hvc0 no_console_suspend quiet"`,
      `memory = 128`,
      `disk = ["data.img,raw,xvda,rw"]`,
    ];
    writeFileSync(path.join(folder, "linux.cfg"), `${config.join("\n")}\n`);
    let uuid = "";
    let last = 0;
    /** For each snapshot, the lowest number that it must contain. */
    const then = new Map<string, number>();
    const done = { write: 0, take: 0, remove: 0, purge: 0 };
    for (let point = 1; point <= POINTS; point++) {
      const lines = await killed(uuid, last + 1000, point);
      expect(lines, `point ${point}`).toContain("ready");
      expect(lines.filter((line) => line.startsWith("warn"))).toEqual([]);
      let atTake = last;
      let purging: string[] = [];
      for (const line of lines) {
        const [said, what, which] = line.split(" ") as [string, keyof typeof done, string];
        if (said === "uuid") uuid = what;
        if (line === "try take") atTake = last;
        if (said === "try" && what === "purge") purging = which.split(",");
        if (said !== "did") continue;
        done[what]++;
        if (what === "write") last = Math.max(last, Number(which));
        else if (what === "take") then.set(which, atTake);
        // In the bin it has all that it had.
        else if (what === "purge") for (const id of which.split(",")) then.delete(id);
      }
      // Opens the library again as the application would, with the host off.
      const host = builtHost({ libraryFolder: path.join(folder, "library") });
      await host.library.open();
      expect(host.notices).toEqual([]);
      const { config: text } = host.library.get(uuid);
      const image = imageOf(await host.snapshots.currentConfig(uuid, text, path.join(folder, "linux.cfg")));
      const now = await numberIn(path.resolve(folder, image.file), image.format);
      expect(now, `point ${point}: ${image.file}`).toBeGreaterThanOrEqual(last);
      last = now;
      const tree = parseTree(
        readFileSync(path.join(folder, "library/domains", uuid, "snapshots/tree.json"), "utf8"),
        uuid,
      );
      const found = new Set(tree.snapshots.map(({ id }) => id));
      for (const id of then.keys()) if (!found.has(id)) expect(purging, `point ${point}`).toContain(id);
      for (const { id, disks } of tree.snapshots) {
        const { format } = tree.layers.find(({ file }) => file === disks[0]!.file)!;
        const had = await numberIn(disks[0]!.file, format);
        expect(had, `point ${point}, snapshot ${id}`).toBeGreaterThanOrEqual(then.get(id) ?? 0);
        expect(had).toBeLessThanOrEqual(now);
        // From now on the snapshot must have this number and no other.
        then.set(id, had);
      }
      for (const id of [...then.keys()]) if (!found.has(id)) then.delete(id);
    }
    console.log(`acknowledged: ${JSON.stringify(done)}`);
  },
);
