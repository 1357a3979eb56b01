/** How much of the thread a ring may take whose frontend never lets it become empty, and sends as many events as it likes. */
import { expect, it } from "vitest";
import { BLKIF_OP_FLUSH_DISKCACHE, BLKIF_OP_READ } from "../../../../core/abi/io_blkif.ts";
import { DataGrants } from "../../../../core/dom0/backends/blk/data-grants.ts";
import { LAYOUTS } from "../../../../core/dom0/backends/blk/protocol.ts";
import { BlockQueue, type QueueParts } from "../../../../core/dom0/backends/blk/queue.ts";
import { BlockStatistics } from "../../../../core/dom0/backends/blk/statistics.ts";
import type { BlockStore } from "../../../../core/dom0/storage/block-store.ts";
import { RingError } from "../../../../core/dom0/xenbus/back-ring.ts";

const PAGE = 4096;
const LAYOUT = LAYOUTS["x86_64-abi"]!;
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

/** Puts the request into each slot, as answers take the place of requests. */
function putRequests(request: readonly number[]): void {
  for (let at = 64; at + LAYOUT.slotBytes <= words.byteLength; at += LAYOUT.slotBytes) words.set(request, at >> 2);
}

/** A queue over a ring of requests, all the same. Those that no store has to carry out are answered in the order in which they are taken. */
function queueOf(
  notify: () => void,
  {
    request = [NO_SUCH_OPERATION],
    store = null,
    pages = 1,
  }: { request?: readonly number[]; store?: Partial<BlockStore> | null; pages?: number } = {},
): BlockQueue {
  const buffer = new SharedArrayBuffer((1 + pages) * PAGE);
  words = new Int32Array(buffer, PAGE);
  putRequests(request);
  taken = 0;
  failures = [];
  return new BlockQueue({
    buffer,
    channel: {
      addresses: Array.from({ length: pages }, (_, page) => (1 + page) * PAGE),
      notify,
    } as unknown as QueueParts["channel"],
    layout: LAYOUT,
    record: null,
    grants: {
      hold: (refs: number[]) => ({ addresses: refs.map(() => 0) }),
      release: () => {},
    } as unknown as DataGrants,
    statistics: new BlockStatistics(),
    store: () => store as BlockStore | null,
    isWritable: true,
    isHeld: () => false,
    drained: () => Promise.resolve(),
    later: (action) => void setImmediate(action),
    room: { found: () => {} } as QueueParts["room"],
    fail: (error) => failures.push(error),
    // Is asked for each request that is taken, and once more for its end if it is carried out.
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

/** Fills the ring of a queue, and fills it again whenever responses are shown, as a guest on another processor does. Gives up after `most` requests. */
function fillAlways(queue: () => BlockQueue, request: readonly number[], most: number): () => void {
  return () => {
    if (words[RSP_PROD]! >= most) return;
    putRequests(request);
    words[REQ_PROD] = words[RSP_PROD]! + queue().ring.size;
    words[RSP_EVENT] = words[RSP_PROD]! + 1;
  };
}

it("leaves others their turn when its image ends requests without asking the operating system for anything", async () => {
  const most = 50 * PER_TURN;
  const request = [BLKIF_OP_FLUSH_DISKCACHE];
  let flushed = 0;
  const flush = async (): Promise<void> => void flushed++;
  const fill = fillAlways(() => queue, request, most);
  const queue: BlockQueue = queueOf(fill, { request, store: { size: 1 << 20, flush }, pages: 4 });
  expect(queue.ring.size).toBeGreaterThan(64);
  fill();
  queue.serve();
  for (let turns = 0; turns < 5; turns++) {
    const before = flushed;
    await turn();
    expect(flushed - before).toBeLessThanOrEqual(PER_TURN);
  }
  await expect.poll(() => flushed, { interval: 1 }).toBeGreaterThanOrEqual(most);
  expect(failures).toEqual([]);
});

it("moves no more in one turn than a few megabytes, however large the requests are that its image carries out at once", async () => {
  let bytes = 0;
  const readAtOnce = (_: number, targets: readonly Uint8Array[]): boolean => {
    bytes += targets.reduce((sum, { length }) => sum + length, 0);
    return true;
  };
  const segments = Array.from({ length: 11 }, (_, ref) => [ref, 0x700]).flat();
  const request = [BLKIF_OP_READ | (11 << 8), 0, 0, 0, 0, 0, ...segments];
  const fill = fillAlways(() => queue, request, 50 * PER_TURN);
  const queue: BlockQueue = queueOf(fill, { request, store: { size: 1 << 20, readAtOnce } });
  fill();
  queue.serve();
  for (let turns = 0; turns < 5; turns++) {
    const before = bytes;
    await turn();
    expect(bytes - before).toBeGreaterThan(4 << 20);
    expect(bytes - before).toBeLessThan(17 << 20);
  }
  expect(failures).toEqual([]);
});
