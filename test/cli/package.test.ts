/** What `npm pack` packs, installed in an empty folder without a network, boots a guest by itself. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";

const root = path.resolve(import.meta.dirname, "../..");
const npm = process.platform === "win32" ? "npm.cmd" : "npm";
/** As a user's folder may be called. */
const folder = path.join(temporaryFolder("installed"), "my guests, Ähm & Co");
const installed = path.join(folder, "node_modules/xenarium");
const bin = path.join(folder, "node_modules/.bin/xenarium");

/** Nothing of the project is in reach: what is missing in the package is missing. */
function environment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(process.env)) if (!/^(npm_|NODE_|VITEST)/i.test(name)) env[name] = value;
  return { ...env, npm_config_cache: path.join(folder, "cache") };
}

describe.skipIf(process.platform === "win32")("npm's package", () => {
  beforeAll(() => {
    mkdirSync(folder);
    // Builds what has changed first, as it does for a user.
    execFileSync(npm, ["pack", "--pack-destination", folder], { cwd: root, env: environment(), stdio: "ignore" });
    writeFileSync(path.join(folder, "package.json"), "{}\n");
    const [tarball] = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
    execFileSync(npm, ["install", "--offline", `./${tarball}`], { cwd: folder, env: environment(), stdio: "ignore" });
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
      // Typed ahead: the guest reads it when it comes to it.
      { cwd: folder, env: environment(), input: "info\npoweroff\n", encoding: "utf8" },
    );
    expect(stderr).toMatch(/guest powered itself off after/);
    expect(stdout).toContain("Xenarium mini guest: 1 vCPU, 32 MiB");
    expect(status).toBe(0);
  });

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
    const child = spawn(bin, args, { cwd: folder, env, stdio: ["ignore", "pipe", "ignore"] });
    const ended = new Promise((resolve) => child.once("close", resolve));
    try {
      const said = await new Promise<Buffer>((resolve) => child.stdout.once("data", resolve));
      const url = /http:\S+/.exec(said.toString())![0];
      expect(await (await fetch(url)).text()).toContain("<title>Xenarium");
      expect(spawnSync(bin, ["xl", "list"], { env, encoding: "utf8" }).stdout).toMatch(/^Domain-0 +0 /m);
    } finally {
      child.kill("SIGINT");
    }
    expect(await ended).toBe(0);
  });
});
