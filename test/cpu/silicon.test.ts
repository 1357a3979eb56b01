import { describe, expect, it } from "vitest";
import { conformance, siliconMissing } from "./silicon/run.ts";

/** `npm run test:cpu` runs more of them. */
const INSTANCES = 24_000;

const missing = siliconMissing();

describe("the engine against silicon", () => {
  it.skipIf(missing !== null)(
    `agrees on ${INSTANCES} fresh random instances of every form${missing ? ` (${missing})` : ""}`,
    async () => {
      const seed = Date.now() % 0x7fffffff;
      const report = await conformance(seed, INSTANCES);
      const samples = [...report.samples].slice(0, 5).map(([form, lines]) => `${form}: ${lines[0]}`);
      expect(samples, `seed ${seed}: ${report.mismatches} of ${report.count} differ`).toEqual([]);
    },
    300_000,
  );
});
