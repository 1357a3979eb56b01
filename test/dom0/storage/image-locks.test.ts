/** Two hosts on one computer never write one image, whatever its name is there, and a killed one leaves nothing that is in the way. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { linkSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import path from "node:path";
import { createInterface, type Interface } from "node:readline";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { createQcow2 } from "../../../core/dom0/storage/qcow2/create.ts";
import { temporaryFolder } from "../../temporary.ts";

const root = path.resolve(import.meta.dirname, "../../..");
let script: string;
let folder: string;
let temporary: string;
const at = (name: string): string => path.join(folder, name);
const locks = (): string[] => readdirSync(path.join(temporary, `xenarium-images-${userInfo().uid}`));

beforeAll(async () => {
  script = path.join(temporaryFolder("image-locks-script"), "host.mjs");
  await build({
    stdin: {
      // Opens and closes what it is told to in lines, as a host does for its domains.
      contents: `
        import fs from "node:fs";
        import { syncBuiltinESMExports } from "node:module";
        import { createInterface } from "node:readline";
        import { releaseImages } from "./core/dom0/storage/image-locks.ts";
        import { Disks } from "./core/dom0/backends/blk/disks.ts";
        const disks = new Disks(process.argv[2]);
        const open = new Map();
        for await (const line of createInterface({ input: process.stdin })) {
          const [deed, file, access] = line.split(" ");
          try {
            if (deed === "open") open.set(file, await disks.open(file, file.endsWith(".qcow2") ? "qcow2" : "raw", access));
            else if (deed === "close") await open.get(file).close();
            else if (deed === "off") releaseImages();
            else if (deed === "full") {
              fs.writeFileSync = () => { throw Object.assign(new Error("no space left"), { code: "ENOSPC" }); };
              syncBuiltinESMExports();
            }
            console.log("done");
          } catch (error) {
            console.log(error.code + " " + error.message);
          }
        }`,
      resolveDir: root,
    },
    ...{ bundle: true, platform: "node", format: "esm", outfile: script },
  });
});

class Host {
  readonly child: ChildProcess;
  readonly #lines: Interface;
  constructor() {
    const env = { ...process.env, TMPDIR: temporary };
    this.child = spawn(process.execPath, [script, folder], { env, stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.child.stdout! });
    hosts.push(this);
  }
  async says(line: string): Promise<string> {
    const answer = once(this.#lines, "line") as Promise<[string]>;
    this.child.stdin!.write(`${line}\n`);
    return (await answer)[0];
  }
  async killed(): Promise<void> {
    const ended = once(this.child, "close");
    this.child.kill("SIGKILL");
    await ended;
  }
}
const hosts: Host[] = [];

beforeEach(() => {
  folder = temporaryFolder("image-locks");
  temporary = path.join(folder, "tmp");
  mkdirSync(temporary);
  writeFileSync(at("a.img"), Buffer.alloc(2 ** 20));
});
afterEach(async () => {
  for (const each of hosts.splice(0))
    if (each.child.exitCode === null && each.child.signalCode === null) await each.killed();
});

const writes = (name: string): string => `open ${at(name)} read-write`;

it("who comes second is told which process writes it, under every name that it has, and has it when that one is done", async () => {
  symlinkSync("a.img", at("symbolic.img"));
  linkSync(at("a.img"), at("hard.img"));
  const [one, two] = [new Host(), new Host()];
  expect(await one.says(writes("a.img"))).toBe("done");
  for (const name of ["a.img", "symbolic.img", "hard.img"])
    for (const access of ["read-write", "read", "disposable"])
      expect(await two.says(`open ${at(name)} ${access}`), name).toMatch(
        new RegExp(
          `^EBUSY .*${name} is being written by another Xenarium \\(process ${one.child.pid}\\): end what uses it there`,
        ),
      );
  expect(await one.says(`close ${at("a.img")}`)).toBe("done");
  expect(locks()).toEqual([]);
  expect(await two.says(writes("hard.img"))).toBe("done");
  expect(await one.says(writes("a.img"))).toMatch(/^EBUSY/);
});

it("many may read it, and what others are based on is not written by anybody else meanwhile", async () => {
  await createQcow2({ path: at("over.qcow2"), size: 2 ** 20, backing: { file: "a.img", format: "raw" } });
  const [one, two] = [new Host(), new Host()];
  for (const host of [one, two]) expect(await host.says(`open ${at("a.img")} read`)).toBe("done");
  expect(await one.says(`close ${at("a.img")}`)).toBe("done");
  expect(await two.says(`close ${at("a.img")}`)).toBe("done");
  expect(await one.says(writes("a.img"))).toBe("done");
  expect(await two.says(writes("over.qcow2"))).toMatch(/^EBUSY .*a\.img is being written by another/);
  expect(await one.says(`close ${at("a.img")}`)).toBe("done");
  expect(await two.says(writes("over.qcow2"))).toBe("done");
  expect(await one.says(writes("a.img"))).toMatch(/^EBUSY .*a\.img is being read by another/);
  // Whoever reads it and is killed is in nobody's way.
  await two.killed();
  expect(await one.says(writes("a.img"))).toBe("done");
  expect(await one.says(`close ${at("a.img")}`)).toBe("done");
});

it("a killed one leaves a lock that means nothing, to one of many that come at the same moment", async () => {
  for (let round = 0; round < 3; round++) {
    const first = new Host();
    expect(await first.says(writes("a.img"))).toBe("done");
    await first.killed();
    expect(locks()).toHaveLength(1);
    const all = Array.from({ length: 6 }, () => new Host());
    const said = await Promise.all(all.map((each) => each.says(writes("a.img"))));
    expect(said.filter((each) => each === "done")).toHaveLength(1);
    for (const each of all) await each.killed();
  }
  // The image is gone, and whoever comes next for another one clears up.
  writeFileSync(at("b.img"), Buffer.alloc(2 ** 20));
  const last = new Host();
  expect(await last.says(writes("b.img"))).toBe("done");
  expect(await last.says(`close ${at("b.img")}`)).toBe("done");
  expect(locks()).toEqual([]);
});

it("who has no room for a lock of its own sees those of others", async () => {
  const [one, two] = [new Host(), new Host()];
  expect(await two.says("full")).toBe("done");
  expect(await two.says(writes("a.img"))).toBe("done");
  expect(await two.says(`close ${at("a.img")}`)).toBe("done");
  expect(await one.says(writes("a.img"))).toBe("done");
  for (const access of ["read-write", "read"])
    expect(await two.says(`open ${at("a.img")} ${access}`)).toMatch(/^EBUSY .* is being written by another/);
  expect(await one.says(`close ${at("a.img")}`)).toBe("done");
  expect(await one.says(`open ${at("a.img")} read`)).toBe("done");
  expect(await two.says(writes("a.img"))).toMatch(/^EBUSY .* is being read by another/);
});

it("a lock looks new for years, so that nobody clears it away who clears up what is old", async () => {
  const host = new Host();
  expect(await host.says(writes("a.img"))).toBe("done");
  const [lock] = locks();
  const age = Date.now() - statSync(path.join(temporary, `xenarium-images-${userInfo().uid}`, lock!)).mtimeMs;
  expect(age).toBeLessThan(-365 * 24 * 3600 * 1000);
});

it("the end of a host takes nothing from the thread that did something else with an image", async () => {
  const [one, two] = [new Host(), new Host()];
  expect(await one.says(writes("a.img"))).toBe("done");
  expect(await one.says("off")).toBe("done");
  expect(await two.says(writes("a.img"))).toMatch(/^EBUSY/);
});

it("the command line changes no size and copies nothing while another host writes", async () => {
  const host = new Host();
  expect(await host.says(writes("a.img"))).toBe("done");
  const env = { ...process.env, TMPDIR: temporary, XENARIUM_SOCKET: at("none.sock") };
  const cli = (...args: string[]): Promise<unknown> =>
    promisify(execFile)(process.execPath, [path.join(root, "dist/cli.js"), "disk", ...args], { env });
  for (const args of [
    ["resize", at("a.img"), "2M"],
    ["convert", at("a.img"), at("b.qcow2")],
  ])
    await expect(cli(...args)).rejects.toThrow(/is being written by another Xenarium/);
  expect(await host.says(`close ${at("a.img")}`)).toBe("done");
  await cli("resize", at("a.img"), "2M");
});
