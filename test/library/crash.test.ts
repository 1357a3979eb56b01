/** The library under kill -9. test/long/library.long.ts does more of it. */
import { expect, it } from "vitest";
import { SEED } from "../fuzz/random.ts";
import { crashAgainAndAgain } from "./crash.ts";

it("has every step that was answered after 30 kills at random points, and no orphans", async () => {
  const { steps } = await crashAgainAndAgain(30, SEED);
  expect(steps).toBeGreaterThan(50);
}, 240_000);
