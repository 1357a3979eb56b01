/** 16- and 32-bit code, through segments of every kind: the engine is compared with this machine's CPU, and with a record of one. */
import { describe, expect, it } from "vitest";
import { againstLegacyCorpus, legacyConformance } from "./silicon/legacy/run.ts";
import { siliconMissing } from "./silicon/run.ts";

const missing = siliconMissing();

describe("16- and 32-bit code", () => {
  it("is executed as silicon was recorded to do it, on any machine", async () => {
    const { count, samples, mismatches } = await againstLegacyCorpus();
    expect([...samples].slice(0, 5), `${mismatches} of ${count} differ`).toEqual([]);
    expect(count).toBeGreaterThan(4_000);
  }, 300_000);
  it.skipIf(missing !== null)(
    `is executed as this machine's CPU does it, 40,000 fresh random instances${missing ? ` (${missing})` : ""}`,
    async () => {
      const seed = Date.now() % 0x7fffffff;
      const report = await legacyConformance(seed, 40_000);
      const samples = [...report.samples].slice(0, 5).map(([form, lines]) => `${form}: ${lines[0]}`);
      expect(samples, `seed ${seed}: ${report.mismatches} of ${report.count} differ`).toEqual([]);
    },
    300_000,
  );
});
