import { expect, it } from "vitest";
import { FuzzHost, haveCompiler } from "./host.ts";

const CALLS = Number(process.env.XENARIUM_FUZZ_CALLS ?? 2_000_000);
const SECONDS = Number(process.env.XENARIUM_FUZZ_SECONDS ?? 45);
const SEED = Number(process.env.XENARIUM_FUZZ_SEED ?? Date.now() % 1_000_000);

it.skipIf(!haveCompiler)(
  "hostile domains with several vCPUs break no isolation and no invariant (needs gcc, make)",
  async () => {
    const { calls, rounds, checks, seconds, tally } = await new FuzzHost().run(SEED, CALLS, SECONDS);
    console.log(`${calls} hypercalls in ${rounds} rounds and ${seconds.toFixed(0)} s from seed ${SEED}, ${checks} checks: 0 breaks`);
    console.log([...tally].map(([name, { ok, tried }]) => `${name}=${ok}/${tried}`).join(" "));
    expect(calls).toBeGreaterThan(0);
  },
  600_000,
);
