/**
 * The user-mode gateway of a virtual network: a port of the bridge behind which lies the world, reached by ordinary sockets of this computer, without
 * rights or configuration. It hands out addresses (DHCP, router advertisements), answers name queries, joins TCP and UDP with sockets, and answers
 * pings.
 */
import type { Bridge } from "../bridge.ts";
import { ETHERNET_HEADER, MTU, type BridgePort, type Frame } from "../frame.ts";
import { hostAddress, inSubnet, ipBytes, ipText, macText, sameBytes, type Subnet } from "../packet/address.ts";
import { get16 } from "../packet/bytes.ts";
import {
  checksumHolds,
  ETHERTYPE_ARP,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  readPacket,
  type Packet,
} from "../packet/internet.ts";
import { foldChecksum, sumWords } from "../packet/bytes.ts";
import { DhcpServer, plainHostName, type Lease } from "./dhcp.ts";
import { Forwards, type Forward } from "./forwards.ts";
import { Echo, isEchoRequest, messageType, sendError, type IcmpError } from "./icmp.ts";
import { Link } from "./link.ts";
import { hostResolvers, NameService } from "./name-service.ts";
import { Policy, type HostService, type Target } from "./policy.ts";
import { Reassembly } from "./reassembly.ts";
import { advertise, ADVERTISE_AGAIN, ROUTER_SOLICITATION } from "./router-advertisement.ts";
import { networkShares, type NetworkShares } from "./shares.ts";
import { TcpNat, type TcpConnectionReport } from "./tcp/nat.ts";
import { readDatagram, sendDatagram, UdpNat } from "./udp.ts";

const DHCP_SERVER_PORT = 67;
const DHCP_CLIENT_PORT = 68;
const DNS_PORT = 53;
/** The domain of guests' names: ICANN has reserved this top-level domain for private use. */
export const DOMAIN = "xenarium.internal";
const GATEWAY_NUMBER = 2;
const NAME_SERVER_NUMBER = 3;
const GATEWAY_MAC = Uint8Array.of(0x02, 0x58, 0x65, 0x6e, 0, 2);
const LINK_LOCAL = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x58, 0x65, 0xff, 0xfe, 0x6e, 0, 2);
const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

export interface GatewayOptions {
  /** The IPv4 network, between /8 and /28. */
  readonly ipv4: Subnet;
  /** An IPv6 prefix of 64 bits, or null. */
  readonly ipv6: Subnet | null;
  /** If false, guests get addresses and reach each other, and nothing else. */
  readonly wayOut: boolean;
  readonly services: readonly HostService[];
  /** The host's shares for all its networks; if left out, the gateway has its own. */
  readonly shares?: NetworkShares;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

export interface GatewayReport {
  readonly address: string;
  readonly address6: string | null;
  readonly leases: Lease[];
  readonly forwards: Forward[];
  readonly services: HostService[];
  readonly connections: TcpConnectionReport[];
  readonly udpSockets: number;
  /** Connections and datagrams that were refused by policy or by bounds. */
  readonly refused: number;
  /** Frames that were damaged or of an unknown protocol. */
  readonly dropped: number;
}

export class Gateway implements BridgePort {
  readonly name = "gateway";
  readonly owner = "gateway";
  readonly mac = GATEWAY_MAC;
  readonly mtu = MTU;
  readonly #bridge: Bridge;
  readonly #options: GatewayOptions;
  readonly #address: Uint8Array;
  readonly #nameServers: Uint8Array[];
  readonly #address6: Uint8Array | null;
  readonly #link: Link;
  readonly #dhcp: DhcpServer;
  readonly #names: NameService;
  readonly #policy: Policy;
  readonly #tcp: TcpNat;
  readonly #udp: UdpNat;
  readonly #echo: Echo;
  readonly #forwards: Forwards;
  readonly #reassembly: Reassembly;
  readonly #again: NodeJS.Timeout | null;
  /** MTUs of the interfaces that have sent something, by their names. */
  readonly #mtus = new Map<string, number>();
  #wayOut: boolean;
  #dropped = 0;

