/** Router advertisements (RFC 4861, with the name server option of RFC 8106), from which guests make their own IPv6 addresses with the prefix. */
import { MTU } from "../frame.ts";
import type { Subnet } from "../packet/address.ts";
import { put16, put32 } from "../packet/bytes.ts";
import { PROTOCOL_ICMPV6 } from "../packet/internet.ts";
import type { IpTransmit } from "./link.ts";

export const ROUTER_SOLICITATION = 133;
const ROUTER_ADVERTISEMENT = 134;
/** In seconds: the longest that a router may promise (RFC 8319), and for ever. The gateway exists as long as the network does. */
const ROUTER_LIFETIME = 65_535;
const FOR_EVER = 0xffffffff;
/** Milliseconds until everybody is told again, long before that time is over. */
export const ADVERTISE_AGAIN = 4 * 3600 * 1000;

export interface Advertisement {
  /** Our link-local address. */
  readonly source: Uint8Array;
  readonly mac: Uint8Array;
  readonly prefix: Subnet;
  readonly nameServer: Uint8Array;
  /** Whether we are a way out. */
  readonly router: boolean;
}

/** Sends an advertisement to `destination`: the guest that asked, or all nodes. */
export function advertise(transmit: IpTransmit, advertisement: Advertisement, destination: Uint8Array): void {
  const { source, mac, prefix, nameServer, router } = advertisement;
  const length = 16 + 8 + 8 + 32 + 24;
  transmit({ source, destination, protocol: PROTOCOL_ICMPV6, length }, (bytes, at) => {
    bytes[at] = ROUTER_ADVERTISEMENT;
    bytes[at + 4] = 64;
    put16(bytes, at + 6, router ? ROUTER_LIFETIME : 0);
    bytes.set([1, 1, ...mac], at + 16);
    bytes.set([5, 1], at + 24);
    put32(bytes, at + 28, MTU);
    // Prefix information: on-link, and usable for addresses.
    bytes.set([3, 4, prefix.prefix, 0xc0], at + 32);
    put32(bytes, at + 36, FOR_EVER);
    put32(bytes, at + 40, FOR_EVER);
    bytes.set(prefix.address, at + 48);
    bytes.set([25, 3], at + 64);
    put32(bytes, at + 68, FOR_EVER);
    bytes.set(nameServer, at + 72);
  });
}
