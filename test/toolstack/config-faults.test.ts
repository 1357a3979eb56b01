/** What the parser reports about a text that is no xl.cfg: enough to see what is wrong, but not one line for every line of a large file. */
import { expect, it } from "vitest";
import { saidOf } from "../../core/toolstack/error.ts";
import { parseXlConfig } from "../../core/toolstack/xlcfg.ts";

it("the first faults of a text are said, and how many more there are", () => {
  const { config, diagnostics } = parseXlConfig("* no line of this is a setting\n".repeat(1000));
  expect(config).toBeNull();
  expect(saidOf(diagnostics)).toMatch(/^line 1, column 1: expected a key.*; and \d+ more\.$/);
  expect(saidOf(diagnostics).length).toBeLessThan(1000);
});

it("all faults of a text with few are said", () => {
  const { diagnostics } = parseXlConfig("memory = 0\n");
  const said = saidOf(diagnostics);
  expect(said).toContain("name is missing");
  expect(said).not.toContain("more");
});