  constructor(bridge: Bridge, options: GatewayOptions) {
    this.#bridge = bridge;
    this.#options = options;
    const { ipv4, ipv6, now } = options;
    const shares = options.shares ?? networkShares();
    this.#reassembly = new Reassembly(now);
    this.#wayOut = options.wayOut;
    this.#address = hostAddress(ipv4, GATEWAY_NUMBER);
    this.#address6 = ipv6 && hostAddress(ipv6, GATEWAY_NUMBER);
    this.#nameServers = [
      hostAddress(ipv4, NAME_SERVER_NUMBER),
      ...(ipv6 ? [hostAddress(ipv6, NAME_SERVER_NUMBER)] : []),
    ];
    const own = [this.#address, ...this.#nameServers, LINK_LOCAL, ...(this.#address6 ? [this.#address6] : [])];
    this.#link = new Link(
      GATEWAY_MAC,
      own,
      (frame) => bridge.send(this, frame),
      (address, mac) => this.#mayHave(address, mac),
      (guest) => this.#mtuTo(guest),
    );
    const { transmit } = this.#link;
    const gateways = [this.#address, ...(this.#address6 ? [this.#address6] : [])];
    this.#policy = new Policy([ipv4, ...(ipv6 ? [ipv6] : [])], gateways, options.services, now);
    this.#dhcp = new DhcpServer({
      subnet: ipv4,
      server: this.#address,
      router: () => (this.#wayOut ? this.#address : null),
      nameServer: this.#nameServers[0]!,
      domain: DOMAIN,
      now,
    });
    this.#names = new NameService(
      (name) => this.#localName(name),
      () => (this.#wayOut ? hostResolvers() : []),
    );
    const target = (address: Uint8Array, port: number) => this.#target(address, port);
    this.#tcp = new TcpNat({
      transmit,
      target,
      unreachable: (packet) => this.#tell(packet, "host"),
      mtu: (guest) => this.#mtuTo(guest),
      shares: shares.tcp,
      network: bridge.name,
      now,
    });
    const unreachable = (packet: Packet, what: IcmpError) => this.#tell(packet, what);
    this.#udp = new UdpNat({ transmit, target, unreachable, shares: shares.udp });
    this.#echo = new Echo(transmit, now);
    this.#forwards = new Forwards({
      connected: (socket, { guestAddress, guestPort }) => {
        const guest = ipBytes(guestAddress)!;
        this.#tcp.forward(socket, this.#addressFor(guest), guest, guestPort);
      },
      datagram: (payload, port, { guestAddress, guestPort }) => {
        const guest = ipBytes(guestAddress)!;
        const source = { address: this.#addressFor(guest), port };
        sendDatagram(transmit, source, { address: guest, port: guestPort }, payload);
      },
    });
    bridge.attach(this);
    if (ipv6) this.#advertise(ALL_NODES);
    this.#again = ipv6 && setInterval(() => this.#advertise(ALL_NODES), ADVERTISE_AGAIN).unref();
  }

  /** Returns our address of the same kind as the guest's. */
  #addressFor(guest: Uint8Array): Uint8Array {
    return guest.length === 4 ? this.#address : (this.#address6 ?? LINK_LOCAL);
  }

  /** Tells a guest what became of its packet. */
  #tell(packet: Packet, what: IcmpError): void {
    sendError(this.#link.transmit, packet, what, this.#addressFor(packet.source));
  }

  /** Returns the size of the largest packet that can go to a guest's address. */
  #mtuTo(guest: Uint8Array): number {
    const via = this.#link.neighbour(guest)?.via;
    return (via !== undefined && this.#mtus.get(via)) || MTU;
  }

  /** An address that DHCP has given to one interface, or reserves for it, can't be at another. */
  #mayHave(address: Uint8Array, mac: Uint8Array): boolean {
    if (address.length !== 4) return true;
    const holder = this.#dhcp.holder(address);
    return holder === null || holder === macText(mac);
  }

  #target(address: Uint8Array, port: number): Target | null {
    if (port === DNS_PORT && this.#isNameServer(address)) return this.#wayOut ? this.#names.target() : null;
    const target = this.#policy.target(address, port);
    return target && (this.#wayOut || target.isOwn) ? target : null;
  }

  #isNameServer(address: Uint8Array): boolean {
    return this.#nameServers.some((own) => sameBytes(own, address));
  }

  deliver(frame: Frame, from: BridgePort): void {
    const { bytes } = frame;
    if (bytes.length < ETHERNET_HEADER + 20) {
      this.#dropped++;
      return;
    }
    const forUs = sameBytes(bytes.subarray(0, 6), GATEWAY_MAC);
    if (!forUs && !(bytes[0]! & 1)) return;
    this.#mtus.set(from.name, from.mtu);
    if (get16(bytes, 12) === ETHERTYPE_ARP) return this.#link.receiveArp(bytes, from.name);
    const first = readPacket(bytes);
    const packet = first && this.#reassembly.take(first, from.name);
    if (!first) this.#dropped++;
    if (!packet) return;
    if (
      packet.protocol !== PROTOCOL_ICMP &&
      !frame.checksumBlank &&
      !checksumHolds(packet) &&
      !withoutChecksum(packet)
    ) {
      this.#dropped++;
      return;
    }
    const mac = bytes.subarray(6, 12);
    if (this.#local(packet.source) && !this.#link.learn(packet.source, mac, from.name)) {
      this.#dropped++;
      return;
    }
    this.#dispatch(packet, mac, from);
  }

  /** Returns whether an address belongs to this network, so that its sender lies behind the bridge. */
  #local(address: Uint8Array): boolean {
    const { ipv4, ipv6 } = this.#options;
    if (address.length === 4) return inSubnet(ipv4, address);
    return (address[0] === 0xfe && (address[1]! & 0xc0) === 0x80) || (ipv6 !== null && inSubnet(ipv6, address));
  }

  #dispatch(packet: Packet, mac: Uint8Array, from: BridgePort): void {
    const via = from.name;
    // Every router reduces the hop limit by one, and something must be left (RFC 1812, 5.3.1). Neighbour discovery comes with 255.
    if (packet.hopLimit <= 1 && this.#local(packet.source) && this.#isForOthers(packet.destination))
      return this.#tell(packet, "time");
    if (packet.protocol === PROTOCOL_UDP) return this.#datagram(packet, mac, from);
    if (packet.protocol === PROTOCOL_ICMPV6) return this.#icmp6(packet, mac, via);
    // A source address outside of this network is somebody else's or forged; answers would go nowhere.
    if (!this.#local(packet.source)) {
      this.#dropped++;
      return;
    }
    if (packet.protocol === PROTOCOL_TCP) this.#tcp.receive(packet, via);
    else if (packet.protocol === PROTOCOL_ICMP) this.#icmp(packet, via);
    else this.#dropped++;
  }

  /** Returns whether a packet to this address would leave the network. */
  #isForOthers(address: Uint8Array): boolean {
    const isGroup = address[0]! >= (address.length === 4 ? 224 : 0xff);
    return !isGroup && !this.#link.owns(address) && !this.#local(address);
  }

  #icmp(packet: Packet, via: string): void {
    if (foldChecksum(sumWords(packet.bytes, packet.start, packet.end)) !== 0) {
      this.#dropped++;
      return;
    }
    if (isEchoRequest(packet)) this.#echoRequest(packet, via);
  }

  #echoRequest(packet: Packet, via: string): void {
    if (this.#link.owns(packet.destination)) this.#echo.answer(packet);
    else if (this.#wayOut && this.#policy.mayReach(packet.destination)) this.#echo.ask(packet, via);
  }

  #icmp6(packet: Packet, mac: Uint8Array, via: string): void {
    const type = messageType(packet);
    if (type >= ROUTER_SOLICITATION && type <= 136) {
      // It must come from this link (RFC 4861, 6.1.1).
      if (packet.hopLimit !== 255) return;
      if (type !== ROUTER_SOLICITATION)
        return this.#link.receiveNeighbour(packet.source, mac, packet.bytes.subarray(packet.start, packet.end), via);
      const unspecified = packet.source.every((byte) => byte === 0);
      this.#advertise(unspecified ? ALL_NODES : packet.source);
    } else if (isEchoRequest(packet) && this.#local(packet.source)) this.#echoRequest(packet, via);
  }

  #advertise(destination: Uint8Array): void {
    const { ipv6 } = this.#options;
    if (!ipv6) return;
    const advertisement = {
      source: LINK_LOCAL,
      mac: GATEWAY_MAC,
      prefix: ipv6,
      nameServer: this.#nameServers[1]!,
      router: this.#wayOut,
    };
    advertise(this.#link.transmit, advertisement, destination);
  }

  #datagram(packet: Packet, mac: Uint8Array, from: BridgePort): void {
    const via = from.name;
    const datagram = readDatagram(packet);
    if (!datagram) {
      this.#dropped++;
      return;
    }
    const { sourcePort, destinationPort, payload } = datagram;
    if (destinationPort === DHCP_SERVER_PORT && packet.destination.length === 4) {
      const answer = this.#dhcp.receive(payload, mac, via, from.mtu);
      if (!answer) return;
      const to = { address: answer.address, port: DHCP_CLIENT_PORT };
      return sendDatagram(this.#link.transmit, { address: this.#address, port: DHCP_SERVER_PORT }, to, answer.payload);
    }
    // Groups and broadcasts (mDNS, LLMNR) stay on the bridge.
    if (!this.#local(packet.source) || packet.destination[0]! >= (packet.destination.length === 4 ? 224 : 0xff)) return;
    if (destinationPort === DNS_PORT && this.#isNameServer(packet.destination)) {
      const from = { address: packet.destination, port: DNS_PORT };
      const to = { address: packet.source, port: sourcePort };
      return this.#names.receive(payload, via, (bytes) => sendDatagram(this.#link.transmit, from, to, bytes));
    }
    const toGateway = sameBytes(packet.destination, this.#addressFor(packet.source));
    if (toGateway && this.#forwards.answer(ipText(packet.source), sourcePort, destinationPort, payload)) return;
    this.#udp.receive(packet, datagram, via);
  }

  /** Returns the addresses of a name of this network: "gateway", and the names that guests give in DHCP, with or without the domain. */
  #localName(name: string): { v4: string[]; v6: string[] } | null {
    const inDomain = name.endsWith(`.${DOMAIN}`);
    const plain = inDomain ? name.slice(0, -DOMAIN.length - 1) : name;
    if (plain.includes(".")) return inDomain ? { v4: [], v6: [] } : null;
    const v6 = this.#address6 ? [ipText(this.#address6)] : [];
    if (plain === "gateway") return { v4: [ipText(this.#address)], v6 };
    const lease = this.#dhcp.leases().find(({ hostName }) => hostName === plainHostName(plain));
    if (lease) return { v4: [lease.address], v6: [] };
    return inDomain ? { v4: [], v6: [] } : null;
  }

  /** Opens the way out, or closes it together with what guests have open through it. Guests learn of it when they ask for their address again. */
  setWayOut(wayOut: boolean): void {
    this.#wayOut = wayOut;
    if (!wayOut) {
      this.#tcp.close();
      this.#udp.close();
    }
    this.#advertise(ALL_NODES);
  }

  /** Opens a port of this computer that leads to a guest. */
  addForward(forward: Forward): Promise<Forward> {
    return this.#forwards.add({ ...forward, guestAddress: ipText(ipBytes(forward.guestAddress)!) });
  }
  /** Returns whether an address can belong to a guest of this network. */
  mayBeGuest(address: string): boolean {
    const bytes = ipBytes(address);
    return bytes !== null && this.#local(bytes) && !this.#link.owns(bytes);
  }
  /** Reserves an IPv4 address for an interface with this MAC address. Returns false if it is not one of this network, or is reserved for another. */
  reserve(mac: Uint8Array, address: Uint8Array): boolean {
    return this.#dhcp.reserve(macText(mac), address);
  }

  removeForward(forward: Pick<Forward, "protocol" | "hostAddress" | "hostPort">): boolean {
    return this.#forwards.remove(forward);
  }
  allowService(service: HostService): void {
    this.#policy.allow(service.port, service.hostPort);
  }
  forbidService(port: number): void {
    this.#policy.forbid(port);
  }

  /** Called when an interface has gone: closes what its guest had open, and what came to it by forwarded ports. */
  interfaceGone({ name, mac }: BridgePort): void {
    this.#tcp.close(name);
    this.#udp.close(name);
    this.#names.close(name);
    this.#echo.close(name);
    this.#reassembly.close(name);
    this.#dhcp.interfaceGone(name);
    this.#dhcp.unreserve(macText(mac));
    this.#mtus.delete(name);
    for (const address of this.#link.forgetInterface(name)) this.#tcp.closeForwards(address);
  }

  report(): GatewayReport {
    return {
      address: ipText(this.#address),
      address6: this.#address6 && ipText(this.#address6),
      leases: this.#dhcp.leases(),
      forwards: this.#forwards.list(),
      services: this.#policy.services(),
      connections: this.#tcp.report(),
      udpSockets: this.#udp.size,
      refused: this.#tcp.refused + this.#udp.refused,
      dropped: this.#dropped,
    };
  }

  /** Closes all sockets and leaves the bridge. */
  stop(): void {
    this.#bridge.detach(this);
    if (this.#again) clearInterval(this.#again);
    this.#forwards.stop();
    this.#tcp.close();
    this.#udp.close();
    this.#echo.stop();
    this.#names.stop();
    this.#link.stop();
  }
}

/** A UDP datagram over IPv4 may say that it has no checksum. */
function withoutChecksum(packet: Packet): boolean {
  const udp = packet.protocol === PROTOCOL_UDP && packet.source.length === 4 && packet.end - packet.start >= 8;
  return udp && get16(packet.bytes, packet.start + 6) === 0;
}
