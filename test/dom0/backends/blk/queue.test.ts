/** How much of the thread a ring may take whose frontend never lets it become empty, and sends as many events as it likes. */
import { expect, it } from "vitest";
import { DataGrants } from "../../../../core/dom0/backends/blk/data-grants.ts";
import { LAYOUTS } from "../../../../core/dom0/backends/blk/protocol.ts";
import { BlockQueue, type QueueParts } from "../../../../core/dom0/backends/blk/queue.ts";
import { BlockStatistics } from "../../../../core/dom0/backends/blk/statistics.ts";

const PAGE = 4096;
const NO_SUCH_OPERATION = 99;
/** Requests in one turn of the event loop. */
const PER_TURN = 512;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it("takes a ring that is never empty 512 requests in each turn of the event loop, however many events its frontend sends", async () => {
  const buffer = new SharedArrayBuffer(2 * PAGE);
  const words = new Int32Array(buffer, PAGE);
  const layout = LAYOUTS["x86_64-abi"]!;
  for (let at = 64; at < PAGE; at += layout.slotBytes) words[at >> 2] = NO_SUCH_OPERATION;
  let [taken, isFilled] = [0, true];
  const queue = new BlockQueue({
    buffer,
    channel: { addresses: [PAGE], notify: () => {} } as unknown as QueueParts["channel"],
    layout,
    record: null,
    grants: {} as DataGrants,
    statistics: new BlockStatistics(),
    store: () => null,
    isWritable: true,
    isHeld: () => false,
    drained: () => Promise.resolve(),
    room: {} as QueueParts["room"],
    fail: (error) => {
      throw error;
    },
    // Is asked for each request that is taken: another one is there by then.
    now: () => {
      taken++;
      if (isFilled) words[0] = taken + 1;
      return 0;
    },
  });
  words[0] = 1;
  for (let event = 0; event < 10; event++) queue.serve();
  expect(taken).toBe(PER_TURN);
  for (let turns = 2; turns < 10; turns++) {
    await turn();
    expect(taken).toBe(turns * PER_TURN);
    queue.serve();
  }
  // Nothing is forgotten: what was left is taken, and then each event is heard again.
  isFilled = false;
  await turn();
  const last = 9 * PER_TURN + 1;
  expect(taken).toBe(last);
  words[0] = last + 1;
  queue.serve();
  expect(taken).toBe(last + 1);
});
