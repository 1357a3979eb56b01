import { describe, expect, it } from "vitest";
import { againstCorpus, buildEngine } from "./silicon/run.ts";

describe("the engine against a record of silicon", () => {
  it("agrees on every instance recorded, on any machine", async () => {
    const { count, differences } = await againstCorpus(await buildEngine());
    expect(differences.slice(0, 5), `${differences.length} of ${count} differ`).toEqual([]);
    expect(count).toBeGreaterThan(15_000);
  }, 120_000);
});
