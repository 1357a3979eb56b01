/**
 * Hostile domains as in `npm test`, for as long as one likes: XENARIUM_FUZZ_CALLS hypercalls or XENARIUM_FUZZ_SECONDS, whichever comes first,
 * from XENARIUM_FUZZ_SEED on. Says how often each hypercall was tried and succeeded.
 */
import { expect, it } from "vitest";
import { FuzzHost, haveCompiler } from "../hypervisor/fuzz/host.ts";
import { unreached } from "../hypervisor/fuzz/reach.ts";

const CALLS = Number(process.env.XENARIUM_FUZZ_CALLS ?? 100_000_000);
const SECONDS = Number(process.env.XENARIUM_FUZZ_SECONDS ?? 1800);
const SEED = Number(process.env.XENARIUM_FUZZ_SEED ?? Date.now() % 1_000_000);
/** Calls after which each hypercall must have succeeded now and then. */
const ENOUGH = 1_000_000;

it.skipIf(!haveCompiler)(
  `${CALLS} hypercalls of hostile domains break nothing (needs gcc, make)`,
  async () => {
    const { calls, rounds, checks, seconds, tally } = await new FuzzHost().run(SEED, CALLS, SECONDS);
    const each = [...tally].sort().map(([name, { ok, tried }]) => `${name}=${ok}/${tried}`);
    console.log(
      `${calls} hypercalls in ${rounds} rounds and ${seconds.toFixed(0)} s from seed ${SEED}, ${checks} checks: 0 breaks`,
    );
    console.log(`succeeded/tried by number.operation: ${each.join(" ")}`);
    // On a machine that has no time for it, too few calls are made to have reached everything.
    if (calls >= ENOUGH) expect(unreached(tally)).toEqual([]);
    else console.log(`fewer than ${ENOUGH} calls: what they reached was not judged`);
  },
  (SECONDS + 600) * 1000,
);
