import { describe, expect, it } from "vitest";
import { breath } from "../../breath.ts";
import { againstCorpus, buildEngine, conformance, siliconMissing } from "../silicon/run.ts";
import { againstLegacyCorpus } from "../silicon/legacy/run.ts";
import { Differential } from "./differential.ts";
import { LegacyDifferential } from "./legacy-differential.ts";
import { LEGACY_MODES } from "./legacy-modes.ts";

/** Others each time. `npm run test:translator` runs as many as one likes, and `npm run test:cpu -- --translated` as many instances. */
const PROGRAMS = 800;
const PROGRAMS_WITH_LITTLE_ROOM = 80;
const LEGACY_PROGRAMS = 400;
const INSTANCES = 4_000;

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
      const report = await conformance(seed, INSTANCES, undefined, true);
      expect([...report.samples].slice(0, 5), `seed ${seed}`).toEqual([]);
    },
    240_000,
  );

  it("agrees with the interpreter on random programs with branches, calls, faults and self-modification", async () => {
    const machines = await Differential.create();
    const seed = Date.now() % 0x3fffffff;
    for (let i = 0; i < PROGRAMS; i++) {
      expect(machines.run(seed + i), `seed ${seed + i}`).toBeNull();
      if (i % 100 === 0) await breath();
    }
    expect(machines.runs).toBeGreaterThan(2_800);
    expect(machines.regions).toBeGreaterThan(3_800);
    expect(machines.clusters).toBeGreaterThan(380);
  }, 240_000);

  it("agrees with the interpreter while regions go and come, because there is little room for them", async () => {
    const machines = await Differential.create("few");
    const seed = Date.now() % 0x3fffffff;
    for (let i = 0; i < PROGRAMS_WITH_LITTLE_ROOM; i++) {
      expect(machines.run(seed + i), `seed ${seed + i}`).toBeNull();
      if (i % 100 === 0) await breath();
    }
    expect(machines.runs).toBeGreaterThan(240);
    expect(machines.evicted).toBeGreaterThan(1_200);
    expect(machines.clusters).toBeGreaterThan(40);
  }, 240_000);

  it("of 16 and 32 bits agrees with the record of silicon, every instruction as a region", async () => {
    const { count, samples, mismatches, regions } = await againstLegacyCorpus(true);
    expect([...samples].slice(0, 5), `${mismatches} of ${count} differ`).toEqual([]);
    expect(regions).toBeGreaterThan(2_500);
  }, 240_000);

  it("of every mode agrees with the interpreter, also where one page is translated for one mode and runs in another", async () => {
    const machines = await LegacyDifferential.create();
    const seed = Date.now() % 0x3fffffff;
    for (let i = 0; i < LEGACY_PROGRAMS; i++) {
      expect(machines.run(seed + i), `seed ${seed + i}`).toBeNull();
      if (i % 100 === 0) await breath();
    }
    for (const { name } of LEGACY_MODES) {
      expect(machines.runs.get(name), name).toBeGreaterThan(130);
      expect(machines.entered.get(name), name).toBeGreaterThan(40);
    }
  }, 240_000);
});
