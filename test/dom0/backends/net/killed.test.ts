/**
 * Backends of one interface that die in any of their calls, one after the other, while both directions are busy: a packet may be lost or come twice,
 * but none is another than what was sent, and each slot is answered once, in its turn.
 */
import { describe, expect, it } from "vitest";
import * as netif from "../../../../core/dom0/backends/net/protocol.ts";
import { ReceiveRing } from "../../../../core/dom0/backends/net/receive.ts";
import { NetStatistics } from "../../../../core/dom0/backends/net/statistics.ts";
import { TransmitRing } from "../../../../core/dom0/backends/net/transmit.ts";
import type { Frame } from "../../../../core/dom0/network/frame.ts";
import type { GrantMap, MappedGrant } from "../../../../core/dom0/kernel/grants.ts";
import { pick, random, SEED, triesOf } from "../../../fuzz/random.ts";

const PAGE = 4096;
const [TX_PAGE, RX_PAGE, DATA] = [1, 2, 16];
const SLOTS = 256;
const [REQ_PROD, REQ_EVENT, RSP_PROD, RSP_EVENT] = [0, 1, 2, 3];
const HEADER = 16;
/**
 * The grant references of the pages that the guest sends from. They are small numbers, as Linux's are, and so are the ids of its requests: an answer
 * that lay where a request was would name another page that is granted too.
 */
const pageOf = (ref: number): number => DATA + ref;

class Killed extends Error {}

const chance = random(SEED);
const memory = new SharedArrayBuffer((DATA + 2 * SLOTS) * PAGE);
const bytes = new Uint8Array(memory);

/** One ring of the guest's, with the id of the request in each of its slots. */
class Ring {
  readonly words: Int32Array;
  readonly slotWords: number;
  readonly ids: number[] = [];
  produced = 0;
  seen = 0;
  constructor(page: number, slotBytes: number) {
    this.words = new Int32Array(memory, page * PAGE, PAGE / 4);
    this.slotWords = slotBytes / 4;
    this.words[REQ_EVENT] = this.words[RSP_EVENT] = 1;
  }
  put(id: number, words: number[]): void {
    this.words.set(words, HEADER + (this.produced & (SLOTS - 1)) * this.slotWords);
    this.ids.push(id);
    this.produced++;
  }
  push(): void {
    this.words[REQ_PROD] = this.produced;
  }
  get room(): number {
    return SLOTS - (this.produced - this.seen);
  }
  /** Takes the next response; null when there is none. */
  next(): Int32Array | null {
    if (this.seen === this.words[RSP_PROD]) return null;
    const at = HEADER + (this.seen++ & (SLOTS - 1)) * this.slotWords;
    return this.words.slice(at, at + this.slotWords);
  }
}

/** Fills memory with the words of a packet from `from` on, which tell it from every other. */
function fill(view: DataView, packet: number, from = 0): void {
  for (let at = 0; at + 4 <= view.byteLength; at += 4) view.setUint32(at, packet * 7919 + from + at, true);
}
/** Returns which packet it is. */
const packetIn = (view: Uint8Array): number => {
  const words = new DataView(view.buffer, view.byteOffset, view.length);
  const first = words.getUint32(0, true);
  for (let i = 0; i + 4 <= view.length; i += 4)
    if (words.getUint32(i, true) !== (first + i) >>> 0) throw new Error(`a packet is mixed up at byte ${i}`);
  return first / 7919;
};

