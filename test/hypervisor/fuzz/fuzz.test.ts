import { expect, it } from "vitest";
import { FuzzHost, haveCompiler } from "./host.ts";
import { unreached } from "./reach.ts";

/** Enough for each hypercall to succeed many times. */
const CALLS = 700_000;
/** As much as may be spent on them on a machine that is busy with other things. */
const SECONDS = 60;
/** Below this the machine was too busy for a judgement on what was reached. */
const ENOUGH = 600_000;
const SEED = Number(process.env.XENARIUM_FUZZ_SEED ?? Date.now() % 1_000_000);

it.skipIf(!haveCompiler)(
  "hostile domains with several vCPUs break no isolation and no invariant (needs gcc, make)",
  async () => {
    const { calls, rounds, checks, seconds, tally } = await new FuzzHost().run(SEED, CALLS, SECONDS);
    console.log(
      `${calls} hypercalls in ${rounds} rounds and ${seconds.toFixed(0)} s from seed ${SEED}, ${checks} checks: 0 breaks`,
    );
    if (calls >= ENOUGH) expect(unreached(tally), `seed ${SEED}`).toEqual([]);
    expect(checks).toBeGreaterThan(0);
  },
  300_000,
);
