/**
 * The gateway's link to its bridge: finds the MAC address of an IP address (ARP, RFC 826; neighbour discovery, RFC 4861), and wraps packets into
 * frames.
 */
import { ETHERNET_HEADER, type Frame } from "../frame.ts";
import { ipBytes, ipText, sameBytes } from "../packet/address.ts";
import { foldChecksum, foldSum, get16, put16, sumWords } from "../packet/bytes.ts";
import {
  ETHERTYPE_ARP,
  headersLength,
  PROTOCOL_ICMPV6,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  pseudoHeaderSum,
  writeHeaders,
} from "../packet/internet.ts";

/** A packet to a guest. `length` is that of the payload after the IP header. */
export interface IpPacketOut {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
  readonly length: number;
  /** TCP payload of each segment; 0 for a packet that is one segment. */
  readonly segmentSize?: number;
}

/** Sends a packet. `write` puts the payload at an offset of the frame; the link computes its checksum. */
export type IpTransmit = (packet: IpPacketOut, write: (bytes: Uint8Array, at: number) => void) => void;

/** The most IP addresses of one interface that are remembered; more push out the oldest of the same interface. */
const NEIGHBOURS_OF_ONE = 256;
const NEIGHBOURS_LIMIT = 4096;
/** The most frames that wait for one address, and the most addresses that are looked for at once. */
const WAITING_FRAMES = 16;
const WAITING_ADDRESSES = 64;
const ASK_AGAIN = 1000;
const ASK_TIMES = 3;

const ARP_REQUEST = 1;
const ARP_REPLY = 2;
export const BROADCAST_MAC = new Uint8Array(6).fill(0xff);

const NEIGHBOUR_SOLICITATION = 135;
const NEIGHBOUR_ADVERTISEMENT = 136;

/** Where an IP address was last seen: the MAC address, and the interface behind which it lies. */
export interface Neighbour {
  readonly mac: Uint8Array;
  readonly via: string;
}

export class Link {
  readonly mac: Uint8Array;
  readonly #send: (frame: Frame) => void;
  /** The gateway's IPv4 and IPv6 addresses. */
  readonly #own: Uint8Array[];
  readonly #mayHave: (address: Uint8Array, mac: Uint8Array) => boolean;
  readonly #mtu: (guest: Uint8Array) => number;
  readonly #neighbours = new Map<string, Neighbour>();
  /** IP addresses by interface, oldest first. */
  readonly #addresses = new Map<string, Set<string>>();
  readonly #waiting = new Map<string, { frames: Frame[]; timer: NodeJS.Timeout; asked: number }>();
  #identification = 0;

  /** `mayHave` decides whether an IP address may be at a MAC address. `mtu` returns the size of the largest packet to an IP address. */
  constructor(
    mac: Uint8Array,
    own: Uint8Array[],
    send: (frame: Frame) => void,
    mayHave: (address: Uint8Array, mac: Uint8Array) => boolean,
    mtu: (guest: Uint8Array) => number,
  ) {
    this.mac = mac;
    this.#own = own;
    this.#send = send;
    this.#mayHave = mayHave;
    this.#mtu = mtu;
  }

  owns(address: Uint8Array): boolean {
    return this.#own.some((own) => sameBytes(own, address));
  }

  /** Returns where an IP address was last seen; null if it was not. */
  neighbour(address: Uint8Array): Neighbour | null {
    return this.#neighbours.get(ipText(address)) ?? null;
  }

