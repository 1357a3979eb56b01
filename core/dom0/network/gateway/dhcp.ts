/** The network's DHCP server: an address for each MAC address, the same as before where it can be, fixed ones as configured. */
import { MTU } from "../frame.ts";
import { hostAddress, inSubnet, ipBytes, ipText, type Subnet } from "../packet/address.ts";
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
/** How long an address is kept for whom it was offered. */
const OFFER_MILLISECONDS = 60_000;
/** An address that a guest found in use by somebody else. */
const DECLINED_MILLISECONDS = 10 * 60_000;
/** Numbers below are the gateway's, the name server's and the user's own. */
const FIRST_NUMBER = 15;

export interface Lease {
  readonly mac: string;
  readonly address: string;
  /** As the guest calls itself, made plain; null if it did not say. */
  readonly hostName: string | null;
  /** In milliseconds of the gateway's clock. */
  readonly until: number;
  readonly fixed: boolean;
}

export interface DhcpOptions {
  readonly subnet: Subnet;
  readonly server: Uint8Array;
  /** Null where there is no way out. */
  readonly router: () => Uint8Array | null;
  readonly nameServer: Uint8Array | null;
  readonly domain: string;
  /** MAC address → IPv4 address. */
  readonly fixed: ReadonlyMap<string, string>;
  readonly now: () => number;
}

/** A name that may stand in a host's name: letters, digits and hyphens of what a guest calls itself. */
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
  readonly #leases = new Map<string, Lease>();
  readonly #byAddress = new Map<string, string>();
  readonly #declined = new Map<string, number>();

  constructor(options: DhcpOptions) {
    this.#options = options;
    const { prefix } = options.subnet;
    this.#size = 2 ** (32 - prefix);
    const bits = (0xffffffff << (32 - prefix)) >>> 0;
    this.#mask = Uint8Array.of(bits >>> 24, bits >>> 16, bits >>> 8, bits);
    this.#broadcast = hostAddress(options.subnet, this.#size - 1);
  }

  leases(): Lease[] {
    return [...this.#leases.values()].filter(({ until }) => until > this.#options.now());
  }

  /** Takes the payload of a datagram to port 67; returns what to send to port 68, and to which address. */
  receive(payload: Uint8Array): { payload: Uint8Array; address: Uint8Array } | null {
    const request = readDhcp(payload);
    if (!request) return null;
    const server = ipText(this.#options.server);
    if (request.server && request.server !== server) {
      // Somebody else's offer was taken.
      if (request.type === REQUEST) this.#release(request.mac);
      return null;
    }
    switch (request.type) {
      case DISCOVER: {
        const lease = this.#assign(request, OFFER_MILLISECONDS, request.requested);
        return lease && this.#answer(request, OFFER, lease.address, LEASE_SECONDS);
      }
      case REQUEST: {
        const wanted = request.requested ?? request.clientAddress;
        const lease = wanted === null ? null : this.#assign(request, LEASE_SECONDS * 1000, wanted);
        if (lease?.address === wanted) return this.#answer(request, ACKNOWLEDGE, lease!.address, LEASE_SECONDS);
        return this.#answer(request, REFUSE, null, null);
      }
      case INFORM:
        return this.#answer(request, ACKNOWLEDGE, null, null);
      case DECLINE:
        if (this.#leases.get(request.mac)?.address === request.requested && request.requested) {
          this.#declined.set(request.requested, this.#options.now() + DECLINED_MILLISECONDS);
          this.#release(request.mac);
        }
        return null;
      case RELEASE:
        this.#release(request.mac);
        return null;
    }
    return null;
  }

  #answer(request: DhcpRequest, type: number, address: string | null, leaseTime: number | null) {
    const { server, router, nameServer, domain } = this.#options;
    const bytes = address ? ipBytes(address)! : null;
    const hostName = request.hostName && plainHostName(request.hostName);
    const common = { mask: this.#mask, broadcast: this.#broadcast, router: router(), nameServer, domain, mtu: MTU };
    const payload = writeDhcp(request, { ...common, type, server, address: bytes, hostName, leaseTime });
    // Before a client has its address it hears broadcasts (RFC 2131, 4.1; a unicast to it is allowed, but not needed).
    const own = request.clientAddress && type !== REFUSE ? ipBytes(request.clientAddress) : null;
    return { payload, address: own ?? Uint8Array.of(255, 255, 255, 255) };
  }

  /** The client's address: the fixed one, the one it had, the one it asks for, or a free one. */
  #assign(request: DhcpRequest, milliseconds: number, wanted: string | null): Lease | null {
    const { fixed, now } = this.#options;
    const { mac } = request;
    const fixedAddress = fixed.get(mac);
    const before = this.#leases.get(mac);
    const address =
      fixedAddress ?? before?.address ?? (wanted && this.#free(wanted, mac) ? wanted : this.#firstFree(mac));
    if (!address) return null;
    if (before && before.address !== address) this.#byAddress.delete(before.address);
    const hostName = request.hostName ? plainHostName(request.hostName) : (before?.hostName ?? null);
    const until = Math.max(before?.until ?? 0, now() + milliseconds);
    const lease = { mac, address, hostName, until, fixed: fixedAddress !== undefined };
    this.#leases.set(mac, lease);
    this.#byAddress.set(address, mac);
    return lease;
  }

  #release(mac: string): void {
    const lease = this.#leases.get(mac);
    if (!lease) return;
    this.#leases.delete(mac);
    if (this.#byAddress.get(lease.address) === mac) this.#byAddress.delete(lease.address);
  }

  #free(address: string, mac: string): boolean {
    const { subnet, fixed, now } = this.#options;
    const bytes = ipBytes(address);
    if (!bytes || !inSubnet(subnet, bytes)) return false;
    const first = ipText(hostAddress(subnet, FIRST_NUMBER));
    const number = (text: string) => text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
    const distance = number(address) - number(first);
    if (distance < 0 || distance >= this.#size - FIRST_NUMBER - 1) return false;
    if ((this.#declined.get(address) ?? 0) > now()) return false;
    for (const [owner, reserved] of fixed) if (reserved === address && owner !== mac) return false;
    const owner = this.#byAddress.get(address);
    if (!owner || owner === mac) return true;
    const lease = this.#leases.get(owner)!;
    if (lease.until > now()) return false;
    this.#release(owner);
    return true;
  }

  #firstFree(mac: string): string | null {
    // A guest that asks with ever new MAC addresses uses up the addresses, but not our time: the range ends.
    for (let number = FIRST_NUMBER; number < Math.min(this.#size - 1, FIRST_NUMBER + 4096); number++) {
      const address = ipText(hostAddress(this.#options.subnet, number));
      if (this.#free(address, mac)) return address;
    }
    return null;
  }
}
