/** Does what a receiver without offloads needs before a frame reaches it: completes checksums, and cuts GSO frames into segments. */
import { ETHERNET_HEADER, type Frame } from "./frame.ts";
import { foldChecksum, get16, get32, put16, put32, sumWords } from "./packet/bytes.ts";
import {
  ETHERTYPE_IPV4,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  pseudoHeaderSum,
  readPacket,
  type Packet,
} from "./packet/internet.ts";

const TCP_FIN_PSH = 0x09;
const TCP_CWR = 0x80;

/** Returns where in the TCP or UDP header the checksum stands, or -1. */
function checksumField(packet: Packet): number {
  const length = packet.end - packet.start;
  if (packet.protocol === PROTOCOL_TCP && length >= 20) return packet.start + 16;
  return packet.protocol === PROTOCOL_UDP && length >= 8 ? packet.start + 6 : -1;
}

function writeChecksum(packet: Packet): void {
  const field = checksumField(packet);
  if (field < 0) return;
  const { bytes, start, end, protocol } = packet;
  put16(bytes, field, 0);
  const pseudo = pseudoHeaderSum(packet.source, packet.destination, protocol, end - start);
  const sum = foldChecksum(sumWords(bytes, start, end, pseudo));
  // A UDP checksum of zero would mean that there is none.
  put16(bytes, field, protocol === PROTOCOL_UDP && sum === 0 ? 0xffff : sum);
}

/** Returns the same frame with a complete checksum. */
export function completeChecksum(frame: Frame): Frame {
  if (!frame.checksumBlank) return frame;
  const bytes = frame.bytes.slice();
  const packet = readPacket(bytes);
  if (packet && !packet.fragment) writeChecksum(packet);
  return { bytes, checksumBlank: false, segmentSize: frame.segmentSize };
}

/**
 * Cuts a GSO frame into frames of at most segmentSize bytes of TCP payload with complete checksums. A frame that claims to be TCP but is not gives
 * none.
 */
export function segments(frame: Frame): Frame[] {
  if (!frame.segmentSize) return [completeChecksum(frame)];
  const packet = readPacket(frame.bytes);
  if (!packet || packet.fragment || packet.protocol !== PROTOCOL_TCP || packet.end - packet.start < 20) return [];
  const header = (packet.bytes[packet.start + 12]! >> 4) * 4;
  const payload = packet.start + header;
  if (header < 20 || payload > packet.end) return [];
  const sequence = get32(packet.bytes, packet.start + 4);
  const flags = packet.bytes[packet.start + 13]!;
  const made: Frame[] = [];
  for (let at = payload, index = 0; at < packet.end; at += frame.segmentSize, index++) {
    const end = Math.min(at + frame.segmentSize, packet.end);
    const bytes = new Uint8Array(payload + end - at);
    bytes.set(packet.bytes.subarray(0, payload));
    bytes.set(packet.bytes.subarray(at, end), payload);
    put32(bytes, packet.start + 4, (sequence + at - payload) >>> 0);
    // FIN and PSH belong to the last segment, CWR to the first (RFC 3168).
    bytes[packet.start + 13] = flags & ~(end < packet.end ? TCP_FIN_PSH : 0) & ~(index > 0 ? TCP_CWR : 0);
    writeLength(bytes, index);
    const segment = readPacket(bytes);
    if (!segment) return [];
    writeChecksum(segment);
    made.push({ bytes, checksumBlank: false, segmentSize: 0 });
  }
  return made;
}

/** Writes IP's length, identification and checksum of a segment that was made of a larger packet. */
function writeLength(bytes: Uint8Array, index: number): void {
  const at = ETHERNET_HEADER;
  if (get16(bytes, 12) !== ETHERTYPE_IPV4) {
    put16(bytes, at + 4, bytes.length - at - 40);
    return;
  }
  const header = (bytes[at]! & 15) * 4;
  put16(bytes, at + 2, bytes.length - at);
  put16(bytes, at + 4, (get16(bytes, at + 4) + index) & 0xffff);
  put16(bytes, at + 10, 0);
  put16(bytes, at + 10, foldChecksum(sumWords(bytes, at, at + header)));
}
