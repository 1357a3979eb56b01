/**
 * UDP through sockets of the host. Each pair of a guest's port and a far port has a connected socket of its own. Only that far port's answers come
 * back, so no guest gets datagrams that it did not ask for.
 */
import { createSocket, type Socket } from "node:dgram";
import { ipText } from "../packet/address.ts";
import { get16, put16 } from "../packet/bytes.ts";
import { PROTOCOL_UDP, type Packet } from "../packet/internet.ts";
import { quotable, saysUnreachable } from "./icmp.ts";
import type { IpTransmit } from "./link.ts";
import type { SocketShares } from "./shares.ts";
import type { FindTarget, Target } from "./policy.ts";

/** How many datagrams may wait for their new socket, and how many bytes for a slow network. Further ones are lost, as UDP's may be. */
const WAITING = 8;
const WAITING_BYTES = 512 * 1024;
const IDLE = 60_000;
/** Idle time for a flow that was answered once and silent since, as with DNS and NTP. */
const IDLE_AFTER_ANSWER = 15_000;

interface Flow {
  readonly guest: Uint8Array;
  readonly guestPort: number;
  readonly remote: Uint8Array;
  readonly remotePort: number;
  readonly socket: Socket;
  timer: NodeJS.Timeout;
  connected: boolean;
  sent: number;
}

/** A UDP datagram's ports and payload. */
export interface Datagram {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

export function readDatagram(packet: Packet): Datagram | null {
  const { bytes, start, end } = packet;
  if (end - start < 8) return null;
  const length = get16(bytes, start + 4);
  if (length < 8 || start + length > end) return null;
  return {
    sourcePort: get16(bytes, start),
    destinationPort: get16(bytes, start + 2),
    payload: bytes.subarray(start + 8, start + length),
  };
}

export function sendDatagram(
  transmit: IpTransmit,
  source: { address: Uint8Array; port: number },
  destination: { address: Uint8Array; port: number },
  payload: Uint8Array,
): void {
  const length = 8 + payload.length;
  const packet = { source: source.address, destination: destination.address, protocol: PROTOCOL_UDP, length };
  transmit(packet, (bytes, at) => {
    put16(bytes, at, source.port);
    put16(bytes, at + 2, destination.port);
    put16(bytes, at + 4, length);
    bytes.set(payload, at + 8);
  });
}

/** Sends by a socket that may be slow. Returns false if too much waits already. */
export function sendBounded(socket: Socket, send: () => void): boolean {
  if (socket.getSendQueueSize() > WAITING_BYTES) return false;
  send();
  return true;
}

export interface UdpNatOptions {
  readonly transmit: IpTransmit;
  readonly target: FindTarget;
  /** Tells the guest that one of its packets did not get through (ICMP). */
  readonly unreachable: (packet: Packet, what: "host" | "port") => void;
  readonly shares: SocketShares;
}

export class UdpNat {
  readonly #options: UdpNatOptions;
  /** By interface, then by the guest's address and port and the far ones; the flow used last stands last. */
  readonly #interfaces = new Map<string, Map<string, Flow>>();
  refused = 0;

  constructor(options: UdpNatOptions) {
    this.#options = options;
  }

  /** `via` is the interface that it came by. */
  receive(packet: Packet, datagram: Datagram, via: string): void {
    const key = `${ipText(packet.source)}/${datagram.sourcePort}/${ipText(packet.destination)}/${datagram.destinationPort}`;
    const flows = this.#interfaces.get(via) ?? new Map<string, Flow>();
    let flow = flows.get(key);
    if (!flow) {
      const { target, unreachable } = this.#options;
      const to = target(packet.destination, datagram.destinationPort);
      if (!to || !this.#hasRoom(via, flows)) {
        this.refused++;
        return unreachable(packet, "port");
      }
      flow = this.#open(via, key, packet, datagram, to);
    }
    this.#interfaces.set(via, flows);
    flows.delete(key);
    flows.set(key, flow);
    flow.sent++;
    flow.timer.refresh();
    const { socket } = flow;
    const payload = datagram.payload.slice();
    if (flow.connected) sendBounded(socket, () => socket.send(payload));
    else if (socket.listenerCount("connect") < WAITING)
      socket.once("connect", () => {
        if (flow.connected) socket.send(payload);
      });
  }

  /** If an interface has its share, its socket that was unused for longest is closed. */
  #hasRoom(via: string, flows: Map<string, Flow>): boolean {
    const { shares } = this.#options;
    if (shares.take(via)) return true;
    const [oldest] = flows.keys();
    if (oldest === undefined) return false;
    this.#close(via, oldest);
    return shares.take(via);
  }

  #open(via: string, key: string, packet: Packet, datagram: Datagram, to: Target): Flow {
    const { transmit, unreachable } = this.#options;
    const socket = createSocket(to.host.includes(":") ? "udp6" : "udp4");
    const close = () => this.#close(via, key);
    const flow: Flow = {
      guest: packet.source.slice(),
      guestPort: datagram.sourcePort,
      remote: packet.destination.slice(),
      remotePort: datagram.destinationPort,
      socket,
      timer: setTimeout(close, IDLE).unref(),
      connected: false,
      sent: 0,
    };
    socket.on("message", (bytes) => {
      clearTimeout(flow.timer);
      flow.timer = setTimeout(close, flow.sent > 1 ? IDLE : IDLE_AFTER_ANSWER).unref();
      const source = { address: flow.remote, port: flow.remotePort };
      sendDatagram(transmit, source, { address: flow.guest, port: flow.guestPort }, bytes);
    });
    const quoted = quotable(packet);
    socket.on("connect", () => {
      // If both ends have the same address, it is one of this computer that no list contained.
      flow.connected = to.isOwn || socket.address().address !== socket.remoteAddress().address;
      if (flow.connected) return;
      this.refused++;
      unreachable(quoted, "port");
      close();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      unreachable(quoted, saysUnreachable(error.code) ? "host" : "port");
      close();
    });
    socket.connect(to.port, to.host);
    return flow;
  }

  #close(via: string, key: string): void {
    const flows = this.#interfaces.get(via);
    const flow = flows?.get(key);
    if (!flows || !flow) return;
    flows.delete(key);
    if (!flows.size) this.#interfaces.delete(via);
    this.#options.shares.give(via);
    clearTimeout(flow.timer);
    flow.socket.removeAllListeners();
    flow.socket.on("error", () => {});
    flow.socket.close();
  }

  /** Called when an interface has gone: its sockets are closed. Without a name all are closed. */
  close(via?: string): void {
    for (const [each, flows] of [...this.#interfaces])
      if (via === undefined || each === via) for (const flow of [...flows.keys()]) this.#close(each, flow);
  }

  /** Number of open sockets. */
  get size(): number {
    let count = 0;
    for (const flows of this.#interfaces.values()) count += flows.size;
    return count;
  }
}
