/** Two hosts on one computer never write one image, whatever its name is there, and a killed one leaves nothing that is in the way. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
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
const at = (...names: string[]): string => path.join(folder, ...names);
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
        import { rebaseImage } from "./core/dom0/storage/qcow2/rebase.ts";
        import { makeOverlays } from "./core/library/snapshots/images.ts";
        import { Disks } from "./core/dom0/backends/blk/disks.ts";
        const disks = new Disks(process.argv[2]);
        const open = new Map();
        // Stops before a step, until a file says that it may go on.
        const stop = (name, isIt) => {
          const own = fs[name];
          fs[name] = (...args) => {
            if (isIt(...args.map(String))) {
              fs.writeSync(1, "about to " + name + "\\n");
              const clock = new Int32Array(new SharedArrayBuffer(4));
              while (fs.readFileSync(process.argv[3], "utf8") !== "go on") Atomics.wait(clock, 0, 0, 5);
              fs.writeFileSync(process.argv[3], "");
            }
            return own(...args);
          };
        };
        for await (const line of createInterface({ input: process.stdin })) {
          const [deed, file, access] = line.split(" ");
          try {
            if (deed === "open") open.set(file, await disks.open(file, file.endsWith(".qcow2") ? "qcow2" : "raw", access));
            else if (deed === "close") await open.get(file).close();
            else if (deed === "off") releaseImages();
            else if (deed === "rebase") await rebaseImage(file, null);
            else if (deed === "overlay") await makeOverlays([{ file: file + ".qcow2", base: { file, format: "raw" } }]);
            else if (deed === "slow") {
              const { dev, ino } = fs.statSync(file);
              const isLock = (name) => name.endsWith("/" + dev + "-" + ino);
              stop("rmSync", isLock);
              stop("renameSync", isLock);
              stop("linkSync", (name, to) => isLock(to) && name.endsWith(".left"));
              syncBuiltinESMExports();
            }
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
    // Modules of others that are bundled ask for Node's own so.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
});

class Host {
  readonly child: ChildProcess;
  readonly #lines: Interface;
  constructor(runtime = "") {
    const env = { ...process.env, TMPDIR: temporary, XDG_RUNTIME_DIR: runtime };
    const stdio = ["pipe", "pipe", "inherit"] as const;
    this.child = spawn(process.execPath, [script, folder, at("go")], { env, stdio: [...stdio] });
    this.#lines = createInterface({ input: this.child.stdout! });
    hosts.push(this);
  }
  async says(line: string): Promise<string> {
    const answer = this.next();
    this.child.stdin!.write(`${line}\n`);
    return answer;
  }
  /** What it writes next. */
  async next(): Promise<string> {
    return ((await once(this.#lines, "line")) as [string])[0];
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
  writeFileSync(at("go"), "");
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
    // It may also be killed when its lock has no place yet, or while it clears up after another.
    const [lock] = locks();
    const left = path.join(temporary, `xenarium-images-${userInfo().uid}`, lock!);
    for (const name of [`${left}.${crypto.randomUUID()}.new`, `${left}.0123456789ab.left`])
      writeFileSync(name, readFileSync(left));
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

it("of two that find a left lock, one takes the other's away in no moment that there is: one has it in the end", async () => {
  const first = new Host();
  expect(await first.says(writes("a.img"))).toBe("done");
  await first.killed();
  const [slow, ...others] = [new Host(), new Host(), new Host()];
  expect(await slow!.says(`slow ${at("a.img")}`)).toBe("done");
  const said: string[] = [];
  let answer = await slow!.says(writes("a.img"));
  while (answer.startsWith("about to ")) {
    // In the middle of it another one comes.
    const other = others.shift();
    if (other) said.push(await other.says(writes("a.img")));
    const next = slow!.next();
    writeFileSync(at("go"), "go on");
    answer = await next;
  }
  said.push(answer);
  expect(said.filter((each) => each === "done")).toHaveLength(1);
  expect(locks()).toHaveLength(1);
});

it("locks are there where another user has made the folder for temporary files first, as long as there is a runtime folder", async () => {
  writeFileSync(path.join(temporary, `xenarium-images-${userInfo().uid}`), "of another user's");
  mkdirSync(at("run"), { mode: 0o700 });
  const [one, two] = [new Host(at("run")), new Host(at("run"))];
  expect(await one.says(writes("a.img"))).toBe("done");
  expect(await two.says(writes("a.img"))).toMatch(/^EBUSY .* is being written by another/);
  expect(await one.says(`close ${at("a.img")}`)).toBe("done");
  expect(await two.says(writes("a.img"))).toBe("done");
  expect(await two.says(`close ${at("a.img")}`)).toBe("done");
  expect(await two.says("off")).toBe("done");
  expect(readdirSync(at("run"))).toEqual([]);
});

it("a host in a session and one outside of it see each other, and a runtime folder that others may write is not used", async () => {
  mkdirSync(at("run"), { mode: 0o700 });
  const [inside, outside] = [new Host(at("run")), new Host()];
  expect(await inside.says(writes("a.img"))).toBe("done");
  expect(await outside.says(writes("a.img"))).toMatch(/^EBUSY/);
  expect(await inside.says(`close ${at("a.img")}`)).toBe("done");
  expect(await outside.says(writes("a.img"))).toBe("done");
  expect(await inside.says(writes("a.img"))).toMatch(/^EBUSY/);
  mkdirSync(at("open"));
  chmodSync(at("open"), 0o777);
  for (const runtime of ["open", "none"]) {
    const host = new Host(at(runtime));
    expect(await host.says(writes("a.img")), runtime).toMatch(/^EBUSY/);
    expect(existsSync(at(runtime, "xenarium-images")), runtime).toBe(false);
  }
});

it("a folder of the user's that others may write becomes the user's alone", async () => {
  const own = path.join(temporary, `xenarium-images-${userInfo().uid}`);
  mkdirSync(own);
  chmodSync(own, 0o777);
  const [one, two] = [new Host(), new Host()];
  expect(await one.says(writes("a.img"))).toBe("done");
  expect(await two.says(writes("a.img"))).toMatch(/^EBUSY/);
  expect(statSync(own).mode & 0o777).toBe(0o700);
});

it("an image that another host has open is not based on another one, and no snapshot has one that another host writes", async () => {
  await createQcow2({ path: at("over.qcow2"), size: 2 ** 20, backing: { file: "a.img", format: "raw" } });
  const header = readFileSync(at("over.qcow2")).subarray(0, 512);
  const [one, two] = [new Host(), new Host()];
  for (const access of ["read-write", "read"]) {
    expect(await one.says(`open ${at("over.qcow2")} ${access}`)).toBe("done");
    expect(await two.says(`rebase ${at("over.qcow2")}`)).toMatch(/^EBUSY .*over\.qcow2 is being (written|read) by/);
    expect(await one.says(`close ${at("over.qcow2")}`)).toBe("done");
  }
  expect(readFileSync(at("over.qcow2")).subarray(0, 512)).toEqual(header);
  expect(await two.says(`rebase ${at("over.qcow2")}`)).toBe("done");
  expect(await one.says(writes("a.img"))).toBe("done");
  expect(await two.says(`overlay ${at("a.img")}`)).toMatch(/^EBUSY .*a\.img is being written by another Xenarium/);
  expect(existsSync(at("a.img.qcow2"))).toBe(false);
  expect(await one.says(`close ${at("a.img")}`)).toBe("done");
  expect(await two.says(`overlay ${at("a.img")}`)).toBe("done");
  // Its own host may write it: that has seen to it that nothing is under way.
  expect(await two.says(writes("a.img"))).toBe("done");
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
  const env = { ...process.env, TMPDIR: temporary, XDG_RUNTIME_DIR: "", XENARIUM_SOCKET: at("none.sock") };
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
