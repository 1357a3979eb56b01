/** What `npm start` builds: only what has changed since. */
import { mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { bundleWhole, whenChanged } from "../core/build.mjs";
import { temporaryFolder } from "./temporary.ts";

describe("a build", () => {
  let folder: string;
  const file = (name: string): string => path.join(folder, name);
  beforeEach(() => {
    folder = temporaryFolder("rebuild");
  });

  it("makes again what comes from other sources, from other options, or is not there, and nothing else", async () => {
    for (const name of ["a.ts", "b.ts"]) writeFileSync(file(name), name);
    const output = file("out/core.wasm");
    let made = 0;
    const build = async (...options: string[]): Promise<number> => {
      await whenChanged(output, [file("a.ts"), file("b.ts")], options, () => {
        writeFileSync(output, "made");
        made++;
        return Promise.resolve();
      });
      return made;
    };
    expect(await build("-O3")).toBe(1);
    expect(await build("-O3")).toBe(1);
    // Written again as it was: by date it is newer, and the same.
    writeFileSync(file("a.ts"), "a.ts");
    expect(await build("-O3")).toBe(1);
    writeFileSync(file("b.ts"), "other");
    expect(await build("-O3")).toBe(2);
    expect(await build("-O2")).toBe(3);
    rmSync(output);
    expect(await build("-O2")).toBe(4);
  });

  it("that failed is made again", async () => {
    writeFileSync(file("a.ts"), "a");
    const output = file("core.wasm");
    const failing = whenChanged(output, [file("a.ts")], [], () => {
      writeFileSync(output, "half");
      return Promise.reject(new Error("no room"));
    });
    await expect(failing).rejects.toThrow("no room");
    let made = 0;
    await whenChanged(output, [file("a.ts")], [], () => Promise.resolve(void made++));
    expect(made).toBe(1);
  });

  it("leaves a bundle that is the same where it is, and replaces one that is not, whole", async () => {
    mkdirSync(file("src"));
    writeFileSync(file("src/main.ts"), "console.log(1 as number);\n");
    writeFileSync(file("src/other.ts"), "console.log(2 as number);\n");
    const entryPoints = { main: file("src/main.ts"), other: file("src/other.ts") };
    const outdir = file("dist");
    const build = () => bundleWhole({ entryPoints, outdir, format: "esm", sourcemap: false });
    await build();
    const then = new Date(2020, 0, 1);
    for (const name of ["main.js", "other.js"]) utimesSync(file(`dist/${name}`), then, then);
    writeFileSync(file("src/other.ts"), "console.log(3 as number);\n");
    await build();
    expect(statSync(file("dist/main.js")).mtime).toEqual(then);
    expect(statSync(file("dist/other.js")).mtime).not.toEqual(then);
    expect(readFileSync(file("dist/other.js"), "utf8")).toContain("console.log(3)");
  });
});
