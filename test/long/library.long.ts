/** The library is killed at XENARIUM_CRASH_POINTS (200) random points. XENARIUM_SEED chooses which. */
import { expect, it } from "vitest";
import { SEED } from "../fuzz/random.ts";
import { crashAgainAndAgain } from "../library/crash.ts";

const POINTS = Number(process.env.XENARIUM_CRASH_POINTS ?? 200);

it(`has every step that was answered after ${POINTS} kills, and no orphans`, async () => {
  const { steps } = await crashAgainAndAgain(POINTS, SEED);
  expect(steps).toBeGreaterThan(POINTS);
});
