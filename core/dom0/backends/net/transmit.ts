/**
 * The ring of what a guest sends. A packet's slots are taken and checked; its pages are mapped with those of other packets in one hypercall, copied
 * once, and unmapped. What is passed on is a copy that the guest can't change any more.
 */
import { ETHERNET_HEADER, type Frame } from "../../network/frame.ts";
import type { GrantMap, MappedGrant } from "../../kernel/grants.ts";
import { BackRing } from "../../xenbus/back-ring.ts";
import * as netif from "./protocol.ts";
import type { RateLimit } from "./rate.ts";
import type { NetStatistics } from "./statistics.ts";

/** Packets whose pages are mapped together, and the number of bytes after which no more are taken. */
const BATCH = 64;
const BATCH_BYTES = 256 * 1024;
/** Milliseconds after which other work has its turn, whatever this guest has to send. */
const TURN = 4;

interface Packet {
  readonly slots: netif.TransmitRequest[];
  readonly extras: number;
  readonly size: number;
  readonly segmentSize: number;
  readonly damaged: boolean;
  /** Set for a packet that only joins or leaves groups: whether that was done. */
  readonly control: boolean | null;
}

export interface TransmitParts {
  readonly buffer: ArrayBufferLike;
  readonly page: number;
  readonly domid: number;
  readonly grants: GrantMap;
  readonly statistics: NetStatistics;
  readonly rate: RateLimit | null;
  /** Returns milliseconds. */
  readonly now: () => number;
  readonly notify: () => void;
  /** Returns false for a frame that no network carries. */
  readonly send: (frame: Frame) => boolean;
  /** Lets the guest join or leave a group. Returns false if it can't. */
  readonly multicast: (address: Uint8Array, joins: boolean) => boolean;
  readonly fail: (error: unknown) => void;
}

