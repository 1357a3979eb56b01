/** Kills a process that changes a library, again and again, and compares what is there with what the library had answered. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { expect } from "vitest";
import { Library } from "../../core/library/library.ts";
import { withValue } from "../../core/toolstack/config-text.ts";
import { random } from "../fuzz/random.ts";
import { temporaryFolder } from "../temporary.ts";
import type { Said, Step } from "./crash-steps.ts";

interface Known {
  name: string;
  config: string;
  kernel: string;
  autostart: boolean;
}
interface Model {
  kept: Map<string, Known>;
  bin: Map<string, Known>;
}

const copyOf = ({ kept, bin }: Model): Model => ({ kept: new Map(kept), bin: new Map(bin) });
const nameIn = (config: string): string => /^name = "(.*)"$/m.exec(config)![1]!;

const diskIn = (config: string): string => /"(\/[^,]*),/.exec(config)![1]!;

/** `clone`: the UUID of the clone that the step made, and its configuration, which names a disk of its own. */
function after(before: Model, step: Step, clone: { uuid: string; config: string } | null): Model {
  const next = copyOf(before);
  const { kept, bin } = next;
  const had = kept.get(step.uuid);
  switch (step.what) {
    case "keep":
    case "edit":
      kept.set(step.uuid, {
        name: nameIn(step.config),
        config: step.config,
        kernel: step.kernel,
        autostart: had?.autostart ?? false,
      });
      break;
    case "rename":
      kept.set(step.uuid, { ...had!, name: step.name, config: withValue(had!.config, "name", step.name) });
      break;
    case "set":
      kept.set(step.uuid, { ...had!, autostart: step.autostart });
      break;
    case "clone":
      if (clone) kept.set(clone.uuid, { ...had!, name: step.name, config: clone.config, autostart: false });
      break;
    case "remove":
      kept.delete(step.uuid);
      bin.set(step.uuid, had!);
      break;
    case "restore":
      kept.set(step.uuid, bin.get(step.uuid)!);
      bin.delete(step.uuid);
      break;
    case "purge":
      bin.delete(step.uuid);
  }
  return next;
}

async function found(root: string): Promise<Model> {
  const warnings: string[] = [];
  const library = new Library(root, { changed: () => {}, warn: (message) => warnings.push(message) });
  await library.open();
  expect(warnings).toEqual([]);
  const kept = new Map<string, Known>();
  for (const { uuid, name, config, autostart } of library.all) {
    const { vmlinuz } = await library.files(uuid);
    kept.set(uuid, { name, config, kernel: String(vmlinuz!.length), autostart });
  }
  const bin = new Map<string, Known>();
  for (const { id, uuid } of await library.bin()) {
    const folder = path.join(root, "bin", id);
    const text = readFileSync(path.join(folder, "domain.json"), "utf8");
    const { name, config, files, autostart } = JSON.parse(text) as {
      name: string;
      config: string;
      files: { vmlinuz: string };
      autostart: boolean;
    };
    const kernel = String(readFileSync(path.join(root, "files", files.vmlinuz)).length);
    bin.set(uuid, { name, config: readFileSync(path.join(folder, config), "utf8"), kernel, autostart });
  }
  checkNoOrphans(root);
  return { kept, bin };
}

/** Once the library is open, there must be no file that nobody needs. */
function checkNoOrphans(root: string): void {
  const wanted = new Set<string>();
  for (const place of ["domains", "bin"])
    for (const name of readdirSync(path.join(root, place), { withFileTypes: true })) {
      expect(name.name).not.toMatch(/part/);
      const folder = path.join(root, place, name.name);
      expect(readdirSync(folder), folder).toHaveLength(2);
      wanted.add(/"vmlinuz": "(\w{64})"/.exec(readFileSync(path.join(folder, "domain.json"), "utf8"))![1]!);
    }
  expect(new Set(readdirSync(path.join(root, "files")))).toEqual(wanted);
  expect(readdirSync(path.join(root, "making"))).toEqual([]);
}

export async function crashAgainAndAgain(points: number, seed: number): Promise<{ steps: number }> {
  // What a kill leaves behind does not depend on whether it has reached a disk, and in memory it is quick.
  const memory = "/dev/shm";
  const folder = existsSync(memory)
    ? mkdtempSync(path.join(memory, "library-crash-"))
    : temporaryFolder("library-crash");
  try {
    return await crashIn(folder, points, seed);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function crashIn(folder: string, points: number, seed: number): Promise<{ steps: number }> {
  const [root, images] = [path.join(folder, "library"), path.join(folder, "images")];
  for (const each of ["domains", "bin", "files", "making"]) mkdirSync(path.join(root, each), { recursive: true });
  mkdirSync(images);
  const image = path.join(images, "disk.img");
  writeFileSync(image, Buffer.alloc(2 ** 20, "x"));
  const script = path.join(folder, "crash-steps.mjs");
  await build({
    entryPoints: [path.join(import.meta.dirname, "crash-steps.ts")],
    outfile: script,
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "error",
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
  const chance = random(seed);
  let model: Model = { kept: new Map(), bin: new Map() };
  const disks = new Set([image]);
  let steps = 0;
  for (let point = 0; point < points; point++) {
    const child = spawn(process.execPath, [script, root, image, String(seed + point)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    const ended = new Promise((resolve) => child.once("close", resolve));
    /** That many whole steps and a part of the next, so the kill most often comes inside a step. */
    const most = chance(12);
    const later = chance(8000);
    let killed = false;
    child.stdout.on("data", (data: Buffer) => {
      text += data.toString();
      if (killed || text.split('{"did"').length - 1 < most || !text.includes('{"will"')) return;
      killed = true;
      const until = process.hrtime.bigint() + BigInt(later) * 1000n;
      while (process.hrtime.bigint() < until);
      child.kill("SIGKILL");
    });
    await ended;
    const now = await found(root);
    let pending: Step | null = null;
    for (const line of text.split("\n").filter((each) => each.endsWith("}"))) {
      const said = JSON.parse(line) as Said;
      if ("failed" in said) throw new Error(said.failed);
      if ("will" in said) pending = said.will;
      else {
        model = after(model, said.did, said.clone ?? null);
        if (said.clone) disks.add(diskIn(said.clone.config));
        pending = null;
        steps++;
      }
    }
    const strange = [...now.kept.keys()].filter((uuid) => !model.kept.has(uuid) && !model.bin.has(uuid));
    const possible = [model];
    if (pending) {
      // A clone that was not acknowledged has a UUID and a disk that only itself knows.
      const [uuid] = strange;
      const made = pending.what === "clone" && uuid ? { uuid, config: now.kept.get(uuid)!.config } : null;
      possible.push(after(model, pending, made));
    }
    const matches = possible.find((each) => {
      try {
        expect(now).toEqual(each);
        return true;
      } catch {
        return false;
      }
    });
    if (!matches) expect({ point, pending, now }).toEqual({ point, pending, now: possible[0]! });
    model = matches!;
    for (const { config } of [...model.kept.values(), ...model.bin.values()]) {
      const disk = diskIn(config);
      disks.add(disk);
      expect(readFileSync(disk).length).toBe(2 ** 20);
    }
    // Disks stay when their domain is deleted. Other files must belong to a domain.
    expect(readdirSync(images).filter((name) => !disks.has(path.join(images, name)))).toEqual([]);
  }
  return { steps };
}
