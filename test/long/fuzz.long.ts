/**
 * Runs hostile domains as in `npm test`, but for as long as one likes: for XENARIUM_FUZZ_CALLS hypercalls, which must be reached, or else for
 * XENARIUM_FUZZ_SECONDS, beginning with XENARIUM_FUZZ_SEED. With both, the calls may take that many seconds. With XENARIUM_FUZZ_MEMORY=3328 some PVH
 * domains have more than 1 GiB. It reports how often each hypercall was tried and succeeded.
 */
import { expect, it } from "vitest";
import { FuzzHost, KINDS, haveCompiler } from "../hypervisor/fuzz/host.ts";
import { unreached } from "../hypervisor/fuzz/reach.ts";

const CALLS = Number(process.env.XENARIUM_FUZZ_CALLS ?? Infinity);
/** If only the calls are given, they may take a week. */
const SECONDS = Number(process.env.XENARIUM_FUZZ_SECONDS ?? (CALLS < Infinity ? 7 * 86_400 : 1800));
const SEED = Number(process.env.XENARIUM_FUZZ_SEED ?? Date.now() % 1_000_000);
/** After this many calls each hypercall must have succeeded now and then. */
const ENOUGH = 1_000_000;
/** The number of calls between two lines that report the progress. */
const SAY_EVERY = 1_000_000;

it.skipIf(!haveCompiler)(
  `${CALLS < Infinity ? `${CALLS} hypercalls` : `${SECONDS} s`} of hostile domains break nothing (needs gcc, make)`,
  async () => {
    const extent = { calls: CALLS, seconds: SECONDS, rounds: KINDS };
    let said = 0;
    const { calls, rounds, checks, seconds, tally, forks, huge } = await new FuzzHost().run(SEED, extent, (soFar) => {
      if (soFar.calls < said + SAY_EVERY) return;
      said = soFar.calls;
      console.log(`${said} hypercalls in ${soFar.rounds} rounds and ${soFar.seconds.toFixed(0)} s from seed ${SEED}`);
    });
    const each = [...tally].sort().map(([name, { ok, tried }]) => `${name}=${ok}/${tried}`);
    console.log(
      `${calls} hypercalls in ${rounds} rounds and ${seconds.toFixed(0)} s from seed ${SEED}, ${checks} checks, forks ${JSON.stringify(forks)}, ${huge} rounds with an entry of 1 GiB: 0 breaks`,
    );
    console.log(`succeeded/tried by number.operation: ${each.join(" ")}`);
    if (CALLS < Infinity) expect(calls, `calls made in ${seconds.toFixed(0)} s`).toBeGreaterThanOrEqual(CALLS);
    // A machine that has too little time makes too few calls to have reached everything.
    if (calls >= ENOUGH) expect(unreached(tally)).toEqual([]);
    else console.log(`fewer than ${ENOUGH} calls: what they reached was not judged`);
  },
  (SECONDS + 600) * 1000,
);