  /** Called when an interface has gone. Returns the IP addresses that were seen there. */
  forgetInterface(via: string): Uint8Array[] {
    const addresses = [...(this.#addresses.get(via) ?? [])];
    for (const key of addresses) this.#forget(key);
    return addresses.map((key) => ipBytes(key)!);
  }

  /** A packet or an announcement from an interface has shown that this address has this MAC address. Returns false if that can't be. */
  learn(address: Uint8Array, mac: Uint8Array, via: string): boolean {
    if (this.owns(address) || address[0] === 0xff || address.every((byte) => byte === 0)) return false;
    const key = ipText(address);
    const known = this.#neighbours.get(key);
    if (known?.via === via && sameBytes(known.mac, mac)) return true;
    if (!this.#mayHave(address, mac)) return false;
    this.#remember(key, { mac: mac.slice(), via });
    this.#sendWaiting(key, mac);
    return true;
  }

  #remember(key: string, neighbour: Neighbour): void {
    this.#forget(key);
    const own = this.#addresses.get(neighbour.via) ?? new Set();
    if (own.size >= NEIGHBOURS_OF_ONE) this.#forget(own.values().next().value!);
    else if (this.#neighbours.size >= NEIGHBOURS_LIMIT) this.#forget(this.#neighbours.keys().next().value!);
    this.#addresses.set(neighbour.via, own.add(key));
    this.#neighbours.set(key, neighbour);
  }

  #forget(key: string): void {
    const neighbour = this.#neighbours.get(key);
    if (!neighbour) return;
    this.#neighbours.delete(key);
    const addresses = this.#addresses.get(neighbour.via);
    addresses?.delete(key);
    if (addresses?.size === 0) this.#addresses.delete(neighbour.via);
  }

  #sendWaiting(key: string, mac: Uint8Array): void {
    const waiting = this.#waiting.get(key);
    if (!waiting) return;
    clearTimeout(waiting.timer);
    this.#waiting.delete(key);
    for (const frame of waiting.frames) {
      frame.bytes.set(mac, 0);
      this.#send(frame);
    }
  }

  /** Sends a packet, in fragments if it is a datagram longer than the network carries. */
  readonly transmit: IpTransmit = (packet, write) => {
    const room = this.#mtu(packet.destination) + ETHERNET_HEADER - headersLength(packet.source);
    if (packet.length > room && !packet.segmentSize) return this.#fragments(packet, write, room);
    const start = headersLength(packet.source);
    const bytes = new Uint8Array(start + packet.length);
    write(bytes, start);
    const checksumBlank = this.#checksum(bytes, packet, start);
    this.#out({ bytes, checksumBlank, segmentSize: packet.segmentSize ?? 0 }, packet);
  };

  /** TCP and UDP checksums are left to a receiver that needs them; others are computed here. */
  #checksum(bytes: Uint8Array, packet: IpPacketOut, start: number): boolean {
    const { source, destination, protocol, length } = packet;
    if (protocol === PROTOCOL_TCP || protocol === PROTOCOL_UDP) {
      const field = start + (protocol === PROTOCOL_TCP ? 16 : 6);
      put16(bytes, field, foldSum(pseudoHeaderSum(source, destination, protocol, length)));
      return true;
    }
    const pseudo = protocol === PROTOCOL_ICMPV6 ? pseudoHeaderSum(source, destination, protocol, length) : 0;
    put16(bytes, start + 2, 0);
    put16(bytes, start + 2, foldChecksum(sumWords(bytes, start, bytes.length, pseudo)));
    return false;
  }

