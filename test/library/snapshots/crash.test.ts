/**
 * kill -9 of a process that takes, reverts to and deletes snapshots, at random points. The tree must open, what was acknowledged must be there, every
 * disk must be what it was, and nothing may be left that nobody needs. XENARIUM_CRASH_POINTS asks for more points.
 */
import { build } from "esbuild";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { beforeAll, expect, it } from "vitest";
import { emptyTree, parseTree } from "../../../core/library/snapshots/tree.ts";
import { Snapshots } from "../../../core/library/snapshots/snapshots.ts";
import { seeded } from "../../random.ts";
import { temporaryFolder } from "../../temporary.ts";
import { FileDefinitions, imageOf, versionsOf, writeVersion } from "./crash-model.ts";
import { DISK_BYTES } from "./library.ts";

const POINTS = Number(process.env.XENARIUM_CRASH_POINTS ?? 30);
const folder = temporaryFolder("snapshot-crash");
const worker = path.join(folder, "worker.mjs");
const random = seeded(20261129);

beforeAll(async () => {
  const entryPoints = [path.join(import.meta.dirname, "crash-worker.ts")];
  const banner = {
    js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
  };
  const node = { platform: "node", format: "esm", bundle: true, logLevel: "error" } as const;
  await build({ entryPoints, ...node, banner, outfile: worker });
});

/** Returns what the process said until it was killed. That happens in one of its first steps, some milliseconds after the step began. */
async function killed(library: string, uuid: string, seed: number): Promise<string[]> {
  const child = spawn(process.execPath, [worker, library, uuid, String(seed)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  const deeds = 1 + Math.floor(random() * 8);
  const ended = new Promise((resolve) => child.once("close", resolve));
  await new Promise<void>((resolve) => {
    void ended.then(() => resolve());
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said.split("try ").length > deeds) resolve();
    });
  });
  await new Promise((resolve) => setTimeout(resolve, random() * 60));
  child.kill("SIGKILL");
  await ended;
  return said.split("\n").filter(Boolean);
}

it(
  `kill -9 at ${POINTS} random points`,
  async () => {
    const library = path.join(folder, "library");
    const images = path.join(library, "images");
    await mkdir(images, { recursive: true });
    const original = path.join(images, "web.img");
    writeFileSync(original, "");
    truncateSync(original, DISK_BYTES);
    await writeVersion({ file: original, format: "raw" }, 1);
    const uuid = crypto.randomUUID();
    const definitions = new FileDefinitions(path.join(library, "definition.json"));
    const config = `name = "web"\nkernel = "k"\nmemory = 32\ndisk = [ "${original},raw,xvda,rw" ]\n`;
    definitions.write({ name: "web", config, configName: null, isSaved: false, files: () => Promise.resolve({}) });
    /** The version of the disk at each snapshot. */
    const then = new Map<string, number>();
    /** Which of them lie in the bin. */
    const binned = new Set<string>();
    let now = 1;
    const deeds = new Map<string, number>();
    for (let point = 1; point <= POINTS; point++) {
      const lines = await killed(library, uuid, point);
      expect(lines.filter((line) => line.startsWith("warn"))).toEqual([]);
      let trying: string[] = [];
      for (const line of lines) {
        const [said, deed, what] = line.split(" ") as [string, string, string];
        trying = said === "try" ? [deed, what] : [];
        if (said !== "did") continue;
        deeds.set(deed, (deeds.get(deed) ?? 0) + 1);
        if (deed === "take") then.set(what, now);
        else if (deed === "remove") binned.add(what);
        else if (deed === "restore") binned.delete(what);
        else if (deed === "purge") for (const id of what.split(",")) then.delete(id);
        else if (deed === "revert") now = then.get(what)!;
        else now = Number(what);
      }
      const warnings: string[] = [];
      const snapshots = new Snapshots({
        folder: path.join(library, "domains"),
        definitions,
        toolstack: () => null,
        changed: () => {},
        warn: (message) => warnings.push(message),
      });
      const treeFile = path.join(library, "domains", uuid, "snapshots", "tree.json");
      const tree = async () => {
        await snapshots.frozen();
        return existsSync(treeFile) ? parseTree(readFileSync(treeFile, "utf8"), uuid) : emptyTree(uuid, "web");
      };
      const image = async () => imageOf(await snapshots.currentConfig(uuid, definitions.read().config, null));
      const [deed, what] = trying as [string?, string?];
      const judge = async (): Promise<void> => {
        const { snapshots: found, layers } = await tree();
        const formats = new Map(layers.map(({ file, format }) => [file, format]));
        for (const { id, disks } of found) {
          // A snapshot that was not acknowledged is of the present state.
          if (!then.has(id) && deed === "take") then.set(id, now);
          const { file } = disks[0]!;
          const versions = await versionsOf({ file, format: formats.get(file)! });
          expect(new Set(versions), `point ${point}, ${id}`).toEqual(new Set([then.get(id)]));
        }
        const ids = new Set(found.map(({ id }) => id));
        if (deed === "purge") for (const id of what!.split(",")) if (!ids.has(id)) then.delete(id);
        for (const { id, deleted } of found) {
          // What was not acknowledged is there, or is not.
          if (!((deed === "remove" || deed === "restore") && id === what))
            expect(deleted !== null, id).toBe(binned.has(id));
          if (deleted) binned.add(id);
          else binned.delete(id);
        }
        for (const id of [...binned]) if (!ids.has(id)) binned.delete(id);
        expect(
          [...then.keys()].filter((id) => !ids.has(id)),
          `point ${point}`,
        ).toEqual([]);
        const known = new Set(layers.map(({ file }) => path.basename(file)));
        expect(readdirSync(images).filter((name) => !known.has(name) && name !== "web.img")).toEqual([]);
      };
      const versions = new Set(await versionsOf(await image()));
      const allowed = new Set([now]);
      if (deed === "write") allowed.add(Number(what));
      if (deed === "revert") allowed.add(then.get(what!)!);
      for (const version of versions) expect(allowed, `point ${point}, ${deed}`).toContain(version);
      if (deed !== "write") expect(versions.size).toBe(1);
      if (deed === "write" && versions.size > 1) await writeVersion(await image(), Number(what));
      now = (await versionsOf(await image()))[0]!;
      await judge();
      if (point % 5 === 0) {
        await snapshots.merge(uuid);
        expect(new Set(await versionsOf(await image()))).toEqual(new Set([now]));
        await judge();
        expect((await snapshots.report(uuid))!.unmerged).toBe(0);
      }
      expect(warnings).toEqual([]);
    }
    console.log(`deeds that were acknowledged: ${JSON.stringify(Object.fromEntries(deeds))}`);
  },
  60_000 + POINTS * 20_000,
);
