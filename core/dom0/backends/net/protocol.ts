/**
 * Requests and responses of network rings: public/io/netif.h. What is read here is the copy that BackRing made. "Transmit" is always the guest's
 * view: out of the guest and into the bridge.
 */
/** A transmit request: gref u32, offset u16, flags u16, id u16, size u16. Its response: id u16, status i16. */
export const TX_SLOT_BYTES = 12;
/** A receive request: id u16, pad, gref u32. Its response: id u16, offset u16, flags u16, status i16 (bytes, or an error). */
export const RX_SLOT_BYTES = 8;

export const TXF_CSUM_BLANK = 1;
export const TXF_MORE_DATA = 4;
export const TXF_EXTRA_INFO = 8;

export const RXF_DATA_VALIDATED = 1;
export const RXF_CSUM_BLANK = 2;
export const RXF_MORE_DATA = 4;
export const RXF_EXTRA_INFO = 8;

export const RSP_OKAY = 0;
export const RSP_ERROR = -1;
export const RSP_DROPPED = -2;
/** The response to a slot that held extra information. */
export const RSP_NULL = 1;

export const EXTRA_TYPE_GSO = 1;
export const EXTRA_TYPE_MCAST_ADD = 2;
export const EXTRA_TYPE_MCAST_DEL = 3;
export const EXTRA_FLAG_MORE = 1;
export const GSO_TYPE_TCPV4 = 1;
export const GSO_TYPE_TCPV6 = 2;

/** The most slots with data in one packet: what Linux's frontends may send (XEN_NETIF_NR_SLOTS_MIN is what a backend must take). */
export const MOST_DATA_SLOTS = 18;
/** The most slots with extra information in one packet: one of each existing type. */
export const MOST_EXTRA_SLOTS = 5;
export const PAGE_BYTES = 4096;
/** The most bytes of a packet: what IP's length field allows, including the Ethernet header. */
export const MOST_PACKET_BYTES = 0xffff;

/** The frontend has broken the protocol in a way that no working driver does, and is disconnected. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

export interface TransmitRequest {
  readonly ref: number;
  readonly offset: number;
  readonly flags: number;
  readonly id: number;
  readonly size: number;
}

export function readTransmit(words: Int32Array): TransmitRequest {
  const [ref, second, third] = [words[0]! >>> 0, words[1]!, words[2]!];
  return { ref, offset: second & 0xffff, flags: second >>> 16, id: third & 0xffff, size: third >>> 16 };
}

/** Extra information in a slot of its own: struct netif_extra_info. */
export interface ExtraInfo {
  readonly type: number;
  readonly more: boolean;
  /** EXTRA_TYPE_GSO: bytes of payload in each segment, and what is segmented. */
  readonly segmentSize: number;
  readonly gsoType: number;
  /** EXTRA_TYPE_MCAST_*: the group's MAC address. */
  readonly address: Uint8Array;
}

export function readExtra(words: Int32Array): ExtraInfo {
  const bytes = new Uint8Array(words.buffer, words.byteOffset, 8);
  return {
    type: bytes[0]!,
    more: (bytes[1]! & EXTRA_FLAG_MORE) !== 0,
    segmentSize: bytes[2]! | (bytes[3]! << 8),
    gsoType: bytes[4]!,
    address: bytes.slice(2, 8),
  };
}

/** Writes a transmit response into `response`. */
export function writeTransmitResponse(response: Int32Array, id: number, status: number): void {
  response[0] = (id & 0xffff) | (status << 16);
}

/** Writes a receive response into `response`. `status` is the number of bytes in the page, or an error. */
export function writeReceiveResponse(response: Int32Array, id: number, flags: number, status: number): void {
  response[0] = id & 0xffff;
  response[1] = flags | (status << 16);
}

/** Writes the slot that describes segmentation, which follows a packet's first one, into `response`. */
export function writeGsoExtra(response: Int32Array, segmentSize: number, gsoType: number): void {
  response[0] = EXTRA_TYPE_GSO | (segmentSize << 16);
  response[1] = gsoType;
}