export class TransmitRing {
  readonly ring: BackRing;
  readonly #parts: TransmitParts;
  readonly #bytes: Uint8Array;
  readonly #response = new Int32Array(1);
  #isWaiting = false;
  #isClosed = false;
  readonly #goOn = (): void => {
    this.#isWaiting = false;
    this.serve();
  };

  constructor(parts: TransmitParts) {
    this.#parts = parts;
    this.#bytes = new Uint8Array(parts.buffer);
    this.ring = new BackRing(parts.buffer, [parts.page], netif.TX_SLOT_BYTES);
  }

  close(): void {
    this.#isClosed = true;
    this.#parts.rate?.forget(this.#goOn);
  }

  /** Takes the packets in the ring. */
  serve(): void {
    if (this.#isClosed || this.#isWaiting) return;
    const { rate, now } = this.#parts;
    const end = now() + TURN;
    try {
      for (;;) {
        if (rate && !rate.allows) {
          this.#isWaiting = true;
          return rate.wait(this.#goOn);
        }
        const packets = this.#takeBatch();
        if (packets.length) this.#forward(packets);
        else if (!this.ring.more()) return;
        if (now() < end) continue;
        this.#isWaiting = true;
        setImmediate(this.#goOn);
        return;
      }
    } catch (error) {
      this.#parts.fail(error);
    }
  }

  #takeBatch(): Packet[] {
    const { rate } = this.#parts;
    const packets: Packet[] = [];
    let bytes = 0;
    while (packets.length < BATCH && bytes < BATCH_BYTES && (!rate || rate.allows) && this.ring.take()) {
      const packet = this.#takePacket();
      packets.push(packet);
      bytes += packet.size;
      rate?.spend(packet.size);
    }
    return packets;
  }

  /** Takes the packet whose first slot was taken. All its slots are in the ring, or the frontend is broken (Linux pushes whole packets). */
  #takePacket(): Packet {
    const first = netif.readTransmit(this.ring.request);
    const slots = [first];
    let extras = 0;
    let segmentSize = 0;
    let damaged = false;
    let control: boolean | null = null;
    for (let more = (first.flags & netif.TXF_EXTRA_INFO) !== 0; more; extras++) {
      if (extras === netif.MOST_EXTRA_SLOTS) throw new netif.ProtocolError("a packet has too much extra information");
      this.#takeMore();
      const extra = netif.readExtra(this.ring.request);
      more = extra.more;
      if (extra.type === netif.EXTRA_TYPE_GSO) {
        const known = extra.gsoType === netif.GSO_TYPE_TCPV4 || extra.gsoType === netif.GSO_TYPE_TCPV6;
        if (!known || extra.segmentSize === 0) damaged = true;
        else segmentSize = extra.segmentSize;
      } else if (extra.type === netif.EXTRA_TYPE_MCAST_ADD || extra.type === netif.EXTRA_TYPE_MCAST_DEL) {
        control = this.#parts.multicast(extra.address, extra.type === netif.EXTRA_TYPE_MCAST_ADD) && control !== false;
      }
    }
    while (slots.at(-1)!.flags & netif.TXF_MORE_DATA) {
      if (slots.length === netif.MOST_DATA_SLOTS)
        throw new netif.ProtocolError(`a packet has more than ${netif.MOST_DATA_SLOTS} slots`);
      this.#takeMore();
      slots.push(netif.readTransmit(this.ring.request));
    }
    // The first slot has the length of the whole packet, the others have their own.
    const rest = slots.slice(1).reduce((sum, { size }) => sum + size, 0);
    if (rest >= first.size || first.size < ETHERNET_HEADER || first.size > netif.MOST_PACKET_BYTES) damaged = true;
    else {
      slots[0] = { ...first, size: first.size - rest };
      if (slots.some(({ offset, size }) => offset + size > netif.PAGE_BYTES)) damaged = true;
    }
    return { slots, extras, size: first.size, segmentSize, damaged, control };
  }

  #takeMore(): void {
    if (!this.ring.take()) throw new netif.ProtocolError("a packet's last slots are not in the ring");
  }

  #forward(packets: Packet[]): void {
    const usable = packets.filter(({ damaged, control }) => !damaged && control === null);
    const maps = this.#map(usable);
    const frames: Frame[] = [];
    for (const packet of packets) {
      const pages = maps.get(packet);
      if (pages) frames.push(this.#copy(packet, pages));
      else if (packet.control === null) this.#parts.statistics.errors++;
      this.#answer(packet, pages || packet.control ? netif.RSP_OKAY : netif.RSP_ERROR);
    }
    const all = [...maps.values()].flat();
    if (all.length) this.#parts.grants.unmapAll(all);
    if (this.ring.push()) this.#parts.notify();
    for (const frame of frames) if (!this.#parts.send(frame)) this.#parts.statistics.errors++;
  }

  /** Maps all packets' pages at once. If one can't be mapped, it maps packet by packet, so that each packet that can't be mapped is lost, and no other. */
  #map(packets: Packet[]): Map<Packet, MappedGrant[]> {
    const maps = new Map<Packet, MappedGrant[]>();
    const { grants, domid } = this.#parts;
    if (!packets.length) return maps;
    const refsOf = ({ slots }: Packet) => slots.map(({ ref }) => ref);
    try {
      const all = grants.mapAll(domid, packets.flatMap(refsOf), true);
      let at = 0;
      for (const packet of packets) maps.set(packet, all.slice(at, (at += packet.slots.length)));
      return maps;
    } catch {
      for (const packet of packets) {
        try {
          maps.set(packet, grants.mapAll(domid, refsOf(packet), true));
        } catch {
          // That packet is answered with an error.
        }
      }
      return maps;
    }
  }

  #copy(packet: Packet, pages: MappedGrant[]): Frame {
    const bytes = new Uint8Array(packet.size);
    let at = 0;
    packet.slots.forEach(({ offset, size }, i) => {
      const from = pages[i]!.address + offset;
      bytes.set(this.#bytes.subarray(from, from + size), at);
      at += size;
    });
    this.#parts.statistics.sentPackets++;
    this.#parts.statistics.sentBytes += packet.size;
    return {
      bytes,
      checksumBlank: (packet.slots[0]!.flags & netif.TXF_CSUM_BLANK) !== 0,
      segmentSize: packet.segmentSize,
    };
  }

  /** Each slot gets a response, in the order of the slots. */
  #answer({ slots, extras }: Packet, status: number): void {
    const respond = (id: number, each: number): void => {
      netif.writeTransmitResponse(this.#response, id, each);
      this.ring.respond(this.#response);
    };
    respond(slots[0]!.id, status);
    for (let i = 0; i < extras; i++) respond(0, netif.RSP_NULL);
    for (const { id } of slots.slice(1)) respond(id, status);
  }
}
