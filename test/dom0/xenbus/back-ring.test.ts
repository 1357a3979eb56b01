/** The backend's end of a ring while the frontend writes into it, and when another backend goes on with it. */
import { describe, expect, it } from "vitest";
import { BackRing, RingError } from "../../../core/dom0/xenbus/back-ring.ts";

const PAGE = 4096;
/** Like those of a network ring: the response is a third of the request, and takes its first word's place. */
const SLOT_BYTES = 12;
const SIZE = 256;

function frontend(): { memory: SharedArrayBuffer; put: (...requests: number[][]) => void; words: Int32Array } {
  const memory = new SharedArrayBuffer(2 * PAGE);
  const words = new Int32Array(memory, PAGE);
  return {
    memory,
    words,
    put: (...requests) => {
      for (const request of requests) {
        words.set(request, 16 + (words[0]! & (SIZE - 1)) * 3);
        words[0]!++;
      }
    },
  };
}
const backend = (memory: SharedArrayBuffer): BackRing => new BackRing(memory, [PAGE], SLOT_BYTES);

describe("a ring whose backend ends", () => {
  it("after it has answered what the frontend was not shown gives the next backend the requests as they were", () => {
    const { memory, put, words } = frontend();
    const requests = [
      [101, 102, 103],
      [201, 202, 203],
      [301, 302, 303],
    ];
    put(...requests);
    const first = backend(memory);
    for (const number of [0, 1, 2]) {
      expect(first.take()).toBe(true);
      first.respond(Int32Array.of(number));
      if (number === 0) first.push();
    }
    expect(words[2]).toBe(1);
    const second = backend(memory);
    const found: number[][] = [];
    while (second.take()) found.push([...second.request]);
    expect(found).toEqual(requests.slice(1));
  });

  it("shows each response at its place, also where the ring begins anew", () => {
    const { memory, put, words } = frontend();
    const ring = backend(memory);
    for (let from = 0; from < 3 * SIZE; from += 100) {
      for (let i = 0; i < 100; i++) put([from + i, 0, 0]);
      while (ring.take()) ring.respond(Int32Array.of(~ring.request[0]!));
      ring.push();
      expect(words[2]).toBe(from + 100);
      for (let i = from; i < from + 100; i++) expect(words[16 + (i & (SIZE - 1)) * 3]).toBe(~i);
    }
  });
});

describe("a frontend", () => {
  it("that puts more requests than it has seen responses for is refused, and what was taken can be answered", () => {
    const { memory, put, words } = frontend();
    const ring = backend(memory);
    for (let i = 0; i < SIZE; i++) put([i, 0, 0]);
    while (ring.take()) ring.respond(Int32Array.of(0));
    // Everything is answered, but nothing of that is shown yet.
    put([0, 0, 0]);
    expect(() => ring.take()).toThrow(RingError);
    expect(() => ring.more()).toThrow(RingError);
    ring.push();
    expect(words[2]).toBe(SIZE);
    expect(ring.take()).toBe(true);
    ring.respond(Int32Array.of(0));
  });
});
