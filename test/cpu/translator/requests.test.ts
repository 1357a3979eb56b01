/** The ring of requests for regions: pCPUs that claim its last place at the same moment must not both get it. */
import { Worker } from "node:worker_threads";
import { beforeAll, expect, it } from "vitest";
import { CPU_SIZE } from "../../../core/machine/cpu/state.ts";
import { TRANSLATOR_HEAD, TRANSLATOR_REQUESTS, TRANSLATOR_TAIL } from "../../../core/machine/layout.ts";
import { compileEngine } from "../engine.ts";
import { Machine } from "../machine.ts";

const PROCESSORS = 2;
const VERSIONS = 0x200000 + CPU_SIZE;
const PAGES = 2048;
const FLAGS = VERSIONS + (PAGES << 4) * 4;
const FIRST_REGION = 0x1800000;
const REGION_BYTES = 0x1400000;
/** A word that says that they shall end, and one that counts how many have begun. */
const STOP = 0x6000000;
const BEGUN = STOP + 4;
/** So many requests have to find a place, in so much time at most. Before it was mended, the fault was met after some millions. */
const MANY = 20_000_000;
const MOST_MILLISECONDS = 6000;

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await compileEngine();
});

/** Requests something all the time, and makes room for one more request as soon as there is none. */
const REQUESTER = `
const { workerData } = require("node:worker_threads");
const { compiled, memory, number, region, versions, flags, stop, begun, head, tail, places } = workerData;
const env = { memory, now: () => 0, adopt() {}, trap(code) { throw new Error("trap " + code); } };
const { exports } = new WebAssembly.Instance(compiled, { env });
exports.engine_join(number, region, versions, flags);
const words = new Int32Array(memory.buffer);
Atomics.add(words, begun >> 2, 1);
while (!Atomics.load(words, stop >> 2)) {
  exports.engine_request(0x3b00000);
  if (Atomics.load(words, head >> 2) - Atomics.load(words, tail >> 2) === places) Atomics.add(words, tail >> 2, 1);
}
`;

it("never holds more requests than it has places, however many ask at once", async () => {
  const m = new Machine(compiled, null, PAGES);
  const words = new Int32Array(m.memory.buffer);
  const requesters = Array.from(
    { length: PROCESSORS },
    (_, n) =>
      new Worker(REQUESTER, {
        eval: true,
        workerData: {
          compiled,
          memory: m.memory,
          number: n + 1,
          region: FIRST_REGION + n * REGION_BYTES,
          versions: VERSIONS,
          flags: FLAGS,
          stop: STOP,
          begun: BEGUN,
          head: TRANSLATOR_HEAD,
          tail: TRANSLATOR_TAIL,
          places: TRANSLATOR_REQUESTS,
        },
      }),
  );
  try {
    await expect.poll(() => Atomics.load(words, BEGUN >> 2), { timeout: 20_000 }).toBe(PROCESSORS);
    // If both got the last place, there is one request too many from then on.
    const end = performance.now() + MOST_MILLISECONDS;
    while (Atomics.load(words, TRANSLATOR_TAIL >> 2) < MANY && performance.now() < end) {
      Atomics.wait(words, STOP >> 2, 0, 20);
      const head = Atomics.load(words, TRANSLATOR_HEAD >> 2);
      const held = head - Atomics.load(words, TRANSLATOR_TAIL >> 2);
      expect(held).toBeLessThanOrEqual(TRANSLATOR_REQUESTS);
    }
    expect(Atomics.load(words, TRANSLATOR_TAIL >> 2)).toBeGreaterThan(TRANSLATOR_REQUESTS);
  } finally {
    Atomics.store(words, STOP >> 2, 1);
    await Promise.all(requesters.map((worker) => worker.terminate()));
  }
}, 60_000);
