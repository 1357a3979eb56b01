import { describe, expect, it } from "vitest";
import { breath } from "../../breath.ts";
import { againstCorpus, buildEngine, conformance, siliconMissing } from "../silicon/run.ts";
import { againstLegacyCorpus } from "../silicon/legacy/run.ts";
import { Differential } from "./differential.ts";
import { LegacyDifferential } from "./legacy-differential.ts";
import { LEGACY_MODES } from "./legacy-modes.ts";

describe("translated code", () => {
  it("agrees with the record of silicon, every instruction as a region", async () => {
    const engine = await buildEngine(true);
    const { count, differences } = await againstCorpus(engine);
    expect(differences.slice(0, 5), `${differences.length} of ${count} differ`).toEqual([]);
    expect(engine.regions).toBeGreaterThan(7_500);
  }, 240_000);

  it.skipIf(siliconMissing())(
    "agrees with this machine's CPU on a fresh seed",
    async () => {
      const seed = Date.now() % 0x7fffffff;
      const report = await conformance(seed, 10_000, undefined, true);
      expect([...report.samples].slice(0, 5), `seed ${seed}`).toEqual([]);
    },
    240_000,
  );

  it("agrees with the interpreter on random programs with branches, calls, faults and self-modification", async () => {
    const machines = await Differential.create();
    const seed = Date.now() % 0x3fffffff;
    for (let i = 0; i < 2100; i++) {
      expect(machines.run(seed + i), `seed ${seed + i}`).toBeNull();
      if (i % 100 === 0) await breath();
    }
    expect(machines.runs).toBeGreaterThan(7_500);
    expect(machines.regions).toBeGreaterThan(10_000);
    expect(machines.clusters).toBeGreaterThan(1_000);
  }, 240_000);

  it("agrees with the interpreter while regions go and come, because there is little room for them", async () => {
    const machines = await Differential.create("few");
    const seed = Date.now() % 0x3fffffff;
    for (let i = 0; i < 200; i++) {
      expect(machines.run(seed + i), `seed ${seed + i}`).toBeNull();
      if (i % 100 === 0) await breath();
    }
    expect(machines.runs).toBeGreaterThan(600);
    expect(machines.evicted).toBeGreaterThan(3_000);
    expect(machines.clusters).toBeGreaterThan(100);
  }, 240_000);

  it("of 16 and 32 bits agrees with the record of silicon, every instruction as a region", async () => {
    const { count, samples, mismatches, regions } = await againstLegacyCorpus(true);
    expect([...samples].slice(0, 5), `${mismatches} of ${count} differ`).toEqual([]);
    expect(regions).toBeGreaterThan(2_500);
  }, 240_000);

  it("of every mode agrees with the interpreter, also where one page is translated for one mode and runs in another", async () => {
    const machines = await LegacyDifferential.create();
    const seed = Date.now() % 0x3fffffff;
    for (let i = 0; i < 1000; i++) {
      expect(machines.run(seed + i), `seed ${seed + i}`).toBeNull();
      if (i % 100 === 0) await breath();
    }
    for (const { name } of LEGACY_MODES) {
      expect(machines.runs.get(name), name).toBeGreaterThan(330);
      expect(machines.entered.get(name), name).toBeGreaterThan(100);
    }
  }, 240_000);
});
