/** Only one host may use a folder at a time. The test uses real processes and really kills them. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";

const root = path.resolve(import.meta.dirname, "../..");
const dist = path.join(root, "dist");
const cli = path.join(dist, "cli.js");

/** A process, with what it has written and how it ended. */
class Started {
  output = "";
  readonly ended: Promise<number | null>;
  readonly child: ChildProcess;
  constructor(args: string[], env: NodeJS.ProcessEnv) {
    this.child = spawn(process.execPath, args, { env, stdio: ["pipe", "pipe", "pipe"] });
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.on("data", (bytes: Buffer) => (this.output += bytes.toString()));
    this.ended = new Promise((resolve) => this.child.once("close", resolve));
    started.push(this);
  }
  get pid(): number {
    return this.child.pid!;
  }
  says(pattern: RegExp): Promise<void> {
    return expect.poll(() => this.output, { timeout: 30_000 }).toMatch(pattern);
  }
}
const started: Started[] = [];

let folder: string;
let lockFile: string;
let sockets: string;
let script: string;
beforeAll(async () => {
  script = path.join(temporaryFolder("lock-script"), "take.mjs");
  await build({
    stdin: {
      contents: `
        import fs from "node:fs";
        import { syncBuiltinESMExports } from "node:module";
        import { lockState } from "./core/api/state-lock.ts";
        if (process.argv[3]) {
          fs.linkSync = () => { throw Object.assign(new Error("no links here"), { code: process.argv[3] }); };
          syncBuiltinESMExports();
        }
        try {
          lockState(process.argv[2], "a test", "go elsewhere");
          process.stdout.write("taken\\n");
          process.stdin.on("end", () => process.exit(0)).resume();
        } catch (error) {
          process.stdout.write("refused: " + error.message + "\\n");
        }`,
      resolveDir: root,
    },
    bundle: true,
    platform: "node",
    format: "esm",
    outfile: script,
  });
});
beforeEach(() => {
  folder = temporaryFolder("locked");
  sockets = temporaryFolder("sockets");
  lockFile = path.join(folder, "host.lock");
});
afterEach(async () => {
  for (const each of started.splice(0)) {
    each.child.kill("SIGKILL");
    await each.ended;
  }
});

let number = 0;
const environment = (): NodeJS.ProcessEnv => {
  const env = { ...process.env, XENARIUM_STATE: folder, XENARIUM_SOCKET: path.join(sockets, `${number++}.sock`) };
  return env;
};
const serve = (env = environment()): Started =>
  new Started([cli, "serve", "--host-memory", "256", "--pcpus", "1"], env);
/** `refusal`: what the file system says to whoever wants a hard link; "": it has them. */
const take = (refusal = ""): Started => new Started([script, folder, refusal], process.env);

