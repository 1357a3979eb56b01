/** TCP segments (RFC 9293) with the options that matter here: maximum segment size, window scale, selective acknowledgement (RFC 2018). */
import { get16, get32, put16, put32 } from "../../packet/bytes.ts";
import type { Packet } from "../../packet/internet.ts";

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;

const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_MSS = 2;
const OPTION_WINDOW_SCALE = 3;
const OPTION_SACK_PERMITTED = 4;
const OPTION_SACK = 5;

/** A range of sequence numbers, from the first to the one after the last. */
export type SequenceRange = readonly [number, number];

export interface Segment {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly flags: number;
  /** As in the header, not scaled. */
  readonly window: number;
  readonly payload: Uint8Array;
  /** From a SYN; null where the option is missing. */
  readonly maximumSegmentSize: number | null;
  readonly windowScale: number | null;
  readonly sackPermitted: boolean;
  readonly sacks: readonly SequenceRange[];
}

/** Reads a packet's segment; null if it is too short or its options are broken. */
export function readSegment(packet: Packet): Segment | null {
  const { bytes, start, end } = packet;
  if (end - start < 20) return null;
  const header = (bytes[start + 12]! >> 4) * 4;
  if (header < 20 || start + header > end) return null;
  let maximumSegmentSize: number | null = null;
  let windowScale: number | null = null;
  let sackPermitted = false;
  const sacks: SequenceRange[] = [];
  for (let at = start + 20; at < start + header;) {
    const kind = bytes[at]!;
    if (kind === OPTION_END) break;
    if (kind === OPTION_NOP) {
      at++;
      continue;
    }
    const length = at + 1 < start + header ? bytes[at + 1]! : 0;
    if (length < 2 || at + length > start + header) return null;
    if (kind === OPTION_MSS && length === 4) maximumSegmentSize = get16(bytes, at + 2);
    if (kind === OPTION_WINDOW_SCALE && length === 3) windowScale = Math.min(bytes[at + 2]!, 14);
    if (kind === OPTION_SACK_PERMITTED) sackPermitted = true;
    if (kind === OPTION_SACK)
      for (let block = at + 2; block + 8 <= at + length; block += 8)
        sacks.push([get32(bytes, block), get32(bytes, block + 4)]);
    at += length;
  }
  return {
    sourcePort: get16(bytes, start),
    destinationPort: get16(bytes, start + 2),
    sequence: get32(bytes, start + 4),
    acknowledgement: get32(bytes, start + 8),
    flags: bytes[start + 13]!,
    window: get16(bytes, start + 14),
    payload: bytes.subarray(start + header, end),
    maximumSegmentSize,
    windowScale,
    sackPermitted,
    sacks,
  };
}

/** The header of a segment to be sent, without ports, addresses and checksum, which its sender adds. */
export interface SegmentHeader {
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly flags: number;
  readonly window: number;
  /** Only in a SYN. */
  readonly open?: { maximumSegmentSize: number; windowScale: number | null; sackPermitted: boolean };
  /** At most three. */
  readonly sacks?: readonly SequenceRange[];
}

/** Returns the number of bytes of a header with its options. */
export function headerLength(header: SegmentHeader): number {
  const { open, sacks } = header;
  let options = 0;
  if (open) options += 4 + (open.windowScale === null ? 0 : 4) + (open.sackPermitted ? 4 : 0);
  if (sacks?.length) options += 4 + 8 * sacks.length;
  return 20 + options;
}

export function writeSegmentHeader(
  bytes: Uint8Array,
  at: number,
  ports: { source: number; destination: number },
  header: SegmentHeader,
): void {
  const { open, sacks } = header;
  put16(bytes, at, ports.source);
  put16(bytes, at + 2, ports.destination);
  put32(bytes, at + 4, header.sequence);
  put32(bytes, at + 8, header.acknowledgement);
  bytes[at + 12] = (headerLength(header) / 4) << 4;
  bytes[at + 13] = header.flags;
  put16(bytes, at + 14, header.window);
  put32(bytes, at + 16, 0);
  let option = at + 20;
  const put = (...values: number[]) => {
    bytes.set(values, option);
    option += values.length;
  };
  if (open) {
    put(OPTION_MSS, 4, open.maximumSegmentSize >> 8, open.maximumSegmentSize & 255);
    if (open.windowScale !== null) put(OPTION_NOP, OPTION_WINDOW_SCALE, 3, open.windowScale);
    if (open.sackPermitted) put(OPTION_NOP, OPTION_NOP, OPTION_SACK_PERMITTED, 2);
  }
  if (sacks?.length) {
    put(OPTION_NOP, OPTION_NOP, OPTION_SACK, 2 + 8 * sacks.length);
    for (const [from, to] of sacks) {
      put32(bytes, option, from);
      put32(bytes, option + 4, to);
      option += 8;
    }
  }
}
