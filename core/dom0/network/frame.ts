/**
 * What travels on a virtual network: an Ethernet frame without its check sequence, and what the sender left for the
 * receiver to do. Frames are never changed after they were sent, so whoever receives one may keep it.
 */
export interface Frame {
  /** From the destination's MAC address on. Longer than the MTU only where segmentSize is not 0. */
  readonly bytes: Uint8Array;
  /**
   * The TCP or UDP checksum field holds only the sum of the pseudo header (XEN_NETTXF_csum_blank, xen/io/netif.h). Nothing can
   * damage a frame inside this computer; whoever can't say so to its receiver completes it with completeChecksum().
   */
  readonly checksumBlank: boolean;
  /** Bytes of payload for each TCP segment that this frame is to be cut into (GSO); 0 if it is one segment. */
  readonly segmentSize: number;
}

/** What is attached to a bridge: a network backend's interface or a gateway. */
export interface BridgePort {
  /** For diagrams and captures: "vif3.0", "gateway". */
  readonly name: string;
  /** Whose it is: a domain's number, or the gateway. */
  readonly owner: string;
  /** Its own MAC address: no port of another owner sends or gets frames in its name. */
  readonly mac: Uint8Array;
  /** The largest packet that it takes, after the Ethernet header and but for GSO frames. */
  readonly mtu: number;
  /** Takes a frame that the bridge sends out of this port, and that came from another. Must not throw; a full port drops it and counts that. */
  deliver(frame: Frame, from: BridgePort): void;
}

/** A key of the MAC address that stands at an offset, for maps: 48 bits. */
export function macKey(bytes: Uint8Array, at = 0): number {
  return (
    ((bytes[at]! << 8) | bytes[at + 1]!) * 2 ** 32 +
    (((bytes[at + 2]! << 24) | (bytes[at + 3]! << 16) | (bytes[at + 4]! << 8) | bytes[at + 5]!) >>> 0)
  );
}

/** Bytes of an Ethernet header. */
export const ETHERNET_HEADER = 14;
/** Bytes of an IEEE 802.1Q tag, which a frame may have beyond the MTU. */
export const VLAN_TAG = 4;
/** The largest packet after the Ethernet header, but for GSO frames. */
export const MTU = 1500;

export function frame(bytes: Uint8Array): Frame {
  return { bytes, checksumBlank: false, segmentSize: 0 };
}
