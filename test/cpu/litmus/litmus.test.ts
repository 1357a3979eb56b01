import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MOST_THREADS } from "./layout.ts";
import { runContention, runLitmus } from "./litmus.ts";
import { Processors } from "./processors.ts";
import { CONTENTION, LITMUS } from "./programs.ts";

/** `npm run test:litmus` takes longer. */
const STARTS = 50;
const CONTENTION_STARTS = 5;
const ROUNDS = 20_000;

describe.each([
  ["interpreted", false],
  ["translated", true],
])("several processors over one memory, %s", (_name, translate) => {
  let processors: Processors;
  beforeAll(async () => {
    processors = await Processors.start(MOST_THREADS, translate);
  });
  afterAll(() => processors.close());

  it.each(LITMUS.map((litmus) => [litmus.name, litmus] as const))(
    "never do what x86's memory order forbids: %s",
    async (_, litmus) => {
      const { forbidden, example, seen } = await runLitmus(processors, litmus, STARTS);
      expect(forbidden, JSON.stringify(example)).toBe(0);
      // This shows that the threads did something at all.
      expect([...seen.values()].reduce((sum, times) => sum + times, 0)).toBe(STARTS * 1024);
    },
  );

  it.each(CONTENTION.map((contention) => [contention.name, contention] as const))(
    "lose nothing to each other: %s",
    async (_, contention) => {
      expect(await runContention(processors, contention, CONTENTION_STARTS, ROUNDS)).toBeNull();
    },
  );

  it("ran the code that they should", () => {
    for (const thread of [0, 1]) {
      if (translate) expect(processors.entered(thread)).toBeGreaterThan(LITMUS.length * STARTS);
      else expect(processors.entered(thread)).toBe(0);
    }
  });

  it("met: the order of stores and loads was not always the same", async () => {
    const { seen } = await runLitmus(processors, LITMUS[0]!, STARTS);
    expect(seen.size).toBeGreaterThan(1);
  });
});
