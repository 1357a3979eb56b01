/** How much of the thread a ring may take whose frontend never lets it become empty, and sends as many events as it likes. */
import { expect, it } from "vitest";
import { DataGrants } from "../../../../core/dom0/backends/blk/data-grants.ts";
import { LAYOUTS } from "../../../../core/dom0/backends/blk/protocol.ts";
import { BlockQueue, type QueueParts } from "../../../../core/dom0/backends/blk/queue.ts";
import { BlockStatistics } from "../../../../core/dom0/backends/blk/statistics.ts";
import { RingError } from "../../../../core/dom0/xenbus/back-ring.ts";

const PAGE = 4096;
const NO_SUCH_OPERATION = 99;
/** Requests in one turn of the event loop. */
const PER_TURN = 512;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Words of the ring's header. */
const [REQ_PROD, RSP_PROD, RSP_EVENT] = [0, 2, 3];

let words: Int32Array;
/** The requests that were taken. */
let taken: number;
/** What the queue's frontend did wrong. */
let failures: unknown[];

/** A queue over a ring of requests that are refused at once, and so answered in the order in which they are taken. */
function queueOf(notify: () => void): BlockQueue {
  const buffer = new SharedArrayBuffer(2 * PAGE);
  words = new Int32Array(buffer, PAGE);
  const layout = LAYOUTS["x86_64-abi"]!;
  for (let at = 64; at < PAGE; at += layout.slotBytes) words[at >> 2] = NO_SUCH_OPERATION;
  taken = 0;
  failures = [];
  return new BlockQueue({
    buffer,
    channel: { addresses: [PAGE], notify } as unknown as QueueParts["channel"],
    layout,
    record: null,
    grants: {} as DataGrants,
    statistics: new BlockStatistics(),
    store: () => null,
    isWritable: true,
    isHeld: () => false,
    drained: () => Promise.resolve(),
    later: (action) => void setImmediate(action),
    room: {} as QueueParts["room"],
    fail: (error) => failures.push(error),
    // Is asked for each request that is taken.
    now: () => {
      taken++;
      return 0;
    },
  });
}

it("takes a ring that is never empty 512 requests in each turn of the event loop, however many events its frontend sends", async () => {
  /** The frontend fills the ring as soon as it is shown responses. It gives up, so that a queue without a bound ends too. */
  const fill = (): void => {
    if (!isFilling || taken > 20 * PER_TURN) return;
    words[REQ_PROD] = words[RSP_PROD]! + queue.ring.size;
    words[RSP_EVENT] = words[RSP_PROD]! + 1;
  };
  let isFilling = true;
  const queue = queueOf(fill);
  fill();
  let before = 0;
  const expectTurn = (): void => {
    // That the ring was found empty, until the frontend was shown the responses, counts as a request does: it happens once for each full ring.
    expect(taken - before).toBeLessThanOrEqual(PER_TURN);
    expect(taken - before).toBeGreaterThanOrEqual(PER_TURN - PER_TURN / queue.ring.size);
    before = taken;
  };
  for (let event = 0; event < 10; event++) queue.serve();
  expectTurn();
  for (let turns = 2; turns < 10; turns++) {
    await turn();
    expectTurn();
    queue.serve();
  }
  // Nothing is forgotten: what was left is taken, and then each event is heard again.
  isFilling = false;
  await turn();
  expect(taken).toBe(words[REQ_PROD]);
  expect(taken).toBeGreaterThan(before);
  words[REQ_PROD] = taken + 1;
  queue.serve();
  expect(taken).toBe(words[REQ_PROD]);
  expect(failures).toEqual([]);
});

it("fails a frontend that puts more into the ring than the responses that it was shown allow, and takes none of it", () => {
  const queue = queueOf(() => {});
  words[REQ_PROD] = 3;
  queue.serve();
  expect([taken, words[RSP_PROD]]).toEqual([3, 3]);
  for (const beyond of [3 + queue.ring.size + 1, 2, 0x7fffffff, -1]) {
    words[REQ_PROD] = beyond;
    failures = [];
    queue.serve();
    expect(failures).toEqual([expect.any(RingError)]);
    expect([taken, words[RSP_PROD]]).toEqual([3, 3]);
  }
  words[REQ_PROD] = 3 + queue.ring.size;
  failures = [];
  queue.serve();
  expect(failures).toEqual([]);
  expect(taken).toBe(3 + queue.ring.size);
});