describe("an interface", () => {
  const lives = triesOf(100);
  it(`goes on in ${lives} backends that die in the middle (seed ${SEED})`, async () => {
    const [tx, rx] = [new Ring(TX_PAGE, netif.TX_SLOT_BYTES), new Ring(RX_PAGE, netif.RX_SLOT_BYTES)];
    const sizes = new Map<number, number>();
    const [arrived, received] = [new Set<number>(), new Set<number>()];
    let [packet, delivered, deaths] = [0, 0, 0];
    const freeRefs = Array.from({ length: SLOTS }, (_, i) => i);
    const refOf = new Map<number, number>();

    const send = (): void => {
      for (let n = chance(40); n > 0 && tx.room > 3 && freeRefs.length > 3; n--) {
        const pieces = 1 + chance(3);
        const refs = freeRefs.splice(0, pieces);
        const [number, each] = [++packet, 60 + 4 * chance(40)];
        sizes.set(number, pieces * each);
        refs.forEach((ref, i) => {
          // One packet over several pages.
          fill(new DataView(memory, pageOf(ref) * PAGE, each), number, i * each);
          const flags = i < pieces - 1 ? netif.TXF_MORE_DATA : 0;
          tx.put(ref, [ref, flags << 16, ref | ((i === 0 ? pieces * each : each) << 16)]);
        });
        tx.push();
      }
    };
    const post = (): void => {
      for (let n = chance(60); n > 0 && rx.room > 0; n--) {
        const id = rx.produced & (SLOTS - 1);
        refOf.set(id, SLOTS + id);
        rx.put(id, [id, SLOTS + id]);
      }
      rx.push();
    };
    const look = (): void => {
      for (let response = tx.next(); response; response = tx.next()) {
        const [id, status] = [response[0]! & 0xffff, response[0]! >> 16];
        if (id !== tx.ids.shift() || status !== netif.RSP_OKAY)
          expect.unreachable(`slot ${id} is answered with ${status}`);
        freeRefs.push(id);
      }
      for (let response = rx.next(); response; response = rx.next()) {
        const [id, size] = [response[0]! & 0xffff, response[1]! >> 16];
        expect(id).toBe(rx.ids.shift());
        expect(size).toBeGreaterThan(0);
        const page = pageOf(refOf.get(id)!) * PAGE;
        received.add(packetIn(bytes.subarray(page, page + size)));
      }
    };

    for (let life = 0; life < lives; life++) {
      // It dies in one of its calls. What it writes after that, because it catches an error, is taken back.
      let left = chance(60);
      let atDeath: Uint8Array | null = null;
      const mayDie = (): void => {
        if (left-- > 0) return;
        atDeath ??= bytes.slice();
        throw new Killed();
      };
      const mapped = (domid: number, ref: number): MappedGrant => {
        if (ref >= 2 * SLOTS) throw new Error(`${ref} is no grant`);
        return { domid, ref, address: pageOf(ref) * PAGE, handle: 0 };
      };
      const grants = {
        mapAll: (domid: number, refs: readonly number[]): MappedGrant[] => {
          mayDie();
          return refs.map((ref) => mapped(domid, ref));
        },
        map: (domid: number, ref: number): MappedGrant => {
          mayDie();
          return mapped(domid, ref);
        },
        unmapAll: mayDie,
      } as unknown as GrantMap;
      const common = {
        buffer: memory,
        domid: 1,
        grants,
        statistics: new NetStatistics(),
        notify: mayDie,
        fail: (error: unknown) => {
          if (!(error instanceof Killed)) throw error as Error;
        },
      };
      const transmit = new TransmitRing({
        ...common,
        page: TX_PAGE * PAGE,
        rate: null,
        now: () => 0,
        multicast: () => false,
        send: (frame: Frame) => {
          mayDie();
          const number = packetIn(frame.bytes);
          expect(frame.bytes.length).toBe(sizes.get(number));
          arrived.add(number);
          return true;
        },
      });
      const receive = new ReceiveRing({ ...common, page: RX_PAGE * PAGE });
      for (let step = 0; step < 40 && !atDeath; step++) {
        pick(chance, [send, post, look])();
        transmit.serve();
        if (atDeath || chance(2)) continue;
        const frame = new Uint8Array(60 + 4 * chance(1500));
        fill(new DataView(frame.buffer), ++delivered);
        receive.deliver({ bytes: frame, checksumBlank: false, segmentSize: 0 });
        receive.serve();
      }
      transmit.close();
      receive.close();
      await new Promise((resolve) => setImmediate(resolve));
      if (!atDeath) continue;
      bytes.set(atDeath);
      deaths++;
    }
    look();
    expect(deaths).toBeGreaterThan(lives / 4);
    // With each backend at most one turn's packets are lost.
    expect(arrived.size).toBeGreaterThan(packet / 2);
    expect(received.size).toBeGreaterThan(delivered / 4);
  });
});
