/**
 * The user-mode gateway of a virtual network: a port of the bridge behind which lies the world, reached by ordinary sockets of this
 * computer, with no rights and no configuration. It hands out addresses (DHCP, router advertisements), answers names, joins TCP and UDP
 * with sockets and answers pings.
 */
import type { Bridge } from "../bridge.ts";
import { ETHERNET_HEADER, type BridgePort, type Frame } from "../frame.ts";
import { hostAddress, ipBytes, ipText, macText, sameBytes, type Subnet } from "../packet/address.ts";
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
import { Echo, isEchoRequest, messageType, sendUnreachable } from "./icmp.ts";
import { Link } from "./link.ts";
import { hostResolvers, NameService } from "./name-service.ts";
import { Policy, type HostService } from "./policy.ts";
import { Reassembly } from "./reassembly.ts";
import { advertise, ROUTER_SOLICITATION } from "./router-advertisement.ts";
import { TcpNat, type TcpConnectionReport } from "./tcp/nat.ts";
import { readDatagram, sendDatagram, UdpNat } from "./udp.ts";

const DHCP_SERVER_PORT = 67;
const DHCP_CLIENT_PORT = 68;
const DNS_PORT = 53;
/** Behind the names of guests: the top-level domain that is nobody's (ICANN reserved it for private use). */
export const DOMAIN = "xenarium.internal";
const GATEWAY_NUMBER = 2;
const NAME_SERVER_NUMBER = 3;
const GATEWAY_MAC = Uint8Array.of(0x02, 0x58, 0x65, 0x6e, 0, 2);
const LINK_LOCAL = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x58, 0x65, 0xff, 0xfe, 0x6e, 0, 2);
const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

export interface GatewayOptions {
  /** IPv4 network, between /8 and /28. */
  readonly ipv4: Subnet;
  /** IPv6 prefix of 64 bits, or null. */
  readonly ipv6: Subnet | null;
  /** False: guests get addresses and reach each other, nothing else. */
  readonly wayOut: boolean;
  readonly services: readonly HostService[];
  /** MAC address → IPv4 address. */
  readonly fixed: ReadonlyMap<string, string>;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

export interface GatewayReport {
  readonly address: string;
  readonly leases: Lease[];
  readonly forwards: Forward[];
  readonly services: HostService[];
  readonly connections: TcpConnectionReport[];
  readonly udpSockets: number;
  /** Connections and datagrams that policy or bounds refused. */
  readonly refused: number;
  /** Frames that were damaged or no protocol of ours. */
  readonly dropped: number;
}

export class Gateway implements BridgePort {
  readonly name = "gateway";
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
  readonly #reassembly = new Reassembly();
  #wayOut: boolean;
  #dropped = 0;

