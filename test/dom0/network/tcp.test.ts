/** The TCP endpoint, with another one at the far end of a link that loses, repeats and reorders segments; and the effect of hostile segments. */
import { createHash, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { TcpEndpoint, type EndpointEvents } from "../../../core/dom0/network/gateway/tcp/endpoint.ts";
import { Ranges } from "../../../core/dom0/network/gateway/tcp/ranges.ts";
import { Receiver, RECEIVE_BUFFER } from "../../../core/dom0/network/gateway/tcp/receiver.ts";
import { ACK, RST, SYN, type Segment, type SegmentHeader } from "../../../core/dom0/network/gateway/tcp/segment.ts";
import { seeded } from "../../random.ts";

const SIZE = 1460;

interface Link {
  /** Decides what happens to a segment: one entry for each arrival, with its delay in milliseconds. */
  fate(): number[];
}

function segment(header: SegmentHeader, payload: Uint8Array): Segment {
  return {
    sourcePort: 1,
    destinationPort: 2,
    sequence: header.sequence,
    acknowledgement: header.acknowledgement,
    flags: header.flags,
    window: header.window,
    payload,
    maximumSegmentSize: header.open?.maximumSegmentSize ?? null,
    windowScale: header.open?.windowScale ?? null,
    sackPermitted: header.open?.sackPermitted ?? false,
    sacks: header.sacks ?? [],
  };
}

interface Side {
  endpoint: TcpEndpoint;
  got: Buffer[];
  closed: Promise<string>;
  ended: Promise<void>;
  opened: Promise<void>;
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((given) => (resolve = given));
  return { promise, resolve };
}

/** Two endpoints, of which the first calls and the second answers at once. Segments of up to `largest` bytes are cut as by a device without GSO. */
function pair(link: Link, largest = 0): [Side, Side] {
  const sides: Side[] = [];
  const make = (other: number): Side => {
    const got: Buffer[] = [];
    const opened = deferred<void>();
    const ended = deferred<void>();
    const closed = deferred<string>();
    const events: EndpointEvents = {
      opened: opened.resolve,
      data: (bytes) => void got.push(Buffer.from(bytes)),
      ended: ended.resolve,
      drained: () => {},
      closed: closed.resolve,
    };
    const arrive = (part: Segment) => {
      const { endpoint } = sides[other]!;
      if (endpoint.state === "listening" && endpoint.called(part)) endpoint.accept();
      else endpoint.receive(part);
    };
    const endpoint = new TcpEndpoint(
      {
        maximumSegmentSize: SIZE,
        largest,
        waiting: () => 0,
        buffer: () => RECEIVE_BUFFER,
        now: () => performance.now(),
        transmit: (header, length, payload, segmentSize) => {
          const bytes = new Uint8Array(length);
          payload(bytes, 0);
          const step = segmentSize || Math.max(length, 1);
          for (let at = 0; at < Math.max(length, 1); at += step) {
            const flags = at + step >= length ? header.flags : header.flags & ~1;
            const sequence = (header.sequence + at) >>> 0;
            const part = segment({ ...header, sequence, flags }, bytes.subarray(at, Math.min(at + step, length)));
            for (const delay of link.fate()) setTimeout(() => arrive(part), delay);
          }
        },
      },
      events,
    );
    return { endpoint, got, opened: opened.promise, ended: ended.promise, closed: closed.promise };
  };
  sides.push(make(1), make(0));
  return sides as [Side, Side];
}

const digest = (parts: Buffer[]) => createHash("sha256").update(Buffer.concat(parts)).digest("hex");

async function exchange(link: Link, bytes: number, largest = 0): Promise<void> {
  const [caller, answerer] = pair(link, largest);
  const there = randomBytes(bytes);
  const back = randomBytes(bytes >> 1);
  caller.endpoint.call();
  await caller.opened;
  for (let at = 0; at < there.length; at += 100_000) caller.endpoint.write(there.subarray(at, at + 100_000));
  caller.endpoint.end();
  await answerer.opened;
  answerer.endpoint.write(back);
  answerer.endpoint.end();
  await Promise.all([caller.ended, answerer.ended]);
  expect(digest(answerer.got)).toBe(digest([there]));
  expect(digest(caller.got)).toBe(digest([back]));
  expect(await caller.closed).toBe("finished");
  expect(await answerer.closed).toBe("finished");
}

describe("TCP endpoint", () => {
  it("carries both directions and closes, segment by segment and with GSO frames", async () => {
    await exchange({ fate: () => [0] }, 3_000_000);
    await exchange({ fate: () => [0] }, 3_000_000, 64_000);
  });

  it.each([1, 2, 3])("arrives intact where 3 %% are lost, 1 %% come twice and 5 %% late (seed %i)", async (seed) => {
    const random = seeded(seed);
    const fate = () => {
      const roll = random();
      if (roll < 0.03) return [];
      if (roll < 0.04) return [0, 3];
      return roll < 0.09 ? [2] : [0];
    };
    await exchange({ fate }, 2_000_000, seed === 3 ? 64_000 : 0);
  });

  it("gives up when nobody answers, and says so", async () => {
    const realSetTimeout = globalThis.setTimeout;
    // The retransmission timer's 1, 2, 4, … seconds pass at once. Nothing else here waits.
    globalThis.setTimeout = ((action: () => void) => realSetTimeout(action, 0)) as typeof setTimeout;
    try {
      const [caller] = pair({ fate: () => [] });
      caller.endpoint.call();
      expect(await caller.closed).toBe("timed out");
    } finally {
      globalThis.setTimeout = realSetTimeout;
    }
  });

  it("sends no more than the other side's window, and goes on when it opens", () => {
    const sent: { header: SegmentHeader; length: number }[] = [];
    const endpoint = new TcpEndpoint(
      {
        maximumSegmentSize: SIZE,
        largest: 0,
        waiting: () => 0,
        buffer: () => RECEIVE_BUFFER,
        now: () => 0,
        transmit: (header, length) => void sent.push({ header, length }),
      },
      { opened: () => {}, data: () => {}, ended: () => {}, drained: () => {}, closed: () => {} },
    );
    const from = (header: Partial<SegmentHeader>) =>
      segment({ sequence: 1000, acknowledgement: 0, flags: ACK, window: 4000, ...header }, new Uint8Array());
    endpoint.called(from({ flags: SYN, open: { maximumSegmentSize: SIZE, windowScale: null, sackPermitted: false } }));
    endpoint.accept();
    const first = (sent[0]!.header.sequence + 1) >>> 0;
    endpoint.receive(from({ sequence: 1001, acknowledgement: first }));
    endpoint.write(new Uint8Array(20_000));
    const data = () => sent.filter(({ length }) => length > 0);
    expect(data().reduce((sum, { length }) => sum + length, 0)).toBe(2 * SIZE);
    endpoint.receive(from({ sequence: 1001, acknowledgement: (first + 2 * SIZE) >>> 0, window: 0 }));
    expect(data()).toHaveLength(2);
    endpoint.receive(from({ sequence: 1001, acknowledgement: (first + 2 * SIZE) >>> 0, window: 10 * SIZE }));
    expect(data()).toHaveLength(12);
    endpoint.abandon();
  });

  it("takes a reset only inside its window, and no acknowledgement of what was never sent", () => {
    let closed = 0;
    const sent: SegmentHeader[] = [];
    const endpoint = new TcpEndpoint(
      {
        maximumSegmentSize: SIZE,
        largest: 0,
        waiting: () => 0,
        buffer: () => RECEIVE_BUFFER,
        now: () => 0,
        transmit: (header) => void sent.push(header),
      },
      { opened: () => {}, data: () => {}, ended: () => {}, drained: () => {}, closed: () => closed++ },
    );
    const from = (header: Partial<SegmentHeader>) =>
      segment({ sequence: 0xfffffff0, acknowledgement: 0, flags: ACK, window: 4000, ...header }, new Uint8Array());
    endpoint.called(from({ flags: SYN }));
    endpoint.accept();
    const first = (sent[0]!.sequence + 1) >>> 0;
    endpoint.receive(from({ sequence: 0xfffffff1, acknowledgement: (first + 1) >>> 0 }));
    expect(endpoint.state).toBe("answering");
    endpoint.receive(from({ sequence: 0xfffffff1, acknowledgement: first }));
    expect(endpoint.state).toBe("open");
    endpoint.receive(from({ flags: RST, sequence: 0xfffffff1 + RECEIVE_BUFFER + 70_000 }));
    endpoint.receive(from({ flags: RST, sequence: 0xfffffff0 }));
    expect(closed).toBe(0);
    endpoint.receive(from({ flags: RST, sequence: 0xfffffff1 }));
    expect(closed).toBe(1);
  });
});

describe("what a receiver keeps", () => {
  it("is in order whatever the order and overlaps of what came, over the end of the sequence numbers", () => {
    const random = seeded(7);
    const stream = randomBytes(60_000);
    const initial = 0xffff8000;
    const receiver = new Receiver(initial);
    receiver.window(0);
    const got: Buffer[] = [];
    const deliver = (bytes: Uint8Array) => void got.push(Buffer.from(bytes));
    while (receiver.next <= stream.length) {
      const from = Math.max(0, Math.min(stream.length - 1, receiver.next - 500 + Math.floor(random() * 4000)));
      const part = stream.subarray(from, from + 1 + Math.floor(random() * 1500));
      receiver.take((initial + 1 + from) >>> 0, part, false, deliver);
    }
    expect(digest(got)).toBe(digest([stream]));
    expect(receiver.sacks()).toEqual([]);
  });

  it("is bounded: every second byte of a stream makes no more pieces than are allowed, and nothing beyond the window", () => {
    const receiver = new Receiver(0);
    receiver.window(0);
    let delivered = 0;
    for (let at = 2; at < 20_000; at += 2)
      receiver.take(at, Uint8Array.of(1), false, (bytes) => (delivered += bytes.length));
    receiver.take(RECEIVE_BUFFER + 5000, new Uint8Array(1000), true, (bytes) => (delivered += bytes.length));
    expect(delivered).toBe(0);
    expect(receiver.ended).toBe(false);
    expect(receiver.sacks()).toHaveLength(3);
  });
});

describe("ranges", () => {
  it("agree with a plain set of positions", () => {
    const random = seeded(11);
    const ranges = new Ranges();
    const set = new Set<number>();
    for (let round = 0; round < 2000; round++) {
      const from = Math.floor(random() * 200);
      const to = from + Math.floor(random() * 20);
      let added = 0;
      for (let at = from; at < to; at++) if (!set.has(at)) added += set.add(at) ? 1 : 0;
      expect(ranges.add(from, to)).toBe(added);
      if (round % 50 === 49) {
        const before = Math.floor(random() * 100);
        ranges.dropBefore(before);
        for (const at of [...set]) if (at < before) set.delete(at);
      }
      expect(ranges.total).toBe(set.size);
      const position = Math.floor(random() * 200);
      let gap = position;
      while (set.has(gap)) gap++;
      expect(ranges.gap(position, 1000)?.from).toBe(gap);
      if (round % 200 === 199) {
        ranges.clear();
        set.clear();
      }
    }
  });
});
