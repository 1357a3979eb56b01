/**
 * Joins guests' TCP connections with sockets of the host: a guest's SYN becomes a connect(), and a connection to a forwarded port becomes a SYN to
 * the guest. Data waits if its reader is slow: the host's socket is paused, or the guest's window closes.
 */
import { connect, type Socket } from "node:net";
import { ETHERNET_HEADER } from "../../frame.ts";
import { ipText } from "../../packet/address.ts";
import { headersLength, PROTOCOL_TCP, type Packet } from "../../packet/internet.ts";
import { quotable, saysUnreachable } from "../icmp.ts";
import type { IpTransmit } from "../link.ts";
import type { FindTarget } from "../policy.ts";
import type { SocketShares } from "../shares.ts";
import { TcpEndpoint } from "./endpoint.ts";
import { Outbox } from "./outbox.ts";
import {
  ACK,
  headerLength,
  readSegment,
  RST,
  SYN,
  writeSegmentHeader,
  type Segment,
  type SegmentHeader,
} from "./segment.ts";

/**
 * Bytes that the connections of one interface may keep in either direction, and the most and the least for each of them. With all its connections
 * open, a guest can make us hold about 128 MiB.
 */
const INTERFACE_BYTES = 32 << 20;
const MOST_BYTES = 256 * 1024;
const LEAST_BYTES = 32 * 1024;
/** The longest payload of a GSO frame, since IP's length field has 16 bits. */
const GSO_PAYLOAD = 0xffff - 40 - 60;
const CONNECT_TIMEOUT = 60_000;

export interface TcpNatOptions {
  readonly transmit: IpTransmit;
  readonly target: FindTarget;
  /** Tells the guest that one of its packets did not get through (ICMP). */
  readonly unreachable: (packet: Packet) => void;
  /** Returns the size of the largest packet that can go to a guest's address. */
  readonly mtu: (guest: Uint8Array) => number;
  readonly shares: SocketShares;
  /** Name of the network; addresses are unique within it. */
  readonly network: string;
  /** Returns milliseconds. */
  readonly now: () => number;
}

/** One connection as shown in the Networks view. */
export interface TcpConnectionReport {
  guest: string;
  guestPort: number;
  remote: string;
  remotePort: number;
  state: string;
  fromGuestBytes: number;
  toGuestBytes: number;
}

interface Connection {
  readonly key: string;
  /** Who holds it: the interface that it came by; for a forwarded port, the guest's address. */
  readonly via: string;
  /** The only interface from which its segments come; null for a forwarded port, which leads to an address. */
  readonly from: string | null;
  readonly guest: Uint8Array;
  readonly guestPort: number;
  readonly remote: Uint8Array;
  readonly remotePort: number;
  readonly endpoint: TcpEndpoint;
  readonly socket: Socket;
  fromGuestBytes: number;
  toGuestBytes: number;
}

export class TcpNat {
  readonly #options: TcpNatOptions;
  readonly #connections = new Map<string, Connection>();
  #forwardPort = 0xc000;
  refused = 0;

  constructor(options: TcpNatOptions) {
    this.#options = options;
  }

  /** Takes a TCP packet from a guest, with a correct checksum. `via` is the interface that it came by. */
  receive(packet: Packet, via: string): void {
    const segment = readSegment(packet);
    if (!segment) return;
    const key = keyOf(packet.source, segment.sourcePort, packet.destination, segment.destinationPort);
    const known = this.#connections.get(key);
    if (known) {
      // This is a new connection with the ports of one that is over. From another interface it is forged, whatever its numbers are.
      if (known.from !== null && known.from !== via) return;
      if (known.endpoint.state === "closed" && segment.flags & SYN) this.#forget(known);
      else return known.endpoint.receive(segment);
    }
    if (segment.flags & RST) return;
    if (!(segment.flags & SYN) || segment.flags & ACK) return this.#refuse(packet, segment);
    this.#called(key, packet, segment, via);
  }

