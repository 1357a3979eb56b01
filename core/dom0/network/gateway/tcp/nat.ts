/**
 * Joins guests' TCP connections with sockets of the host: a guest's SYN becomes a connect(), a connection to a forwarded port becomes
 * a SYN to the guest. Data waits where its reader is slow: the host's socket is paused, or the guest's window closes.
 */
import { connect, type Socket } from "node:net";
import type { IpTransmit } from "../link.ts";
import { headersLength, PROTOCOL_TCP, type Packet } from "../../packet/internet.ts";
import { ipText } from "../../packet/address.ts";
import { MTU } from "../../frame.ts";
import { TcpEndpoint } from "./endpoint.ts";
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
 * Connections of one interface at once, whatever addresses its guest uses; another SYN is answered by a reset. With what each may keep in
 * both directions a guest can make us hold 256 MiB.
 */
export const CONNECTIONS_PER_INTERFACE = 512;
/** Bytes read from the host's socket that the guest has not acknowledged, until the socket is paused; and until it goes on. */
const PAUSE_AT = 256 * 1024;
const RESUME_AT = 128 * 1024;
/** The longest payload of a GSO frame: IP's length field has 16 bits. */
const GSO_PAYLOAD = 0xffff - 40 - 60;
const CONNECT_TIMEOUT = 60_000;

/** Where a connection to this address and port really goes; null if it is refused. */
export type TcpTarget = (address: Uint8Array, port: number) => { host: string; port: number } | null;

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
  /** The interface that it came by; of a forwarded port, the guest's address. */
  readonly via: string;
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
  readonly #transmit: IpTransmit;
  readonly #target: TcpTarget;
  /** Tells the guest that a packet of it did not get through (ICMP): its source, its destination. */
  readonly #unreachable: (packet: Packet) => void;
  readonly #now: () => number;
  readonly #connections = new Map<string, Connection>();
  readonly #perInterface = new Map<string, number>();
  #forwardPort = 0xc000;
  refused = 0;

  constructor(transmit: IpTransmit, target: TcpTarget, unreachable: (packet: Packet) => void, now: () => number) {
    this.#transmit = transmit;
    this.#target = target;
    this.#unreachable = unreachable;
    this.#now = now;
  }

  /** Takes a TCP packet from a guest whose checksum is right; `via`: the interface that it came by. */
  receive(packet: Packet, via: string): void {
    const segment = readSegment(packet);
    if (!segment) return;
    const key = keyOf(packet.source, segment.sourcePort, packet.destination, segment.destinationPort);
    const known = this.#connections.get(key);
    if (known) {
      // A new call with the ports of one that is over.
      if (known.endpoint.state === "closed" && segment.flags & SYN) this.#forget(known);
      else return known.endpoint.receive(segment);
    }
    if (segment.flags & RST) return;
    if (!(segment.flags & SYN) || segment.flags & ACK) return this.#refuse(packet, segment);
    this.#called(key, packet, segment, via);
  }

  #called(key: string, packet: Packet, segment: Segment, via: string): void {
    const target = this.#target(packet.destination, segment.destinationPort);
    if (!target || this.#isFull(via)) {
      this.refused++;
      return this.#refuse(packet, segment);
    }
    const socket = connect({ host: target.host, port: target.port, allowHalfOpen: true, noDelay: true });
    const connection = this.#join(
      key,
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
      connection.endpoint.accept();
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      const unreachable = ["ENETUNREACH", "EHOSTUNREACH", "ETIMEDOUT", "EACCES", "EADDRNOTAVAIL"].includes(
        error.code ?? "",
      );
      if (connection.endpoint.state === "answering" && unreachable) this.#unreachable(packet);
    });
    connection.endpoint.called(segment);
  }

  /** Calls a guest's port on behalf of somebody who came by a forwarded port of the host. `gateway`: whose address calls. */
  forward(socket: Socket, gateway: Uint8Array, guest: Uint8Array, guestPort: number): void {
    const via = ipText(guest);
    if (this.#isFull(via)) {
      this.refused++;
      socket.destroy();
      return;
    }
    let key: string;
    do {
      this.#forwardPort = this.#forwardPort === 0xffff ? 0xc000 : this.#forwardPort + 1;
      key = keyOf(guest, guestPort, gateway, this.#forwardPort);
    } while (this.#connections.has(key));
    this.#join(key, via, guest, guestPort, gateway, this.#forwardPort, socket).endpoint.call();
  }

  #join(
    key: string,
    via: string,
    guest: Uint8Array,
    guestPort: number,
    remote: Uint8Array,
    remotePort: number,
    socket: Socket,
  ): Connection {
    const ports = { source: remotePort, destination: guestPort };
    const headers = headersLength(guest) - 14 + 20;
    const endpoint = new TcpEndpoint(
      {
        maximumSegmentSize: MTU - headers,
        largest: GSO_PAYLOAD,
        transmit: (header, length, payload, segmentSize) =>
          this.#send(remote, guest, ports, header, length, payload, segmentSize),
        waiting: () => socket.writableLength,
        now: this.#now,
      },
      {
        opened: () => socket.resume(),
        data: (bytes) => {
          connection.fromGuestBytes += bytes.length;
          socket.write(bytes);
        },
        ended: () => socket.end(),
        drained: (queued) => {
          if (queued < RESUME_AT && socket.isPaused()) socket.resume();
        },
        closed: (reason) => {
          this.#forget(connection);
          // A reset is told to the other side too, and nothing is left half open.
          if (reason === "reset") socket.resetAndDestroy();
          else socket.destroy();
        },
      },
    );
    const connection: Connection = {
      ...{ key, via, guest, guestPort, remote, remotePort, endpoint, socket },
      fromGuestBytes: 0,
      toGuestBytes: 0,
    };
    this.#connections.set(key, connection);
    this.#perInterface.set(via, (this.#perInterface.get(via) ?? 0) + 1);
    this.#listen(connection);
    return connection;
  }

  #listen(connection: Connection): void {
    const { socket, endpoint } = connection;
    socket.on("data", (bytes: Buffer) => {
      connection.toGuestBytes += bytes.length;
      endpoint.write(bytes);
      if (endpoint.queued > PAUSE_AT) socket.pause();
    });
    // Nothing is read before the guest's side of the handshake is over.
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
    this.#transmit({ source, destination, protocol: PROTOCOL_TCP, length: size + length, segmentSize }, write);
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
    const left = this.#perInterface.get(connection.via)! - 1;
    if (left) this.#perInterface.set(connection.via, left);
    else this.#perInterface.delete(connection.via);
  }

  #isFull(via: string): boolean {
    return (this.#perInterface.get(via) ?? 0) >= CONNECTIONS_PER_INTERFACE;
  }

  /** An interface has gone, or an address: their connections end, all of them without one named. */
  close(via?: string): void {
    for (const connection of [...this.#connections.values()])
      if (via === undefined || connection.via === via) {
        connection.endpoint.abandon();
        this.#forget(connection);
        connection.socket.destroy();
      }
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
