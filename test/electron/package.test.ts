/** Packages by electron-builder itself around a stand-in for Electron's runtime, and runs what is packaged. */
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { extractAll, listPackage } from "@electron/asar";
import { FuseV1Options, getCurrentFuseWire } from "@electron/fuses";
import { Arch, Platform, build, type Configuration } from "electron-builder";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";

const root = path.resolve(import.meta.dirname, "../..");
const { build: config } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as { build: Configuration };

describe("electron-builder's configuration", () => {
  const require = createRequire(createRequire(import.meta.url).resolve("electron-builder"));
  const { validateConfiguration } = require("app-builder-lib/out/util/config/config") as {
    validateConfiguration(config: object, logger: object): Promise<void>;
  };
  const { DebugLogger } = require("builder-util") as { DebugLogger: new (isEnabled: boolean) => object };
  const validate = (given: object): Promise<void> => validateConfiguration(given, new DebugLogger(false));

  it("is valid by its own validator, which refuses what is wrong", async () => {
    await validate(config);
    await expect(validate({ ...config, electronFuses: { runAsNode: "no way" } })).rejects.toThrow(/electronFuses/);
    await expect(validate({ ...config, asarUnpacked: [] })).rejects.toThrow(/asarUnpacked/);
  });

  it("leaves every thread's file beside the archive, as threads can't be started from inside it", () => {
    const ofThreads = (list: unknown): string[] =>
      (list as string[]).filter((file) => /^dist\/\w+\.(js|wasm)$/.test(file)).sort();
    expect(ofThreads(config.asarUnpack)).toEqual(ofThreads(config.files));
    expect(ofThreads(config.files)).toContain("dist/native.js");
  });

  it("has the four kinds of installers, with icons of our own", () => {
    expect([config.linux?.target, config.mac?.target, config.win?.target]).toEqual([
      ["AppImage", "deb"],
      ["dmg"],
      ["nsis"],
    ]);
    for (const icon of [config.linux?.icon, config.mac?.icon, config.win?.icon])
      expect(existsSync(path.join(root, icon as string))).toBe(true);
  });

  it("takes a file type of our own, and is one of several for .cfg where a system can say so", () => {
    const claimed = [config, config.linux, config.win, config.mac].map((each) => each?.fileAssociations);
    const [all, linux, win, mac] = claimed;
    expect(all).toEqual([expect.objectContaining({ ext: "xenarium" })]);
    expect([linux, win]).toEqual([undefined, undefined]);
    expect(mac).toEqual([
      expect.objectContaining({ ext: "xenarium" }),
      expect.objectContaining({ ext: "cfg", rank: "Alternate" }),
    ]);
  });
});

describe("the icons", () => {
  it("are what their source makes", async () => {
    const folder = path.join(root, "assets/icons");
    const { icons } = (await import(path.join(folder, "make.mjs"))) as { icons(): Promise<Map<string, Uint8Array>> };
    const made = await icons();
    expect([...made.keys()]).toEqual(expect.arrayContaining(["icon.ico", "icon.icns", "linux/512x512.png"]));
    for (const [name, bytes] of made) expect(readFileSync(path.join(folder, name)).equals(bytes), name).toBe(true);
    expect(readdirSync(path.join(folder, "linux")).length).toBe(
      [...made.keys()].filter((name) => /^linux/.test(name)).length,
    );
  });
});

