/**
 * The ring of what a guest receives. The guest posts pages, and frames are copied into as many as they need. While it has posted none, frames wait in
 * a bounded queue. What does not fit is dropped and counted, as a real card does.
 */
import type { Frame } from "../../network/frame.ts";
import { get16 } from "../../network/packet/bytes.ts";
import { ETHERTYPE_IPV4 } from "../../network/packet/internet.ts";
import type { GrantMap, MappedGrant } from "../../kernel/grants.ts";
import { BackRing } from "../../xenbus/back-ring.ts";
import * as netif from "./protocol.ts";
import type { NetStatistics } from "./statistics.ts";

/** Bytes that may wait for the guest's pages, and what a frame costs beside its own bytes. */
const QUEUE_BYTES = 2 << 20;
const FRAME_COST = 256;

interface Posted {
  readonly id: number;
  readonly ref: number;
}

export interface ReceiveParts {
  readonly buffer: ArrayBufferLike;
  readonly page: number;
  readonly domid: number;
  readonly grants: GrantMap;
  readonly statistics: NetStatistics;
  readonly notify: () => void;
  readonly fail: (error: unknown) => void;
}

export class ReceiveRing {
  readonly ring: BackRing;
  readonly #parts: ReceiveParts;
  readonly #bytes: Uint8Array;
  readonly #response = new Int32Array(2);
  readonly #posted: Posted[] = [];
  #waiting: Frame[] = [];
  #waitingBytes = 0;
  #isScheduled = false;
  #isClosed = false;

  constructor(parts: ReceiveParts) {
    this.#parts = parts;
    this.#bytes = new Uint8Array(parts.buffer);
    this.ring = new BackRing(parts.buffer, [parts.page], netif.RX_SLOT_BYTES);
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
  }

  /** Takes a frame for the guest. The frames of one turn of the event loop are delivered together. */
  deliver(frame: Frame): void {
    if (this.#isClosed) return;
    if (
      this.#waitingBytes + frame.bytes.length + FRAME_COST > QUEUE_BYTES ||
      frame.bytes.length > netif.MOST_PACKET_BYTES
    ) {
      this.#parts.statistics.dropped++;
      return;
    }
    this.#waiting.push(frame);
    this.#waitingBytes += frame.bytes.length + FRAME_COST;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.serve();
    });
  }

  /** Gives the guest what waits for it, as far as it has posted pages. */
  serve(): void {
    if (this.#isClosed || !this.#waiting.length) return;
    try {
      while (this.#waiting.length) {
        while (this.ring.take())
          this.#posted.push({ id: this.ring.request[0]! & 0xffff, ref: this.ring.request[1]! >>> 0 });
        const batch = this.#batch();
        if (batch.length) this.#give(batch);
        // Asks to be notified of the next page. If one has come meanwhile, tries once more.
        else if (!this.ring.more()) return;
      }
    } catch (error) {
      this.#parts.fail(error);
    }
  }

  /** Returns the frames that fit into the posted pages, with those pages. */
  #batch(): { frame: Frame; pages: Posted[]; extra: Posted | null }[] {
    const batch = [];
    for (;;) {
      const frame = this.#waiting[0];
      if (!frame) return batch;
      const extras = frame.segmentSize ? 1 : 0;
      const count = Math.ceil(frame.bytes.length / netif.PAGE_BYTES);
      if (this.#posted.length < count + extras) return batch;
      this.#waiting.shift();
      this.#waitingBytes -= frame.bytes.length + FRAME_COST;
      const [first] = this.#posted.splice(0, 1);
      const extra = extras ? this.#posted.shift()! : null;
      batch.push({ frame, pages: [first!, ...this.#posted.splice(0, count - 1)], extra });
    }
  }

  #give(batch: { frame: Frame; pages: Posted[]; extra: Posted | null }[]): void {
    const { grants, statistics } = this.#parts;
    const maps = this.#map(batch.flatMap(({ pages }) => pages));
    for (const { frame, pages, extra } of batch) {
      const mapped = pages.map((posted) => maps.get(posted));
      const whole = mapped.every((map) => map !== undefined);
      if (whole) {
        statistics.receivedPackets++;
        statistics.receivedBytes += frame.bytes.length;
      } else statistics.errors++;
      pages.forEach((posted, i) => {
        const at = i * netif.PAGE_BYTES;
        const part = frame.bytes.subarray(at, at + netif.PAGE_BYTES);
        const map = mapped[i];
        if (map) this.#bytes.set(part, map.address);
        let flags = i < pages.length - 1 ? netif.RXF_MORE_DATA : 0;
        if (i === 0) {
          if (frame.checksumBlank) flags |= netif.RXF_CSUM_BLANK | netif.RXF_DATA_VALIDATED;
          if (extra) flags |= netif.RXF_EXTRA_INFO;
        }
        this.#respond(posted.id, flags, whole ? part.length : netif.RSP_ERROR);
        if (i === 0 && extra) this.#tellSegments(frame);
      });
    }
    const all = [...maps.values()];
    if (all.length) grants.unmapAll(all);
    if (this.ring.push()) this.#parts.notify();
  }

  #map(posted: Posted[]): Map<Posted, MappedGrant> {
    const { grants, domid } = this.#parts;
    const maps = new Map<Posted, MappedGrant>();
    try {
      const all = grants.mapAll(
        domid,
        posted.map(({ ref }) => ref),
      );
      posted.forEach((each, i) => maps.set(each, all[i]!));
    } catch {
      // One of the pages can't be mapped. Only that page's packet is lost.
      for (const each of posted) {
        try {
          maps.set(each, grants.map(domid, each.ref));
        } catch {
          // That one is answered with an error.
        }
      }
    }
    return maps;
  }

  #respond(id: number, flags: number, status: number): void {
    netif.writeReceiveResponse(this.#response, id, flags, status);
    this.ring.respond(this.#response);
  }

  #tellSegments(frame: Frame): void {
    const type = get16(frame.bytes, 12) === ETHERTYPE_IPV4 ? netif.GSO_TYPE_TCPV4 : netif.GSO_TYPE_TCPV6;
    netif.writeGsoExtra(this.#response, frame.segmentSize, type);
    this.ring.respond(this.#response);
  }
}
