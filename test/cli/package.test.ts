/** What `npm pack` packs boots a guest by itself when it is installed in an empty folder without a network. */
import { execFile, spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";

const root = path.resolve(import.meta.dirname, "../..");
const npm = process.platform === "win32" ? "npm.cmd" : "npm";
/** A user's folder may have such a name. */
const folder = path.join(temporaryFolder("installed"), "my guests, Ähm & Co");
const installed = path.join(folder, "node_modules/xenarium");
const bin = path.join(folder, "node_modules/.bin/xenarium");

/** Nothing of the project is within reach, so what the package lacks is missing. */
function environment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(process.env)) if (!/^(npm_|NODE_|VITEST)/i.test(name)) env[name] = value;
  return { ...env, npm_config_cache: path.join(folder, "cache") };
}

describe.skipIf(process.platform === "win32")("npm's package", () => {
  beforeAll(async () => {
    const run = (args: string[], cwd: string) => promisify(execFile)(npm, args, { cwd, env: environment() });
    mkdirSync(folder);
    // It first builds what has changed, as it does for a user.
    await run(["pack", "--pack-destination", folder], root);
    writeFileSync(path.join(folder, "package.json"), "{}\n");
    const [tarball] = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
    await run(["install", "--offline", `./${tarball}`], folder);
  });

  it("brings nothing but itself", () => {
    expect(readdirSync(path.join(folder, "node_modules")).filter((name) => !name.startsWith("."))).toEqual([
      "xenarium",
    ]);
    const manifest = JSON.parse(readFileSync(path.join(installed, "package.json"), "utf8")) as Record<string, unknown>;
    expect(manifest.dependencies).toBeUndefined();
    expect(manifest.engines).toEqual({ node: ">=20.19" });
    const files = readdirSync(installed, { recursive: true }) as string[];
    expect(files).toEqual(expect.arrayContaining(["README.md", "LICENSE", "docs/ci.md", "dist/renderer/index.html"]));
    expect(files.filter((name) => /\.map$|\.ts$|^test|^core|node_modules/.test(name))).toEqual([]);
  });

  it("boots the bundled guest from a folder whose name has spaces", () => {
    const kernel = path.join(installed, "dist/assets/guests/mini.elf");
    const { status, stdout, stderr } = spawnSync(
      bin,
      ["run", "--kernel", path.relative(folder, kernel), "--memory", "32", "--host-memory", "256", "--timeout", "60"],
      // This is typed ahead; the guest reads it when it gets there.
      { cwd: folder, env: environment(), input: "info\npoweroff\n", encoding: "utf8" },
    );
    expect(stderr).toMatch(/guest powered itself off after/);
    expect(stdout).toContain("Xenarium mini guest: 1 vCPU, 32 MiB");
    expect(status).toBe(0);
  });

  it("runs by npx from its tarball in an empty folder, as the README has it, without a network", async () => {
    const elsewhere = temporaryFolder("npx");
    const [tarball] = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
    copyFileSync(path.join(folder, tarball!), path.join(elsewhere, tarball!));
    copyFileSync(path.join(root, "assets/guests/mini.elf"), path.join(elsewhere, "vmlinuz"));
    const args = "run --kernel vmlinuz --memory 32 --host-memory 256 --timeout 60".split(" ");
    const child = spawn("npx", ["--yes", "--offline", `./${tarball}`, ...args], { cwd: elsewhere, env: environment() });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
    child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
    child.stdin.end("poweroff\n");
    expect(await new Promise((resolve) => child.once("close", resolve)), stderr).toBe(0);
    expect(stdout).toContain("Xenarium mini guest: 1 vCPU, 32 MiB");
    expect(stderr).toMatch(/guest powered itself off after/);
    expect(readdirSync(elsewhere).toSorted()).toEqual(["vmlinuz", tarball].toSorted());
  }, 60_000);

  it("ends with 130 at SIGINT", async () => {
    const kernel = path.join(installed, "dist/assets/guests/mini.elf");
    const args = ["run", "--kernel", kernel, "--memory", "32", "--host-memory", "256", "--timeout", "60"];
    const child = spawn(bin, args, { cwd: folder, env: environment(), stdio: ["pipe", "pipe", "ignore"] });
    const ended = new Promise((resolve) => child.once("close", resolve));
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.kill("SIGINT");
    expect(await ended).toBe(130);
  });

  it("serves the application and answers xl", async () => {
    const env = {
      ...environment(),
      XENARIUM_STATE: path.join(folder, "state"),
      XENARIUM_SOCKET: path.join(folder, "s"),
    };
    const args = ["serve", "--port", "0", "--host-memory", "256", "--pcpus", "1"];
    const child = spawn(bin, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
    let words = "";
    child.stderr.on("data", (data: Buffer) => (words += data.toString()));
    const ended = new Promise((resolve) => child.once("close", resolve));
    try {
      const said = await new Promise<Buffer>((resolve) => child.stdout.once("data", resolve));
      const url = /http:\S+/.exec(said.toString())![0];
      expect(await (await fetch(url)).text()).toContain("<title>Xenarium");
      // The last line says what to do, whatever was printed above it during the start.
      const last = `Open this address; Ctrl+C ends the host: ${url}\n`;
      await expect.poll(() => words, { timeout: 30_000 }).toMatch(/Ctrl\+C/);
      expect(words.endsWith(last), words).toBe(true);
      expect(spawnSync(bin, ["xl", "list"], { env, encoding: "utf8" }).stdout).toMatch(/^Domain-0 +0 /m);
    } finally {
      child.kill("SIGINT");
    }
    expect(await ended).toBe(0);
  });
});
