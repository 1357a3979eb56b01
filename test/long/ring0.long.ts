/** Makes anew what npm test compares the engine with by records: ring 0 in QEMU's TCG, and a million instances of 16- and 32-bit code. */
import path from "node:path";
import { describe, expect, it } from "vitest";
import { compileEngine } from "../cpu/engine.ts";
import { buildKernel, runInQemu } from "../cpu/ring0/kernel.ts";
import { runKernel } from "../cpu/ring0/run.ts";
import { legacyConformance } from "../cpu/silicon/legacy/run.ts";
import { siliconMissing } from "../cpu/silicon/run.ts";

const missing = process.env.CI === "true" ? null : siliconMissing();

describe.skipIf(missing !== null)(`the engine, at length${missing ? ` (${missing})` : ""}`, () => {
  it("has a kernel built now print what it prints in QEMU's TCG", async () => {
    const folder = path.resolve(import.meta.dirname, "../../.cache/cpu/ring0");
    const image = buildKernel(folder);
    const text = runKernel(await compileEngine(), image);
    expect(text.split("\n")).toEqual(runInQemu(folder).split("\n"));
  }, 300_000);
  it("executes a million instances of 16- and 32-bit code as this machine's CPU does", async () => {
    const seed = Date.now() % 0x7fffffff;
    const report = await legacyConformance(seed, 1_000_000);
    const samples = [...report.samples].slice(0, 5).map(([form, lines]) => `${form}: ${lines[0]}`);
    expect(samples, `seed ${seed}: ${report.mismatches} of ${report.count} differ`).toEqual([]);
  }, 3_600_000);
});
