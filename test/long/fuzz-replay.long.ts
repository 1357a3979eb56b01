/**
 * Runs one round of the fuzz again, the one of XENARIUM_FUZZ_SEED, XENARIUM_FUZZ_TIMES times (10). Each time is on a new host with
 * XENARIUM_FUZZ_PCPUS pCPUs (2). It tells in how many of them something breaks, and what. It is for a failure of the fuzz, which names its seed, and
 * later for the proof that the fault is mended.
 */
import { expect, it } from "vitest";
import { FuzzHost, haveCompiler } from "../hypervisor/fuzz/host.ts";

const SEED = Number(process.env.XENARIUM_FUZZ_SEED ?? 0);
const TIMES = Number(process.env.XENARIUM_FUZZ_TIMES ?? 10);
const PCPUS = Number(process.env.XENARIUM_FUZZ_PCPUS ?? 2);

it.skipIf(!haveCompiler)(
  `seed ${SEED} breaks nothing in ${TIMES} rounds on ${PCPUS} pCPUs (needs gcc, make)`,
  async () => {
    const broken: string[] = [];
    for (let time = 1; time <= TIMES; time++) {
      try {
        const { calls, checks, seconds, forks } = await new FuzzHost({ pcpus: PCPUS }).replay(SEED);
        console.log(
          `replay ${time}: ${calls} calls, ${checks} checks, ${seconds.toFixed(1)} s, ${JSON.stringify(forks)}, nothing broke`,
        );
      } catch (error) {
        broken.push((error as Error).message);
        console.log(`replay ${time}: ${broken.at(-1)!.split("\n")[0]}`);
      }
    }
    console.log(`seed ${SEED} on ${PCPUS} pCPUs: it broke in ${broken.length} of ${TIMES} replays`);
    expect(broken.length, broken[0]).toBe(0);
  },
  TIMES * 600_000,
);