  #out(frame: Frame, packet: IpPacketOut): void {
    const { source, destination, protocol } = packet;
    const mac = this.#macOf(destination);
    const headers = { sourceMac: this.mac, destinationMac: mac ?? BROADCAST_MAC, source, destination, protocol };
    writeHeaders(frame.bytes, headers);
    if (mac) this.#send(frame);
    else this.#ask(destination, frame);
  }

  #macOf(address: Uint8Array): Uint8Array | null {
    if (address.length === 4 && address.every((byte) => byte === 0xff)) return BROADCAST_MAC;
    // RFC 2464: the group's last four bytes after 33:33.
    if (address.length === 16 && address[0] === 0xff) return Uint8Array.of(0x33, 0x33, ...address.subarray(12));
    return this.neighbour(address)?.mac ?? null;
  }

  #fragments(packet: IpPacketOut, write: (bytes: Uint8Array, at: number) => void, room: number): void {
    const { source, destination, protocol, length } = packet;
    const whole = new Uint8Array(length);
    write(whole, 0);
    const field = protocol === PROTOCOL_UDP ? 6 : 2;
    const pseudo =
      source.length === 4 && protocol !== PROTOCOL_UDP ? 0 : pseudoHeaderSum(source, destination, protocol, length);
    put16(whole, field, 0);
    put16(whole, field, foldChecksum(sumWords(whole, 0, length, pseudo)) || 0xffff);
    this.#identification = (this.#identification + 1) & 0xffff;
    const extension = source.length === 4 ? 0 : 8;
    const piece = (room - extension) & ~7;
    const start = headersLength(source);
    const mac = this.#macOf(destination);
    const headers = { sourceMac: this.mac, destinationMac: mac ?? BROADCAST_MAC, source, destination };
    for (let offset = 0; offset < length; offset += piece) {
      const part = whole.subarray(offset, offset + piece);
      const more = offset + piece < length;
      const bytes = new Uint8Array(start + extension + part.length);
      if (extension) {
        bytes[start] = protocol;
        put16(bytes, start + 2, offset | (more ? 1 : 0));
        put16(bytes, start + 6, this.#identification);
      }
      bytes.set(part, start + extension);
      const fragment = { id: this.#identification, offset, more };
      writeHeaders(bytes, { ...headers, protocol: extension ? 44 : protocol }, fragment);
      const frame = { bytes, checksumBlank: false, segmentSize: 0 };
      if (mac) this.#send(frame);
      else this.#ask(destination, frame);
    }
  }

  #ask(address: Uint8Array, frame: Frame): void {
    const key = ipText(address);
    const waiting = this.#waiting.get(key);
    if (waiting) {
      if (waiting.frames.length < WAITING_FRAMES) waiting.frames.push(frame);
      return;
    }
    if (this.#waiting.size >= WAITING_ADDRESSES) return;
    const ask = () => {
      this.#solicit(address);
      return setTimeout(() => again(), ASK_AGAIN).unref();
    };
    const entry = { frames: [frame], timer: ask(), asked: 1 };
    const again = () => {
      if (++entry.asked > ASK_TIMES) this.#waiting.delete(key);
      else entry.timer = ask();
    };
    this.#waiting.set(key, entry);
  }

  #solicit(address: Uint8Array): void {
    if (address.length === 4) return this.#arp(ARP_REQUEST, BROADCAST_MAC, address);
    const source =
      this.#own.find((own) => own.length === 16 && own[0] === 0xfe) ?? this.#own.find((own) => own.length === 16);
    if (!source) return;
    const group = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...address.subarray(13));
    this.transmit({ source, destination: group, protocol: PROTOCOL_ICMPV6, length: 32 }, (bytes, at) => {
      bytes[at] = NEIGHBOUR_SOLICITATION;
      bytes.set(address, at + 8);
      bytes.set([1, 1, ...this.mac], at + 24);
    });
  }

  /** Takes an ARP packet: learns its sender, and answers if it asks for us. */
  receiveArp(bytes: Uint8Array, via: string): void {
    const at = ETHERNET_HEADER;
    if (bytes.length < at + 28 || get16(bytes, at + 2) !== 0x0800 || bytes[at + 4] !== 6 || bytes[at + 5] !== 4) return;
    const sender = bytes.subarray(at + 14, at + 18);
    const mac = bytes.subarray(at + 8, at + 14);
    const target = bytes.subarray(at + 24, at + 28);
    // A probe for a free address has no sender (RFC 5227). Answering it is right only if the address is ours.
    this.learn(sender, mac, via);
    if (get16(bytes, at + 6) === ARP_REQUEST && this.owns(target)) this.#arp(ARP_REPLY, mac, sender, target);
  }

  #arp(
    operation: number,
    mac: Uint8Array,
    address: Uint8Array,
    own = this.#own.find(({ length }) => length === 4)!,
  ): void {
    const bytes = new Uint8Array(60);
    bytes.set(mac, 0);
    bytes.set(this.mac, 6);
    put16(bytes, 12, ETHERTYPE_ARP);
    bytes.set([0, 1, 8, 0, 6, 4, 0, operation], 14);
    bytes.set(this.mac, 22);
    bytes.set(own, 28);
    if (operation === ARP_REPLY) bytes.set(mac, 32);
    bytes.set(address, 38);
    this.#send({ bytes, checksumBlank: false, segmentSize: 0 });
  }

  /** Takes a neighbour solicitation or advertisement (its ICMPv6 payload) whose hop limit and checksum were right. */
  receiveNeighbour(source: Uint8Array, mac: Uint8Array, payload: Uint8Array, via: string): void {
    if (payload.length < 24) return;
    const target = payload.subarray(8, 24);
    if (payload[0] === NEIGHBOUR_ADVERTISEMENT) return void this.learn(target, mac, via);
    if (payload[0] !== NEIGHBOUR_SOLICITATION) return;
    const duplicateDetection = source.every((byte) => byte === 0);
    if (!duplicateDetection) this.learn(source, mac, via);
    if (!this.owns(target)) return;
    const destination = duplicateDetection
      ? Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
      : source.slice();
    const own = target.slice();
    this.transmit({ source: own, destination, protocol: PROTOCOL_ICMPV6, length: 32 }, (bytes, at) => {
      bytes[at] = NEIGHBOUR_ADVERTISEMENT;
      // Flags: router, solicited (except for duplicate address detection), override.
      bytes[at + 4] = duplicateDetection ? 0xa0 : 0xe0;
      bytes.set(own, at + 8);
      bytes.set([2, 1, ...this.mac], at + 24);
    });
  }

  stop(): void {
    for (const { timer } of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
  }
}