  constructor(bridge: Bridge, options: GatewayOptions) {
    this.#bridge = bridge;
    this.#options = options;
    const { ipv4, ipv6, fixed, now } = options;
    this.#wayOut = options.wayOut;
    this.#address = hostAddress(ipv4, GATEWAY_NUMBER);
    this.#address6 = ipv6 && hostAddress(ipv6, GATEWAY_NUMBER);
    this.#nameServers = [
      hostAddress(ipv4, NAME_SERVER_NUMBER),
      ...(ipv6 ? [hostAddress(ipv6, NAME_SERVER_NUMBER)] : []),
    ];
    const own = [this.#address, ...this.#nameServers, LINK_LOCAL, ...(this.#address6 ? [this.#address6] : [])];
    this.#link = new Link(GATEWAY_MAC, own, (frame) => bridge.send(this, frame));
    const { transmit } = this.#link;
    const gateways = [this.#address, ...(this.#address6 ? [this.#address6] : [])];
    this.#policy = new Policy([ipv4, ...(ipv6 ? [ipv6] : [])], gateways, options.services, now);
    this.#dhcp = new DhcpServer({
      subnet: ipv4,
      server: this.#address,
      router: () => (this.#wayOut ? this.#address : null),
      nameServer: this.#nameServers[0]!,
      domain: DOMAIN,
      fixed,
      now,
    });
    this.#names = new NameService(
      (name) => this.#localName(name),
      () => (this.#wayOut ? hostResolvers() : []),
    );
    const target = (address: Uint8Array, port: number) => this.#target(address, port);
    const unreachable = (what: "host" | "port") => (packet: Packet) =>
      sendUnreachable(
        transmit,
        packet,
        what,
        packet.source.length === 4 ? this.#address : (this.#address6 ?? LINK_LOCAL),
      );
    this.#tcp = new TcpNat(transmit, target, unreachable("host"), now);
    this.#udp = new UdpNat(transmit, target, unreachable("port"));
    this.#echo = new Echo(transmit);
    this.#forwards = new Forwards({
      connected: (socket, { guestAddress, guestPort }) => {
        const guest = ipBytes(guestAddress)!;
        this.#tcp.forward(
          socket,
          guest.length === 4 ? this.#address : (this.#address6 ?? LINK_LOCAL),
          guest,
          guestPort,
        );
      },
      datagram: (payload, port, { guestAddress, guestPort }) =>
        sendDatagram(
          transmit,
          { address: this.#address, port },
          { address: ipBytes(guestAddress)!, port: guestPort },
          payload,
        ),
    });
    bridge.attach(this);
    if (ipv6) this.#advertise(ALL_NODES);
  }

  #target(address: Uint8Array, port: number): { host: string; port: number } | null {
    if (port === DNS_PORT && this.#isNameServer(address)) return this.#wayOut ? this.#names.target() : null;
    const target = this.#policy.target(address, port);
    return target && (this.#wayOut || target.host === "127.0.0.1") ? target : null;
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
    if (get16(bytes, 12) === ETHERTYPE_ARP) return this.#link.receiveArp(bytes);
    const first = readPacket(bytes);
    const packet = first && this.#reassembly.take(first);
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
    if (this.#local(packet.source)) this.#link.learn(packet.source, bytes.subarray(6, 12));
    this.#dispatch(packet, bytes.subarray(6, 12), from.name);
  }

  /** Whether an address is one of this network's, so that its sender lies behind the bridge. */
  #local(address: Uint8Array): boolean {
    const { ipv4, ipv6 } = this.#options;
    const prefix = (subnet: Subnet) =>
      sameBytes(subnet.address.subarray(0, subnet.prefix >> 3), address.subarray(0, subnet.prefix >> 3));
    if (address.length === 4) return prefix(ipv4);
    return (address[0] === 0xfe && (address[1]! & 0xc0) === 0x80) || (ipv6 !== null && prefix(ipv6));
  }

  #dispatch(packet: Packet, mac: Uint8Array, via: string): void {
    if (packet.protocol === PROTOCOL_UDP) return this.#datagram(packet, via);
    if (packet.protocol === PROTOCOL_ICMPV6) return this.#icmp6(packet, mac);
    // What has no address of this network is somebody else's, or forged; answers would go nowhere.
    if (!this.#local(packet.source)) {
      this.#dropped++;
      return;
    }
    if (packet.protocol === PROTOCOL_TCP) this.#tcp.receive(packet, via);
    else if (packet.protocol === PROTOCOL_ICMP) this.#icmp(packet);
    else this.#dropped++;
  }

  #icmp(packet: Packet): void {
    if (foldChecksum(sumWords(packet.bytes, packet.start, packet.end)) !== 0) {
      this.#dropped++;
      return;
    }
    if (isEchoRequest(packet)) this.#echoRequest(packet);
  }

  #echoRequest(packet: Packet): void {
    if (this.#link.owns(packet.destination)) this.#echo.answer(packet);
    else if (this.#wayOut && this.#policy.mayReach(packet.destination)) this.#echo.ask(packet);
  }

  #icmp6(packet: Packet, mac: Uint8Array): void {
    const type = messageType(packet);
    if (type >= ROUTER_SOLICITATION && type <= 136) {
      // From this link only (RFC 4861, 6.1.1).
      if (packet.hopLimit !== 255) return;
      if (type !== ROUTER_SOLICITATION)
        return this.#link.receiveNeighbour(packet.source, mac, packet.bytes.subarray(packet.start, packet.end));
      const unspecified = packet.source.every((byte) => byte === 0);
      this.#advertise(unspecified ? ALL_NODES : packet.source);
    } else if (isEchoRequest(packet) && this.#local(packet.source)) this.#echoRequest(packet);
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

  #datagram(packet: Packet, via: string): void {
    const datagram = readDatagram(packet);
    if (!datagram) {
      this.#dropped++;
      return;
    }
    const { sourcePort, destinationPort, payload } = datagram;
    if (destinationPort === DHCP_SERVER_PORT && packet.destination.length === 4) {
      const answer = this.#dhcp.receive(payload);
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
    const toGateway = sameBytes(packet.destination, this.#address);
    if (toGateway && this.#forwards.answer(ipText(packet.source), sourcePort, destinationPort, payload)) return;
    this.#udp.receive(packet, datagram, via);
  }

  /** Names of this network: "gateway", and what guests call themselves in DHCP, alone or with the domain. */
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

  /** Opens the way out, or closes it with what guests have open through it. Guests learn of it when they ask for their address again. */
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
    return this.#forwards.add(forward);
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

  /** An interface has gone: what its guest had open is closed, what came to it by forwarded ports too. `macs`: seen there. */
  interfaceGone(name: string, macs: readonly string[]): void {
    this.#tcp.close(name);
    this.#udp.close(name);
    for (const [address, mac] of this.#link.neighbours()) if (macs.includes(macText(mac))) this.#tcp.close(address);
  }

  report(): GatewayReport {
    return {
      address: ipText(this.#address),
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
