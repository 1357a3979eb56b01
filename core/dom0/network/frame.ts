/**
 * What travels on a virtual network: an Ethernet frame without its check sequence, and what the sender left for the receiver to do. Frames are never
 * changed after they were sent, so a receiver may keep them.
 */
export interface Frame {
  /** The bytes from the destination's MAC address on. They exceed the MTU only if segmentSize is not 0. */
  readonly bytes: Uint8Array;
  /**
   * Whether the TCP or UDP checksum field holds only the sum of the pseudo header (XEN_NETTXF_csum_blank, xen/io/netif.h). Nothing can damage a frame
   * inside this computer. Who can't pass this on to its receiver completes the checksum with completeChecksum().
   */
  readonly checksumBlank: boolean;
  /** Bytes of payload in each TCP segment into which this frame is to be cut (GSO); 0 if it is one segment. */
  readonly segmentSize: number;
}

/** What is attached to a bridge: the interface of a network backend, or a gateway. */
export interface BridgePort {
  /** A name for diagrams and captures: "vif3.0", "gateway". */
  readonly name: string;
  /** Who owns it: a domain's number, or the gateway. */
  readonly owner: string;
  /** Its own MAC address. No port of another owner sends or gets frames in its name. */
  readonly mac: Uint8Array;
  /** The largest packet that it takes, after the Ethernet header, except for GSO frames. */
  readonly mtu: number;
  /**
   * Takes a frame that the bridge sends out of this port, and that came from another one. Must not throw; a full port drops the frame and counts
   * that.
   */
  deliver(frame: Frame, from: BridgePort): void;
}

/** Returns a key of 48 bits for the MAC address at an offset, for maps. */
export function macKey(bytes: Uint8Array, at = 0): number {
  return (
    ((bytes[at]! << 8) | bytes[at + 1]!) * 2 ** 32 +
    (((bytes[at + 2]! << 24) | (bytes[at + 3]! << 16) | (bytes[at + 4]! << 8) | bytes[at + 5]!) >>> 0)
  );
}

/** Bytes of an Ethernet header. */
export const ETHERNET_HEADER = 14;
/** Bytes of an IEEE 802.1Q tag, by which a frame may exceed the MTU. */
export const VLAN_TAG = 4;
/** The largest packet after the Ethernet header, except for GSO frames. */
export const MTU = 1500;

export function frame(bytes: Uint8Array): Frame {
  return { bytes, checksumBlank: false, segmentSize: 0 };
}
