import { describe, expect, it } from "vitest";
import { difference } from "../silicon/compare.ts";
import { readCorpus } from "../silicon/corpus.ts";
import { formKey } from "../silicon/forms.ts";
import { RESULT } from "../silicon/generate.ts";
import { buildEngine, conformance, siliconMissing } from "../silicon/run.ts";
import { Differential } from "./differential.ts";

describe("translated code", () => {
  it("agrees with the record of silicon, every instruction as a region", async () => {
    const engine = await buildEngine(true);
    const result = new Uint8Array(RESULT.size);
    const found: string[] = [];
    let count = 0;
    for (const [one, silicon] of readCorpus()) {
      engine.run(one.bytes, result);
      count++;
      const text = difference(one, silicon, result);
      if (text) found.push(`${formKey(one.form)}: ${text}`);
    }
    expect(found.slice(0, 5), `${found.length} of ${count} differ`).toEqual([]);
    expect(engine.regions).toBeGreaterThan(15_000);
  }, 240_000);

  it.skipIf(siliconMissing())(
    "agrees with this machine's CPU on a fresh seed",
    async () => {
      const report = await conformance(Date.now() % 0x7fffffff, 20_000, undefined, true);
      expect([...report.samples].slice(0, 5)).toEqual([]);
    },
    240_000,
  );

  it("agrees with the interpreter on random programs with branches, calls, faults and self-modification", async () => {
    const machines = await Differential.create();
    const seed = Date.now() % 0x3fffffff;
    for (let i = 0; i < 6000; i++) expect(machines.run(seed + i), `seed ${seed + i}`).toBeNull();
    expect(machines.runs).toBeGreaterThan(15_000);
    expect(machines.regions).toBeGreaterThan(20_000);
  }, 240_000);
});
