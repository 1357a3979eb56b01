import { describe, expect, it } from "vitest";
import { difference } from "./silicon/compare.ts";
import { readCorpus } from "./silicon/corpus.ts";
import { formKey } from "./silicon/forms.ts";
import { RESULT } from "./silicon/generate.ts";
import { buildEngine } from "./silicon/run.ts";

describe("the engine against a record of silicon", () => {
  it("agrees on every instance recorded, on any machine", async () => {
    const engine = await buildEngine();
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
    expect(count).toBeGreaterThan(15_000);
  }, 120_000);
});
