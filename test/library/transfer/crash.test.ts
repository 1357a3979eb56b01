/**
 * kill -9 of a process that imports and exports domains and converts images, at random points. A domain is there with all of its disks or not at all, an
 * image or an exported file is whole or not there, and of what was broken off nothing is left: no disk that belongs to nobody, no part, no note. XENARIUM_CRASH_POINTS asks for more
 * points, and XENARIUM_SEED chooses them.
 */
import { build } from "esbuild";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { HostService } from "../../../core/api/host-service.ts";
import { createImage } from "../../../core/dom0/storage/convert.ts";
import { openStore } from "../../../core/dom0/storage/open.ts";
import { readArchive, type Member } from "../../../core/library/transfer/archive.ts";
import { exportDomain } from "../../../core/library/transfer/export.ts";
import { connectInMemory } from "../../api/in-memory.ts";
import { builtHost } from "../../built-host.ts";
import { SEED } from "../../fuzz/random.ts";
import { seeded } from "../../random.ts";
import { temporaryFolder } from "../../temporary.ts";

const POINTS = Number(process.env.XENARIUM_CRASH_POINTS ?? 20);
const DISKS = 3;
const DISK_BYTES = 2 ** 21;
const random = seeded(SEED);

/** What each deed of the worker is done with. */
const KNOWN_BY: Record<string, "domain" | "image" | "export"> = {
  ...{ import: "domain", delete: "domain" },
  ...{ copy: "image", drop: "image" },
  ...{ export: "export", forget: "export" },
};

/** What one of the disks has in it. */
function contentOf(disk: number): Buffer {
  const from = seeded(disk + 1);
  return Buffer.from(Uint8Array.from({ length: DISK_BYTES }, () => Math.floor(from() * 256)));
}
const sum = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
async function sumIn(file: string): Promise<string> {
  const store = await openStore(file, file.endsWith(".img") ? "raw" : "qcow2", "read");
  try {
    const bytes = new Uint8Array(store.size);
    await store.read(0, [bytes]);
    return sum(bytes);
  } finally {
    await store.close();
  }
}

/** Returns the names of an archive's members; whoever reads them reads it to its end. */
async function membersOf(file: string): Promise<string[]> {
  const names: string[] = [];
  const note = ({ name }: Member): Promise<void> => Promise.resolve(void names.push(name));
  await readArchive(file, note, () => {}, new AbortController().signal);
  return names;
}

/**
 * Returns what the process said until it was killed: some milliseconds after a deed began or, of every second import, when one of its disks has come to its
 * place, which by chance is seldom met.
 */
async function killed(worker: string, folder: string, point: number): Promise<string[]> {
  const child = spawn(process.execPath, [worker, folder, String(SEED + point)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const deeds = 1 + Math.floor(random() * 4);
  let said = "";
  const ended = new Promise((resolve) => child.once("close", resolve));
  const began = new Promise<void>((resolve) => {
    void ended.then(() => resolve());
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said.split("try ").length > deeds) resolve();
    });
  });
  await began;
  const later = performance.now() + random() * 150;
  const importing = point % 2 === 0 ? /try import (\S+)\n$/.exec(said)?.[1] : undefined;
  const disk = path.join(folder, "images", `${importing}-${Math.floor(random() * DISKS)}.qcow2`);
  const isLater = (): boolean => (importing ? existsSync(disk) : performance.now() >= later);
  while (!isLater() && child.exitCode === null) await new Promise(setImmediate);
  child.kill("SIGKILL");
  await ended;
  return said.split("\n").filter(Boolean);
}

