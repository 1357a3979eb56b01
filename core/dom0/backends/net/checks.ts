/**
 * Decides whether a frame that a guest sends may be carried by a network, before anybody else gets it: what Linux's stack below a netback would drop
 * never reaches another guest's driver or the gateway.
 */
import { ETHERNET_HEADER, MTU, VLAN_TAG, type Frame } from "../../network/frame.ts";
import { sameBytes } from "../../network/packet/address.ts";
import { get16 } from "../../network/packet/bytes.ts";
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  readPacket,
} from "../../network/packet/internet.ts";

/**
 * The smallest payload of a segment (Linux: TCP_MIN_SND_MSS without its options), so that a frame of 64 KiB makes no more than some thousand
 * segments.
 */
const LEAST_SEGMENT = 48;

/** Offloads need a whole packet to work on. Any other packet is at most as long as the network's packets. */
export function isCarried(frame: Frame): boolean {
  const { bytes, segmentSize, checksumBlank } = frame;
  if (!segmentSize && bytes.length > ETHERNET_HEADER + MTU + VLAN_TAG) return false;
  if (!segmentSize && !checksumBlank) return true;
  const packet = readPacket(bytes);
  if (!packet || packet.fragment || (segmentSize && packet.end !== bytes.length)) return false;
  const length = packet.end - packet.start;
  if (packet.protocol === PROTOCOL_UDP) return segmentSize === 0 && length >= 8;
  if (packet.protocol !== PROTOCOL_TCP || length < 20) return false;
  const header = (bytes[packet.start + 12]! >> 4) * 4;
  if (header < 20 || header > length) return false;
  return segmentSize === 0 || (segmentSize >= LEAST_SEGMENT && length > header);
}

/** Checks the source address of a frame where `ip=` names addresses: those are allowed, and what a guest needs to get one of them. */
export class SourceGuard {
  readonly #addresses: readonly Uint8Array[];

  constructor(addresses: readonly Uint8Array[]) {
    this.#addresses = addresses;
  }

  allows(bytes: Uint8Array): boolean {
    switch (get16(bytes, 12)) {
      case ETHERTYPE_ARP:
        return bytes.length >= 42 && this.#owns(bytes.subarray(28, 32));
      case ETHERTYPE_IPV4:
        return bytes.length >= 34 && this.#owns(bytes.subarray(26, 30));
      case ETHERTYPE_IPV6:
        return bytes.length >= 54 && this.#owns(bytes.subarray(22, 38));
      default:
        return false;
    }
  }

  /**
   * Unspecified and link-local addresses are allowed too, for DHCP, duplicate address detection and neighbour discovery. If `ip=` names none of this
   * kind, all addresses of the kind are.
   */
  #owns(address: Uint8Array): boolean {
    const own = this.#addresses.filter(({ length }) => length === address.length);
    if (!own.length || address.every((byte) => byte === 0)) return true;
    if (address.length === 16 && address[0] === 0xfe && (address[1]! & 0xc0) === 0x80) return true;
    return own.some((each) => sameBytes(each, address));
  }
}