describe("a state folder", () => {
  it("belongs to one `xenarium serve`: the second says which process has it and what to do, and changes nothing", async () => {
    const env = environment();
    const first = serve(env);
    await first.says(/http:/);
    const before = readFileSync(lockFile, "utf8");
    const second = serve();
    expect(await second.ended).toBe(1);
    expect(second.output).toContain(`${folder} is in use by xenarium serve (process ${first.pid})`);
    expect(second.output).toMatch(/End it first, or give this one a folder of its own with XENARIUM_STATE\./);
    expect(second.output).not.toMatch(/http:|at .*\.js/);
    expect(readFileSync(lockFile, "utf8")).toBe(before);
    const { stdout } = await promisify(execFile)(process.execPath, [cli, "xl", "list"], { env });
    expect(stdout).toContain("Domain-0");
    first.child.kill("SIGTERM");
    expect(await first.ended).toBe(0);
    expect(existsSync(lockFile)).toBe(false);
    const third = serve();
    await third.says(/http:/);
  });

  it("is had again after a crash, by the next one alone", async () => {
    const first = serve();
    await first.says(/http:/);
    first.child.kill("SIGKILL");
    await first.ended;
    expect(existsSync(lockFile)).toBe(true);
    const second = serve();
    await second.says(/http:/);
    expect(JSON.parse(readFileSync(lockFile, "utf8"))).toMatchObject({ pid: second.pid, command: "xenarium serve" });
    expect(readdirSync(folder).filter((name) => name.startsWith("host.lock"))).toEqual(["host.lock"]);
  });

  it("is shared by the desktop application and `xenarium serve` no more than by two of either", async () => {
    // The application as it is built, with a stand-in for Electron.
    const app = temporaryFolder("application");
    cpSync(dist, path.join(app, "dist"), { recursive: true });
    const electron = path.join(app, "node_modules/electron");
    mkdirSync(electron, { recursive: true });
    const standIn = path.join(root, "test/electron/packaged");
    writeFileSync(path.join(electron, "package.json"), '{"name":"electron","type":"module","main":"index.mjs"}');
    cpSync(path.join(standIn, "electron.mjs"), path.join(electron, "index.mjs"));
    const desktop = (): Started =>
      new Started([path.join(standIn, "run.mjs"), path.join(app, "dist/electron/main.js")], {
        ...environment(),
        USER_DATA: folder,
      });
    const first = desktop();
    await first.says(/"power":"running"/);
    const beside = serve();
    expect(await beside.ended).toBe(1);
    expect(beside.output).toContain(`in use by the Xenarium application (process ${first.pid})`);
    first.child.kill("SIGHUP");
    expect(await first.ended).toBe(0);
    expect(existsSync(lockFile)).toBe(false);
    const server = serve();
    await server.says(/http:/);
    const second = desktop();
    expect(await second.ended).toBe(1);
    expect(second.output).toMatch(/Xenarium can’t start: .* in use by xenarium serve \(process \d+\)/);
    expect(second.output).toContain("--user-data-dir");
  });

  // exFAT refuses links with EPERM, SMB with ENOTSUP.
  it.each(["", "EPERM", "ENOTSUP"])(
    "is taken by one of many that find what a crash has left, where links are refused with “%s”",
    async (refusal) => {
      for (let round = 0; round < 3; round++) {
        const crashed = take(refusal);
        await crashed.says(/taken/);
        crashed.child.kill("SIGKILL");
        await crashed.ended;
        const all = Array.from({ length: 8 }, () => take(refusal));
        await Promise.all(all.map((each) => each.says(/taken|refused/)));
        const [winner, ...more] = all.filter(({ output }) => output.includes("taken"));
        expect(more).toEqual([]);
        for (const each of all) if (each !== winner) expect(each.output).toContain(`(process ${winner!.pid})`);
        winner!.child.stdin!.end();
        expect(await winner!.ended).toBe(0);
        expect(readdirSync(folder)).toEqual([]);
      }
    },
  );

  it("is not kept by a pid that another process has got since", async () => {
    const first = take();
    await first.says(/taken/);
    const left = JSON.parse(readFileSync(lockFile, "utf8")) as { started: string };
    first.child.kill("SIGKILL");
    await first.ended;
    const other = (holder: object): void => writeFileSync(lockFile, JSON.stringify({ command: "x", ...holder }));
    // This test's own process exists, but is not the process that took the lock.
    other({ pid: process.pid, started: left.started });
    const second = take();
    await second.says(/taken/);
    second.child.stdin!.end();
    await second.ended;
    // If the start time cannot be determined the pid decides, and the user is told what to do.
    other({ pid: process.pid, started: null, command: `evil\u001b[2J${"y".repeat(1000)}` });
    const third = take();
    await third.says(/refused/);
    expect(third.output).toContain(`If process ${process.pid} is another program by now, delete ${lockFile}.`);
    expect(third.output).not.toContain("\u001b");
    expect(third.output.length).toBeLessThan(1000);
  });

  it("is had whatever nonsense the lock has in it, and refused where it is no file", async () => {
    const nonsense = ["", "{", "null", "[]", '{"pid":-1}', '{"pid":"1","started":null}', '{"pid":1e99,"started":""}'];
    for (const text of [...nonsense, "x".repeat(100_000)]) {
      writeFileSync(lockFile, text);
      const taker = take();
      await taker.says(/taken/);
      taker.child.stdin!.end();
      expect(await taker.ended).toBe(0);
    }
    const kept = path.join(sockets, "kept");
    writeFileSync(kept, "kept");
    symlinkSync(kept, lockFile);
    const refused = take();
    await refused.says(/refused: .*host\.lock must be a file/);
    expect(readFileSync(kept, "utf8")).toBe("kept");
  });

  it("that can't be written is not locked, as nothing is kept there", async () => {
    folder = path.join(sockets, "a file");
    writeFileSync(folder, "");
    await take().says(/taken/);
  });
});