async function prepared(folder: string): Promise<string> {
  for (const name of ["images", "exports"]) mkdirSync(path.join(folder, name));
  writeFileSync(path.join(folder, "images/from.img"), contentOf(0));
  const items: string[] = [];
  for (let disk = 0; disk < DISKS; disk++) {
    const file = path.join(folder, `disk-${disk}.qcow2`);
    await createImage(file, "qcow2", DISK_BYTES);
    const store = await openStore(file, "qcow2", "read-write");
    await store.write(0, [contentOf(disk)]);
    await store.close();
    items.push(`"${file},qcow2,xvd${"abc"[disk]},rw"`);
  }
  const config = `name = "in"\nkernel = "k"\nmemory = 32\ndisk = [ ${items.join(", ")} ]\n`;
  const files = { k: Buffer.from("a kernel") };
  const never = new AbortController().signal;
  await exportDomain({ name: "in", config, folder, files }, path.join(folder, "in.tar"), () => {}, never);
  const worker = path.join(folder, "worker.mjs");
  await build({
    entryPoints: [path.join(import.meta.dirname, "crash-worker.ts")],
    ...{ outfile: worker, bundle: true, platform: "node", format: "esm", logLevel: "error" },
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
  return worker;
}

it(`kill -9 at ${POINTS} random points`, { timeout: 60_000 + POINTS * 20_000 }, async () => {
  // What a kill leaves behind does not depend on whether it has reached a disk.
  const folder = existsSync("/dev/shm") ? mkdtempSync("/dev/shm/transfer-crash-") : temporaryFolder("transfer-crash");
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const at = (name: string): string => path.join(folder, name);
  const worker = await prepared(folder);
  const sums = Array.from({ length: DISKS }, (_, disk) => sum(contentOf(disk)));
  const domains = new Set<string>();
  const copies = new Set<string>();
  const exports = new Set<string>();
  const done: Record<string, number> = {};
  for (let point = 1; point <= POINTS; point++) {
    let trying: [deed: string, name: string] | null = null;
    for (const line of await killed(worker, folder, point)) {
      const [said, deed, name] = line.split(" ") as [string, string, string];
      expect(["try", "did"], line).toContain(said);
      trying = said === "try" ? [deed, name] : null;
      if (trying) continue;
      done[deed] = (done[deed] ?? 0) + 1;
      const known = KNOWN_BY[deed] === "domain" ? domains : KNOWN_BY[deed] === "export" ? exports : copies;
      if (deed === "import" || deed === "copy" || deed === "export") known.add(name);
      else known.delete(name);
    }
    const host: HostService = builtHost({
      ...{ libraryFolder: at("library"), imagesFolder: at("images"), transferFolder: at("transfer") },
    });
    const notices: string[] = [];
    host.on("notice", ({ message }) => notices.push(message));
    const { client } = connectInMemory(host, true);
    const kept = await client.request("keptDomains");
    await host.transfers.ready;
    expect(notices).toEqual([]);
    const [deed, name] = trying ?? ["", ""];
    const context = `point ${point}: ${deed} ${name}`;
    const isThere = (each: string): boolean => kept.some((domain) => domain.name === each);
    if (deed === "import" && isThere(name)) domains.add(name);
    if (deed === "delete" && !isThere(name)) domains.delete(name);
    expect(kept.map((each) => each.name).toSorted(), context).toEqual([...domains].toSorted());
    for (const { files } of kept) expect(await Promise.all(files.map(sumIn)), context).toEqual(sums);
    // What the domain was is gone and its disks are not: whoever deleted it goes on with these.
    const left = readdirSync(at("images"));
    for (const each of await client.request("binList")) await client.request("binPurge", { id: each.id });
    if (deed === "delete" && !isThere(name))
      for (const each of left.filter((file) => file.startsWith(`${name}-`))) rmSync(path.join(at("images"), each));
    if ((deed === "copy" && left.includes(name)) || (deed === "drop" && left.includes(name))) copies.add(name);
    else copies.delete(name);
    await client.request("imagePurge", {});
    for (const each of copies) expect(await sumIn(path.join(at("images"), each)), context).toBe(sums[0]);
    const wanted = ["from.img", ...copies, ...kept.flatMap(({ files }) => files.map((file) => path.basename(file)))];
    expect(readdirSync(at("images")).toSorted(), context).toEqual(wanted.toSorted());
    if (KNOWN_BY[deed] === "export" && existsSync(at(`exports/${name}`))) exports.add(name);
    else exports.delete(name);
    expect(readdirSync(at("exports")).toSorted(), context).toEqual([...exports].toSorted());
    for (const each of exports) expect(await membersOf(at(`exports/${each}`)), context).toHaveLength(2 + 1 + DISKS);
    expect(existsSync(at("transfer")) ? readdirSync(at("transfer")) : [], context).toEqual([]);
    const notes = at("library/making");
    expect(existsSync(notes) ? readdirSync(notes) : [], context).toEqual([]);
    await host.powerOff(0);
  }
  expect(Object.keys(done).toSorted()).toEqual(Object.keys(KNOWN_BY).toSorted());
  console.log(`acknowledged: ${JSON.stringify(done)}`);
});
