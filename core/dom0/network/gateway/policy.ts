/**
 * Where guests may connect to. The network gives them this computer's way out, but not this computer itself: its own addresses, its loopback and
 * link-local services (such as the metadata of a cloud machine) are refused, unless the user has allowed that very port.
 */
import { networkInterfaces } from "node:os";
import { hostAddress, inSubnet, ipBytes, ipText, parseSubnet, type Subnet } from "../packet/address.ts";

/** Addresses that are never reached through the NAT: this host, link-local, multicast, reserved (RFC 6890). */
const REFUSED = [
  ...["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "192.0.0.0/24"],
  ...[
    "::/96",
    "::ffff:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "2002::/16",
    "2001::/32",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
  ],
  // Services of clouds for their machines that are not at link-local addresses.
  ...["168.63.129.16/32", "100.100.100.200/32", "fd00:ec2::254/128", "fd20:ce::254/128"],
].map((text) => parseSubnet(text)!);

/** How long the list of this computer's own addresses is used before it is read again. */
const ADDRESSES_AGE = 5000;

/** Where a connection or a datagram really goes. `isOwn`: to this computer, as its user has allowed. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly isOwn: boolean;
}

/** Returns where something that a guest sends to this address and port really goes; null if it is refused. */
export type FindTarget = (address: Uint8Array, port: number) => Target | null;

export interface HostService {
  /** A port at the gateway's address, and the port on this computer's 127.0.0.1. */
  readonly port: number;
  readonly hostPort: number;
}

export class Policy {
  readonly #subnets: readonly Subnet[];
  readonly #gateways: readonly Uint8Array[];
  readonly #services = new Map<number, number>();
  readonly #now: () => number;
  readonly #interfaces: typeof networkInterfaces;
  #own = new Set<string>();
  #read = -Infinity;

  /** `subnets` are those of the virtual network; `gateways` are our addresses in it. */
  constructor(
    subnets: readonly Subnet[],
    gateways: readonly Uint8Array[],
    services: readonly HostService[],
    now: () => number,
    interfaces = networkInterfaces,
  ) {
    this.#subnets = subnets;
    this.#gateways = gateways;
    this.#now = now;
    this.#interfaces = interfaces;
    for (const { port, hostPort } of services) this.allow(port, hostPort);
  }

  /** Lets guests reach `hostPort` of this computer's loopback at the gateway's `port`. */
  allow(port: number, hostPort: number): void {
    this.#services.set(port, hostPort);
  }
  forbid(port: number): void {
    this.#services.delete(port);
  }
  services(): HostService[] {
    return [...this.#services].map(([port, hostPort]) => ({ port, hostPort }));
  }

  /** Returns where a connection or datagram to this address and port really goes; null if it is refused. */
  target(address: Uint8Array, port: number): Target | null {
    if (!port) return null;
    const text = ipText(address);
    if (this.#gateways.some((gateway) => ipText(gateway) === text)) {
      const hostPort = this.#services.get(port);
      return hostPort === undefined ? null : { host: "127.0.0.1", port: hostPort, isOwn: true };
    }
    return this.mayReach(address) ? { host: text, port, isOwn: false } : null;
  }

  /** Returns whether an address lies outside: it is neither this computer, nor in the virtual network, nor reserved. */
  mayReach(address: Uint8Array): boolean {
    if (REFUSED.some((subnet) => inSubnet(subnet, address))) return false;
    if (this.#subnets.some((subnet) => inSubnet(subnet, address))) return false;
    return !this.#ownAddresses().has(ipText(address));
  }

  #ownAddresses(): Set<string> {
    if (this.#now() - this.#read < ADDRESSES_AGE) return this.#own;
    this.#read = this.#now();
    let interfaces: ReturnType<typeof networkInterfaces>;
    try {
      interfaces = this.#interfaces();
    } catch {
      // The system can't tell now, so its earlier answer is used.
      return this.#own;
    }
    this.#own = new Set();
    for (const list of Object.values(interfaces))
      for (const { address, cidr } of list ?? []) {
        const bytes = ipBytes(address);
        if (!bytes) continue;
        this.#own.add(ipText(bytes));
        const subnet = cidr ? parseSubnet(cidr) : null;
        // A directed broadcast reaches this computer too.
        if (subnet && bytes.length === 4 && subnet.prefix < 31)
          this.#own.add(ipText(hostAddress(subnet, 2 ** (32 - subnet.prefix) - 1)));
      }
    return this.#own;
  }
}
