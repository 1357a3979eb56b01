/** Backends that die at any moment, one after the other, on one ring: with a record every request is answered once, and none is lost. */
import { describe, expect, it } from "vitest";
import { BackRing, RingError, ringSize } from "../../../core/dom0/xenbus/back-ring.ts";
import { RequestRecord } from "../../../core/dom0/xenbus/request-record.ts";
import { pick, random, SEED, triesOf } from "../../fuzz/random.ts";

const SLOT_BYTES = 112;
const SIZE = ringSize(1, SLOT_BYTES);
const [REQ_PROD, RSP_PROD] = [0, 2];
const HEADER = 16;
const SLOT_WORDS = SLOT_BYTES >> 2;
/** Word of a record: the requests taken so far. */
const CONSUMER = 0;

/** The frontend's end: asks, and looks at each answer once. */
class Frontend {
  readonly page = new SharedArrayBuffer(4096);
  readonly words = new Int32Array(this.page);
  readonly open = new Set<number>();
  #next = 1;
  #produced: number;
  #seen: number;

  constructor(start: number) {
    this.#produced = this.#seen = start;
    this.words[REQ_PROD] = this.words[RSP_PROD] = start | 0;
  }
  slot = (index: number): number => HEADER + (index & (SIZE - 1)) * SLOT_WORDS;
  get hasRoom(): boolean {
    return this.open.size < SIZE;
  }
  ask(): void {
    const id = this.#next++;
    const at = this.slot(this.#produced);
    this.words.fill(0, at, at + SLOT_WORDS);
    this.words[at] = id;
    this.words[at + SLOT_WORDS - 1] = ~id;
    this.open.add(id);
    this.#produced = (this.#produced + 1) >>> 0;
    this.words[REQ_PROD] = this.#produced | 0;
  }
  look(): void {
    for (; this.#seen !== this.words[RSP_PROD]! >>> 0; this.#seen = (this.#seen + 1) >>> 0) {
      const id = this.words[this.slot(this.#seen)]!;
      expect(this.open.delete(id), `an answer to request ${id}, which waits for none`).toBe(true);
    }
  }
}

describe("a record of requests", () => {
  const tries = triesOf(300);
  it(`lets the next backend go on, wherever the one before ended, in ${tries} lives (seed ${SEED})`, () => {
    const chance = random(SEED);
    // Indices wrap while it goes on.
    const frontend = new Frontend(2 ** 32 - 500);
    const memory = new SharedArrayBuffer(RequestRecord.bytes(SIZE, SLOT_BYTES));
    const words = new Int32Array(memory);
    let done = 0;
    for (let life = 0; life < tries; life++) {
      const record = new RequestRecord(memory, SIZE, SLOT_BYTES);
      const ring = new BackRing(frontend.page, [0], SLOT_BYTES, record);
      const held: { id: number; taken: number }[] = [];
      // What the one before had taken comes first, and is whole.
      for (let step = chance(60); step > 0; step--) {
        const what = pick(chance, ["ask", "ask", "take", "take", "respond", "push"]);
        if (what === "ask" && frontend.hasRoom) frontend.ask();
        if (what === "take" && ring.take()) {
          const id = ring.request[0]!;
          expect(ring.request.at(-1), `request ${id} of life ${life}`).toBe(~id);
          expect(held.some((each) => each.id === id)).toBe(false);
          held.push({ id, taken: ring.taken });
        }
        if (what === "respond" && held.length > 0) {
          // In any order: one may be slow while many others come and go.
          const [answered] = held.splice(Math.max(chance(held.length), chance(held.length)), 1);
          const { id, taken } = answered!;
          ring.respond(Int32Array.of(id, 0, 0), taken);
          done++;
        }
        if (what === "push") {
          ring.push();
          frontend.look();
        }
      }
      // It ends: between two calls, or in the middle of one. What a call had not come to yet is taken back.
      const end = pick(chance, ["between", "taking", "answering", "showing"]);
      if (end === "taking") {
        const before = words[CONSUMER]!;
        if (ring.take()) words[CONSUMER] = before;
      } else if (end === "answering" && held.length > 0) {
        const before = frontend.words.slice();
        ring.respond(Int32Array.of(held[0]!.id, 0, 0), held[0]!.taken);
        frontend.words.set(before);
      } else if (end === "showing") {
        const before = words.slice();
        ring.push();
        words.set(before);
      }
      frontend.look();
    }
    expect(done).toBeGreaterThan(tries);
    const ring = new BackRing(frontend.page, [0], SLOT_BYTES, new RequestRecord(memory, SIZE, SLOT_BYTES));
    while (ring.take()) ring.respond(Int32Array.of(ring.request[0]!, 0, 0), ring.taken);
    ring.push();
    frontend.look();
    expect(frontend.open).toEqual(new Set());
  });

  it(`lets each request be answered, or refuses the ring, whatever the frontend writes into it between two backends (seed ${SEED})`, () => {
    const chance = random(SEED);
    let [refused, served] = [0, 0];
    for (let i = 0; i < triesOf(2000); i++) {
      const frontend = new Frontend(pick(chance, [0, 5, 2 ** 32 - 3, 0x7fffffff]));
      const memory = new SharedArrayBuffer(RequestRecord.bytes(SIZE, SLOT_BYTES));
      const take = (ring: BackRing): number[] => {
        const taken: number[] = [];
        while (ring.take()) taken.push(ring.taken);
        return taken;
      };
      const first = new BackRing(frontend.page, [0], SLOT_BYTES, new RequestRecord(memory, SIZE, SLOT_BYTES));
      for (let n = chance(SIZE + 1); n > 0; n--) frontend.ask();
      const taken = take(first);
      for (const each of taken.splice(0, chance(taken.length + 1))) first.respond(Int32Array.of(0, 0, 0), each);
      if (chance(2)) first.push();
      for (const at of [REQ_PROD, RSP_PROD])
        if (chance(2))
          frontend.words[at]! += pick(chance, [1, -1, SIZE, -SIZE, chance(2 ** 32), chance(2 * SIZE) - SIZE]);
      try {
        const next = new BackRing(frontend.page, [0], SLOT_BYTES, new RequestRecord(memory, SIZE, SLOT_BYTES));
        for (const each of take(next)) next.respond(Int32Array.of(0, 0, 0), each);
        next.push();
        expect(next.inFlight).toBe(0);
        served++;
      } catch (error) {
        expect(error).toBeInstanceOf(RingError);
        refused++;
      }
    }
    expect(Math.min(refused, served)).toBeGreaterThan(triesOf(2000) / 20);
  });

  it("that was of another ring is not used", () => {
    const memory = new SharedArrayBuffer(RequestRecord.bytes(SIZE, SLOT_BYTES));
    const first = new Frontend(0);
    first.ask();
    first.ask();
    const ring = new BackRing(first.page, [0], SLOT_BYTES, new RequestRecord(memory, SIZE, SLOT_BYTES));
    expect([ring.take(), ring.take(), ring.take()]).toEqual([true, true, false]);
    // The frontend has begun anew with the same page, and the backend before it has answered five requests of another.
    const second = new Frontend(5);
    second.ask();
    const next = new BackRing(second.page, [0], SLOT_BYTES, new RequestRecord(memory, SIZE, SLOT_BYTES));
    expect([next.take(), next.request[0], next.take()]).toEqual([true, 1, false]);
    next.respond(Int32Array.of(1, 0, 0), next.taken);
    next.push();
    second.look();
    expect(second.open).toEqual(new Set());
  });
});