describe.skipIf(process.platform !== "linux")("a package", () => {
  let resources: string;
  let program: string;

  beforeAll(async () => {
    const work = temporaryFolder("package");
    const electronDist = path.join(work, "electron");
    mkdirSync(path.join(electronDist, "resources"), { recursive: true });
    // As much of a program as fuses need: a mark, a version, their number, and each fuse set to on.
    writeFileSync(path.join(electronDist, "electron"), `dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX\x01\x08${"1".repeat(8)}`);
    await build({
      projectDir: root,
      targets: Platform.LINUX.createTarget("dir", Arch.x64),
      config: { ...config, electronDist, directories: { ...config.directories, output: path.join(work, "out") } },
      publish: "never",
    });
    const out = path.join(work, "out/linux-unpacked");
    program = path.join(out, "xenarium");
    resources = path.join(out, "resources");
  }, 120_000);

  it("has the fuses set in its program", async () => {
    const wire = await getCurrentFuseWire(program);
    const on = Object.entries(FuseV1Options)
      .filter(([, number]) => typeof number === "number" && wire[number as FuseV1Options] === "1".charCodeAt(0))
      .map(([name]) => name);
    expect(on.sort()).toEqual(["EnableEmbeddedAsarIntegrityValidation", "OnlyLoadAppFromAsar"]);
  });

  it("has no sources, no maps, no tests and no libraries beside the bundles", () => {
    const files = listPackage(path.join(resources, "app.asar"), { isPack: false });
    expect(files).toContain("/dist/electron/main.js");
    expect(files.filter((file) => /node_modules|\.map$|\.ts$|\/test|start\.js|package\.js$/.test(file))).toEqual([]);
    expect(readFileSync(path.join(root, "dist/electron/preload.cjs"), "utf8").match(/require\("[^"]+"\)/g)).toEqual([
      'require("electron")',
    ]);
  });

  it("runs from its own files alone: window, page, threads, guest; and leaves nothing behind", async () => {
    const place = temporaryFolder("packaged");
    const packed = path.join(place, "resources/app.asar");
    cpSync(`${path.join(resources, "app.asar")}.unpacked`, `${packed}.unpacked`, { recursive: true });
    extractAll(path.join(resources, "app.asar"), packed);
    // What Electron takes from beside the archive must not be in it.
    for (const name of ["dom0.js", "pcpu.js", "core.wasm"]) {
      expect(statSync(path.join(`${packed}.unpacked`, "dist", name)).isFile()).toBe(true);
      writeFileSync(path.join(packed, "dist", name), "not from here");
    }
    const electron = path.join(place, "resources/node_modules/electron");
    mkdirSync(electron, { recursive: true });
    writeFileSync(path.join(electron, "package.json"), '{"name":"electron","type":"module","main":"index.mjs"}');
    cpSync(path.join(import.meta.dirname, "packaged/electron.mjs"), path.join(electron, "index.mjs"));
    const [tmp, data] = ["tmp", "data"].map((name) => path.join(place, name)) as [string, string];
    for (const folder of [tmp, data]) mkdirSync(folder);
    const env: NodeJS.ProcessEnv = { ...process.env, TMPDIR: tmp, USER_DATA: data };
    delete env.XDG_RUNTIME_DIR;
    delete env.XENARIUM_SOCKET;
    const args = [path.join(import.meta.dirname, "packaged/run.mjs"), path.join(packed, "dist/electron/main.js")];
    const child = spawn(process.execPath, args, { cwd: place, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    child.stderr.on("data", (bytes: Buffer) => (errors += bytes.toString()));
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    await new Promise<void>((resolve) => {
      child.stdout.on("data", (bytes: Buffer) => {
        output += bytes.toString();
        if (output.includes("\n")) resolve();
      });
      void ended.then(() => resolve());
    });
    expect(errors).toBe("");
    const report = JSON.parse(output) as { served: string[]; domains: string[]; power: string; tray: string[] };
    expect(report).toMatchObject({ power: "running", domains: ["Domain-0", "mini-1"], tray: ["tray.png"] });
    expect(report.served.length).toBeGreaterThan(3);
    expect(report.served.filter((line) => !line.startsWith("200 "))).toEqual([]);
    expect(readdirSync(tmp)).toHaveLength(1);
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
    expect(readdirSync(tmp)).toEqual([]);
  });
});

it.skipIf(existsSync(path.join(root, "node_modules/electron/dist")))(
  "npm run package says in one line why there is none (where the runtime is missing)",
  async () => {
    // Nobody listens at this address, so the runtime cannot be fetched from anywhere.
    const env = {
      ...process.env,
      ELECTRON_MIRROR: "http://127.0.0.1:9/",
      electron_config_cache: temporaryFolder("cache"),
    };
    const child = spawn(process.execPath, [path.join(root, "dist/package.js")], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (bytes: Buffer) => (output += bytes.toString()));
    const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
    expect(output).toBe(
      "xenarium: no installers were made, because the Electron runtime could not be had: its download was refused.\n",
    );
    expect(status).toBe(1);
  },
);
