/** Reads IPv4 (RFC 791) and IPv6 (RFC 8200) headers into one structure, and writes them from it. */
import { ETHERNET_HEADER } from "../frame.ts";
import { foldChecksum, get16, put16, sumWords } from "./bytes.ts";

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_IPV6 = 0x86dd;

export const PROTOCOL_ICMP = 1;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;
export const PROTOCOL_ICMPV6 = 58;

/** A packet's header, and where its payload lies in the frame. */
export interface Packet {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
  readonly hopLimit: number;
  /** The frame's bytes; the payload is those from `start` to `end`. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Set for a piece of a larger packet. `offset` in bytes. */
  readonly fragment: { id: number; offset: number; more: boolean } | null;
}

/** Returns the number of bytes before the payload that writeHeaders() writes. */
export function headersLength(address: Uint8Array): number {
  return ETHERNET_HEADER + (address.length === 4 ? 20 : 40);
}

/** Reads the packet of a frame; null if it is neither IPv4 nor IPv6, or damaged. Options are skipped. */
export function readPacket(bytes: Uint8Array): Packet | null {
  const type = get16(bytes, 12);
  if (type === ETHERTYPE_IPV4) return readIpv4(bytes);
  return type === ETHERTYPE_IPV6 ? readIpv6(bytes) : null;
}

function readIpv4(bytes: Uint8Array): Packet | null {
  const at = ETHERNET_HEADER;
  if (bytes.length < at + 20 || bytes[at]! >> 4 !== 4) return null;
  const header = (bytes[at]! & 15) * 4;
  const total = get16(bytes, at + 2);
  if (header < 20 || total < header || at + total > bytes.length) return null;
  if (foldChecksum(sumWords(bytes, at, at + header)) !== 0) return null;
  const flags = get16(bytes, at + 6);
  const offset = (flags & 0x1fff) * 8;
  const more = (flags & 0x2000) !== 0;
  return {
    source: bytes.subarray(at + 12, at + 16),
    destination: bytes.subarray(at + 16, at + 20),
    protocol: bytes[at + 9]!,
    hopLimit: bytes[at + 8]!,
    bytes,
    start: at + header,
    end: at + total,
    fragment: offset || more ? { id: get16(bytes, at + 4), offset, more } : null,
  };
}

/** Extension headers that are skipped: hop-by-hop, destination and routing options. */
const EXTENSIONS = new Set([0, 43, 60]);
const FRAGMENT_HEADER = 44;

function readIpv6(bytes: Uint8Array): Packet | null {
  const at = ETHERNET_HEADER;
  if (bytes.length < at + 40 || bytes[at]! >> 4 !== 6) return null;
  const end = at + 40 + get16(bytes, at + 4);
  if (end > bytes.length) return null;
  let protocol = bytes[at + 6]!;
  let start = at + 40;
  let fragment: Packet["fragment"] = null;
  while (EXTENSIONS.has(protocol) || protocol === FRAGMENT_HEADER) {
    if (start + 8 > end) return null;
    if (protocol === FRAGMENT_HEADER) {
      const word = get16(bytes, start + 2);
      fragment = {
        id: get16(bytes, start + 4) * 0x10000 + get16(bytes, start + 6),
        offset: word & ~7,
        more: (word & 1) !== 0,
      };
      protocol = bytes[start]!;
      start += 8;
      break;
    }
    protocol = bytes[start]!;
    start += (bytes[start + 1]! + 1) * 8;
  }
  if (start > end) return null;
  return {
    source: bytes.subarray(at + 8, at + 24),
    destination: bytes.subarray(at + 24, at + 40),
    protocol,
    hopLimit: bytes[at + 7]!,
    bytes,
    start,
    end,
    fragment: fragment && (fragment.offset || fragment.more) ? fragment : null,
  };
}

export interface Headers {
  readonly sourceMac: Uint8Array;
  readonly destinationMac: Uint8Array;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
}

/** A fragment of an IPv4 packet: the packet's identification, where the piece lies in it (in bytes), and whether others follow. */
export interface Piece {
  readonly id: number;
  readonly offset: number;
  readonly more: boolean;
}

/**
 * Writes Ethernet and IP headers into the first headersLength() bytes of a frame whose payload follows them. As in Linux, the length in a GSO frame
 * is that of the whole.
 */
export function writeHeaders(bytes: Uint8Array, headers: Headers, piece?: Piece): void {
  const { source, destination, protocol } = headers;
  bytes.set(headers.destinationMac, 0);
  bytes.set(headers.sourceMac, 6);
  const at = ETHERNET_HEADER;
  if (source.length === 4) {
    put16(bytes, 12, ETHERTYPE_IPV4);
    bytes[at] = 0x45;
    put16(bytes, at + 2, bytes.length - at);
    put16(bytes, at + 4, piece ? piece.id : 0);
    // Sets "don't fragment", except in a fragment.
    put16(bytes, at + 6, piece ? (piece.offset >> 3) | (piece.more ? 0x2000 : 0) : 0x4000);
    bytes[at + 8] = 64;
    bytes[at + 9] = protocol;
    put16(bytes, at + 10, 0);
    bytes.set(source, at + 12);
    bytes.set(destination, at + 16);
    put16(bytes, at + 10, foldChecksum(sumWords(bytes, at, at + 20)));
    return;
  }
  put16(bytes, 12, ETHERTYPE_IPV6);
  bytes[at] = 0x60;
  put16(bytes, at + 4, bytes.length - at - 40);
  bytes[at + 6] = protocol;
  // Neighbour discovery must come with 255 (RFC 4861), and for everything else it does no harm.
  bytes[at + 7] = 255;
  bytes.set(source, at + 8);
  bytes.set(destination, at + 24);
}

/** Returns the sum of the pseudo header with which TCP, UDP and ICMPv6 checksums begin (RFC 9293, 3.1; RFC 8200, 8.1). */
export function pseudoHeaderSum(source: Uint8Array, destination: Uint8Array, protocol: number, length: number): number {
  return sumWords(destination, 0, destination.length, sumWords(source, 0, source.length)) + protocol + length;
}

/** Returns whether the checksum of a TCP, UDP or ICMPv6 payload is right. */
export function checksumHolds(packet: Packet): boolean {
  const { bytes, start, end } = packet;
  const pseudo = pseudoHeaderSum(packet.source, packet.destination, packet.protocol, end - start);
  return foldChecksum(sumWords(bytes, start, end, pseudo)) === 0;
}
