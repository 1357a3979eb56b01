/** The network's DHCP server: each MAC address gets one address, the same as before if possible, and a fixed one if one is configured. */
import { hostAddress, inSubnet, ipBytes, ipText, sameBytes, type Subnet } from "../packet/address.ts";
import { get32 } from "../packet/bytes.ts";
import {
  ACKNOWLEDGE,
  DECLINE,
  DISCOVER,
  INFORM,
  OFFER,
  readDhcp,
  REFUSE,
  RELEASE,
  REQUEST,
  writeDhcp,
  type DhcpRequest,
} from "./dhcp-message.ts";

const LEASE_SECONDS = 24 * 3600;
/** How long an offered address is reserved for the client. */
const OFFER_MILLISECONDS = 60_000;
/** How long an address is avoided that a guest found in use by somebody else. */
const DECLINED_MILLISECONDS = 10 * 60_000;
const DECLINED_LIMIT = 256;
/** The numbers below are for the gateway, the name server and the user. */
const FIRST_NUMBER = 15;
/** The most leases of one interface, whatever MAC addresses its guest makes up, and of all interfaces. More push out the oldest. */
const LEASES_PER_INTERFACE = 32;
const LEASES_LIMIT = 4096;

export interface Lease {
  readonly mac: string;
  readonly address: string;
  /** The guest's own name in plain characters; null if it gave none. */
  readonly hostName: string | null;
  /** In milliseconds of the gateway's clock. */
  readonly until: number;
  readonly fixed: boolean;
}

interface Held extends Lease {
  /** The interface by which it was last asked for, null when that has gone; and the address's number in the network. */
  readonly via: string | null;
  readonly number: number;
}

export interface DhcpOptions {
  readonly subnet: Subnet;
  readonly server: Uint8Array;
  /** Returns null where there is no way out. */
  readonly router: () => Uint8Array | null;
  readonly nameServer: Uint8Array | null;
  readonly domain: string;
  readonly now: () => number;
}

/** Returns the letters, digits and hyphens of a guest's name for itself, which can stand in a host name. */
export function plainHostName(name: string): string | null {
  const plain = name
    .split(".")[0]!
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, "")
    .replace(/^-+|-+$/g, "")
    .slice(0, 63);
  return plain || null;
}

export class DhcpServer {
  readonly #options: DhcpOptions;
  readonly #mask: Uint8Array;
  readonly #broadcast: Uint8Array;
  readonly #size: number;
  /** By MAC address, in the order in which they were last asked for. */
  readonly #leases = new Map<string, Held>();
  /** By number of an address, who has it. */
  readonly #holders = new Map<number, string>();
  /** Numbers that are reserved for one MAC address. */
  readonly #fixed = new Map<string, number>();
  readonly #declined = new Map<number, number>();

  constructor(options: DhcpOptions) {
    this.#options = options;
    const { prefix } = options.subnet;
    this.#size = 2 ** (32 - prefix);
    const bits = (0xffffffff << (32 - prefix)) >>> 0;
    this.#mask = Uint8Array.of(bits >>> 24, bits >>> 16, bits >>> 8, bits);
    this.#broadcast = hostAddress(options.subnet, this.#size - 1);
  }

