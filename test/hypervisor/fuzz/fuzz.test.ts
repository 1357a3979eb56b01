import { expect, it } from "vitest";
import { CYCLE, FuzzHost, KINDS, haveCompiler } from "./host.ts";
import { unreached } from "./reach.ts";

/** ../../long/fuzz.long.ts makes as many as one likes. */
const CALLS = 4_000_000;
const SECONDS = 120;
/**
 * After this many calls each hypercall has succeeded many times. A machine that is too busy makes fewer calls, but it has still seen all kinds of
 * rounds.
 */
const ENOUGH = 2_000_000;
/** It begins with the rounds that fork. */
const SEED = Number(process.env.XENARIUM_FUZZ_SEED ?? (Math.floor(Date.now() / CYCLE) * CYCLE) % 1_000_000);

it.skipIf(!haveCompiler)(
  "hostile domains with several vCPUs break no isolation and no invariant (needs gcc, make)",
  async () => {
    const extent = { calls: CALLS, seconds: SECONDS, rounds: KINDS };
    const { calls, rounds, checks, seconds, tally, forks } = await new FuzzHost().run(SEED, extent);
    console.log(
      `${calls} hypercalls in ${rounds} rounds and ${seconds.toFixed(0)} s from seed ${SEED}, ${checks} checks, forks ${JSON.stringify(forks)}: 0 breaks`,
    );
    expect(rounds).toBeGreaterThanOrEqual(KINDS);
    // The checker looks at least once in each round, and also while the guests run.
    expect(checks).toBeGreaterThan(rounds);
    if (calls < ENOUGH) return;
    expect(unreached(tally), `seed ${SEED}`).toEqual([]);
    expect(forks.pvh, `seed ${SEED}`).toBeGreaterThan(0);
    expect(forks.pv, `seed ${SEED}`).toBeGreaterThan(0);
    expect(forks.compared, `seed ${SEED}`).toBeGreaterThan(0);
  },
  600_000,
);