  #called(key: string, packet: Packet, segment: Segment, via: string): void {
    const { target, unreachable } = this.#options;
    const to = target(packet.destination, segment.destinationPort);
    if (!to || !this.#hasRoom(via)) {
      this.refused++;
      return this.#refuse(packet, segment);
    }
    const socket = connect({ host: to.host, port: to.port, allowHalfOpen: true, noDelay: true });
    const connection = this.#join(
      key,
      via,
      via,
      packet.source.slice(),
      segment.sourcePort,
      packet.destination.slice(),
      segment.destinationPort,
      socket,
    );
    socket.setTimeout(CONNECT_TIMEOUT, () =>
      socket.destroy(Object.assign(new Error("timed out"), { code: "ETIMEDOUT" })),
    );
    socket.once("connect", () => {
      socket.setTimeout(0);
      // Both ends have the same address, so it is an address of this computer that no list contained.
      if (!to.isOwn && socket.remoteAddress === socket.localAddress) {
        this.refused++;
        connection.endpoint.reset();
      } else connection.endpoint.accept();
    });
    const quoted = quotable(packet);
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (connection.endpoint.state === "answering" && saysUnreachable(error.code)) unreachable(quoted);
    });
    connection.endpoint.called(segment);
  }

  /** Connects to a guest's port on behalf of somebody who came by a forwarded port of the host. `gateway` is the address from which it connects. */
  forward(socket: Socket, gateway: Uint8Array, guest: Uint8Array, guestPort: number): void {
    const via = this.#forwardsTo(guest);
    if (!this.#hasRoom(via)) {
      this.refused++;
      socket.destroy();
      return;
    }
    let key: string;
    do {
      this.#forwardPort = this.#forwardPort === 0xffff ? 0xc000 : this.#forwardPort + 1;
      key = keyOf(guest, guestPort, gateway, this.#forwardPort);
    } while (this.#connections.has(key));
    this.#join(key, via, null, guest, guestPort, gateway, this.#forwardPort, socket).endpoint.call();
  }

  /** Takes a place for a connection. One that is over, and only answers late segments, makes room. */
  #hasRoom(via: string): boolean {
    const { shares } = this.#options;
    if (shares.take(via)) return true;
    for (const connection of this.#connections.values())
      if (connection.via === via && connection.endpoint.state === "closed") {
        this.#forget(connection);
        return shares.take(via);
      }
    return false;
  }

  /** Returns who holds the connections that come to a guest by forwarded ports. */
  #forwardsTo(guest: Uint8Array): string {
    return `${this.#options.network} ${ipText(guest)}`;
  }

  /** Returns how many bytes one connection of a holder may keep in each direction. */
  #share(via: string): number {
    const each = Math.floor(INTERFACE_BYTES / Math.max(1, this.#options.shares.held(via)));
    return Math.max(LEAST_BYTES, Math.min(MOST_BYTES, each));
  }

  #join(
    key: string,
    via: string,
    from: string | null,
    guest: Uint8Array,
    guestPort: number,
    remote: Uint8Array,
    remotePort: number,
    socket: Socket,
  ): Connection {
    const ports = { source: remotePort, destination: guestPort };
    const headers = headersLength(guest) - ETHERNET_HEADER + 20;
    const outbox = new Outbox(socket);
    const share = () => this.#share(via);
    const endpoint = new TcpEndpoint(
      {
        maximumSegmentSize: this.#options.mtu(guest) - headers,
        largest: GSO_PAYLOAD,
        transmit: (header, length, payload, segmentSize) =>
          this.#send(remote, guest, ports, header, length, payload, segmentSize),
        waiting: () => outbox.waiting,
        buffer: share,
        now: this.#options.now,
      },
      {
        opened: () => socket.resume(),
        data: (bytes) => {
          connection.fromGuestBytes += bytes.length;
          outbox.write(bytes);
        },
        ended: () => outbox.end(),
        drained: (queued) => {
          if (socket.isPaused() && queued < share() / 2) socket.resume();
        },
        closed: (reason) => {
          this.#forget(connection);
          // A reset is passed on to the other side, and nothing is left half open. A socket that is not connected yet is closed at once and no longer
          // counts.
          if (reason === "reset" && !socket.connecting) socket.resetAndDestroy();
          else socket.destroy();
        },
      },
    );
    const connection: Connection = {
      ...{ key, via, from, guest, guestPort, remote, remotePort, endpoint, socket },
      fromGuestBytes: 0,
      toGuestBytes: 0,
    };
    this.#connections.set(key, connection);
    this.#listen(connection, share);
    return connection;
  }

  #listen(connection: Connection, share: () => number): void {
    const { socket, endpoint } = connection;
    socket.on("data", (bytes: Buffer) => {
      connection.toGuestBytes += bytes.length;
      endpoint.write(bytes);
      if (endpoint.queued > share()) socket.pause();
    });
    // Nothing is read before the handshake with the guest is over.
    socket.pause();
    socket.on("drain", () => endpoint.taken());
    socket.on("end", () => endpoint.end());
    socket.on("error", () => endpoint.reset());
    socket.on("close", (failed) => {
      if (failed) endpoint.reset();
    });
  }

  #send(
    source: Uint8Array,
    destination: Uint8Array,
    ports: { source: number; destination: number },
    header: SegmentHeader,
    length: number,
    payload: (bytes: Uint8Array, at: number) => void,
    segmentSize: number,
  ): void {
    const size = headerLength(header);
    const write = (bytes: Uint8Array, at: number) => {
      writeSegmentHeader(bytes, at, ports, header);
      payload(bytes, at + size);
    };
    this.#options.transmit({ source, destination, protocol: PROTOCOL_TCP, length: size + length, segmentSize }, write);
  }

  #refuse(packet: Packet, segment: Segment): void {
    const ports = { source: segment.destinationPort, destination: segment.sourcePort };
    const length = segment.payload.length + (segment.flags & (SYN | 1) ? 1 : 0);
    const header =
      segment.flags & ACK
        ? { sequence: segment.acknowledgement, acknowledgement: 0, flags: RST, window: 0 }
        : { sequence: 0, acknowledgement: (segment.sequence + length) >>> 0, flags: RST | ACK, window: 0 };
    this.#send(packet.destination.slice(), packet.source.slice(), ports, header, 0, () => {}, 0);
  }

  #forget(connection: Connection): void {
    if (this.#connections.get(connection.key) !== connection) return;
    this.#connections.delete(connection.key);
    this.#options.shares.give(connection.via);
  }

  /** Called when an interface has gone: its connections end. Without a name all connections end. */
  close(via?: string): void {
    for (const connection of [...this.#connections.values()])
      if (via === undefined || connection.via === via) {
        connection.endpoint.abandon();
        this.#forget(connection);
        connection.socket.destroy();
      }
  }

  /** Called when the guest with an address has gone: connections by forwarded ports to it end. */
  closeForwards(guest: Uint8Array): void {
    this.close(this.#forwardsTo(guest));
  }

  report(): TcpConnectionReport[] {
    return [...this.#connections.values()].map(({ guest, guestPort, remote, remotePort, endpoint, ...bytes }) => ({
      guest: ipText(guest),
      guestPort,
      remote: ipText(remote),
      remotePort,
      state: endpoint.state,
      fromGuestBytes: bytes.fromGuestBytes,
      toGuestBytes: bytes.toGuestBytes,
    }));
  }
}

function keyOf(guest: Uint8Array, guestPort: number, remote: Uint8Array, remotePort: number): string {
  return `${ipText(guest)}/${guestPort}/${ipText(remote)}/${remotePort}`;
}