  leases(): Lease[] {
    const now = this.#options.now();
    return [...this.#leases.values()]
      .filter(({ until }) => until > now)
      .map(({ mac, address, hostName, until, fixed }) => ({ mac, address, hostName, until, fixed }));
  }

  /** Called when an interface has gone. Its addresses are kept for it, but a guest that uses one of them without asking may have it. */
  interfaceGone(via: string): void {
    for (const lease of this.#leases.values())
      if (lease.via === via) this.#leases.set(lease.mac, { ...lease, via: null });
  }

  /** Returns the MAC address that has an IPv4 address now, or for which it is reserved; null for none. */
  holder(address: Uint8Array): string | null {
    const number = this.#numberOf(address);
    for (const [mac, fixed] of this.#fixed) if (fixed === number) return mac;
    const lease = this.#leases.get(this.#holders.get(number) ?? "");
    return lease && lease.via !== null && lease.until > this.#options.now() ? lease.mac : null;
  }

  /** Reserves an address for this MAC address. Returns false if the address is not one of this network, or is reserved for another. */
  reserve(mac: string, address: Uint8Array): boolean {
    const number = this.#numberOf(address);
    if (number < 4 || number >= this.#size - 1) return false;
    for (const [other, fixed] of this.#fixed) if (fixed === number && other !== mac) return false;
    const holder = this.#holders.get(number);
    if (holder !== undefined && holder !== mac) this.#release(holder);
    this.#fixed.set(mac, number);
    return true;
  }

  unreserve(mac: string): void {
    this.#fixed.delete(mac);
  }

  /** Returns the number of an address in the network, or -1. */
  #numberOf(address: Uint8Array): number {
    return inSubnet(this.#options.subnet, address) ? (get32(address, 0) & (this.#size - 1)) >>> 0 : -1;
  }

  /**
   * Takes the payload of a datagram to port 67 that a MAC address has sent by an interface. Returns what to send to port 68, and to which address.
   * `mtu` is that of the interface. A request in the name of another MAC address gets no answer (there are no relays here).
   */
  receive(
    payload: Uint8Array,
    sender: Uint8Array,
    via: string,
    mtu: number,
  ): { payload: Uint8Array; address: Uint8Array } | null {
    const request = readDhcp(payload);
    if (!request || !sameBytes(request.macBytes, sender)) return null;
    const server = ipText(this.#options.server);
    if (request.server && request.server !== server) {
      // The client has taken another server's offer.
      if (request.type === REQUEST) this.#release(request.mac);
      return null;
    }
    const answer = (type: number, address: string | null, leaseTime: number | null) =>
      this.#answer(request, type, address, leaseTime, mtu);
    switch (request.type) {
      case DISCOVER: {
        const lease = this.#assign(request, via, OFFER_MILLISECONDS, request.requested);
        return lease && answer(OFFER, lease.address, LEASE_SECONDS);
      }
      case REQUEST: {
        const wanted = request.requested ?? request.clientAddress;
        const lease = wanted === null ? null : this.#assign(request, via, LEASE_SECONDS * 1000, wanted);
        if (lease?.address === wanted) return answer(ACKNOWLEDGE, lease!.address, LEASE_SECONDS);
        return answer(REFUSE, null, null);
      }
      case INFORM:
        return answer(ACKNOWLEDGE, null, null);
      case DECLINE: {
        const lease = this.#leases.get(request.mac);
        if (!lease || lease.address !== request.requested) return null;
        if (this.#declined.size >= DECLINED_LIMIT) this.#declined.delete(this.#declined.keys().next().value!);
        this.#declined.set(lease.number, this.#options.now() + DECLINED_MILLISECONDS);
        this.#release(request.mac);
        return null;
      }
      case RELEASE:
        this.#release(request.mac);
        return null;
    }
    return null;
  }

  #answer(request: DhcpRequest, type: number, address: string | null, leaseTime: number | null, mtu: number) {
    const { server, router, nameServer, domain } = this.#options;
    const bytes = address ? ipBytes(address)! : null;
    const hostName = request.hostName && plainHostName(request.hostName);
    const common = { mask: this.#mask, broadcast: this.#broadcast, router: router(), nameServer, domain, mtu };
    const payload = writeDhcp(request, { ...common, type, server, address: bytes, hostName, leaseTime });
    // Before a client has its address it receives broadcasts (RFC 2131, 4.1, allows a unicast to it, but that is not needed).
    const own = request.clientAddress && type !== REFUSE ? ipBytes(request.clientAddress) : null;
    return { payload, address: own ?? Uint8Array.of(255, 255, 255, 255) };
  }

  /** Chooses the client's address: the fixed one, the one it had, the one it asks for, or a free one. */
  #assign(request: DhcpRequest, via: string, milliseconds: number, wanted: string | null): Held | null {
    const { subnet, now } = this.#options;
    const { mac } = request;
    const fixed = this.#fixed.get(mac);
    const before = this.#leases.get(mac);
    const asked = wanted === null ? -1 : this.#numberOf(ipBytes(wanted)!);
    const number = fixed ?? before?.number ?? (this.#isFree(asked, mac) ? asked : this.#firstFree(mac));
    if (number === null) return null;
    this.#release(mac);
    this.#makeRoom(via);
    const lease = {
      mac,
      via,
      number,
      address: ipText(hostAddress(subnet, number)),
      hostName: request.hostName ? plainHostName(request.hostName) : (before?.hostName ?? null),
      until: Math.max(before?.number === number ? before.until : 0, now() + milliseconds),
      fixed: fixed !== undefined,
    };
    this.#leases.set(mac, lease);
    this.#holders.set(number, mac);
    return lease;
  }

  /** Removes the oldest lease of an interface that has too many, or the oldest of all. */
  #makeRoom(via: string): void {
    const own = [...this.#leases.values()].filter((lease) => lease.via === via);
    if (own.length >= LEASES_PER_INTERFACE) this.#release(own[0]!.mac);
    else if (this.#leases.size >= LEASES_LIMIT) this.#release(this.#leases.keys().next().value!);
  }

  #release(mac: string): void {
    const lease = this.#leases.get(mac);
    if (!lease) return;
    this.#leases.delete(mac);
    this.#holders.delete(lease.number);
  }

  #isFree(number: number, mac: string): boolean {
    if (number < FIRST_NUMBER || number >= this.#size - 1) return false;
    const now = this.#options.now();
    if ((this.#declined.get(number) ?? 0) > now) return false;
    for (const [owner, fixed] of this.#fixed) if (fixed === number && owner !== mac) return false;
    const holder = this.#holders.get(number);
    if (holder === undefined || holder === mac) return true;
    if (this.#leases.get(holder)!.until > now) return false;
    this.#release(holder);
    return true;
  }

  #firstFree(mac: string): number | null {
    const end = Math.min(this.#size - 1, FIRST_NUMBER + LEASES_LIMIT + DECLINED_LIMIT);
    for (let number = FIRST_NUMBER; number < end; number++) if (this.#isFree(number, mac)) return number;
    return null;
  }
}
