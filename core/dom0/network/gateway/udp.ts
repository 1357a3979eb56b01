/**
 * UDP through sockets of the host. Each pair of a guest's port and a far port has a connected socket of its own: only that far port's
 * answers come back, so no guest gets datagrams that it didn't ask for.
 */
import { createSocket, type Socket } from "node:dgram";
import { ipText } from "../packet/address.ts";
import { get16, put16 } from "../packet/bytes.ts";
import { PROTOCOL_UDP, type Packet } from "../packet/internet.ts";
import type { IpTransmit } from "./link.ts";

/** Sockets of one interface, whatever addresses its guest uses; the one unused for longest goes. */
export const FLOWS_PER_INTERFACE = 256;
/** Datagrams that wait for their new socket; more are lost, as UDP's may be. */
const WAITING = 8;
const IDLE = 60_000;
/** Answered once and silent since, as DNS and NTP are. */
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

export class UdpNat {
  readonly #transmit: IpTransmit;
  readonly #target: (address: Uint8Array, port: number) => { host: string; port: number } | null;
  readonly #unreachable: (packet: Packet) => void;
  /** By interface, then by the guest's address and port and the far ones; the one used last stands last. */
  readonly #interfaces = new Map<string, Map<string, Flow>>();
  refused = 0;

  constructor(
    transmit: IpTransmit,
    target: (address: Uint8Array, port: number) => { host: string; port: number } | null,
    unreachable: (packet: Packet) => void,
  ) {
    this.#transmit = transmit;
    this.#target = target;
    this.#unreachable = unreachable;
  }

  /** `via`: the interface that it came by. */
  receive(packet: Packet, datagram: Datagram, via: string): void {
    const key = `${ipText(packet.source)}/${datagram.sourcePort}/${ipText(packet.destination)}/${datagram.destinationPort}`;
    const flows = this.#interfaces.get(via) ?? new Map<string, Flow>();
    let flow = flows.get(key);
    if (!flow) {
      const target = this.#target(packet.destination, datagram.destinationPort);
      if (!target) {
        this.refused++;
        return this.#unreachable(packet);
      }
      if (flows.size >= FLOWS_PER_INTERFACE) this.#close(via, flows.keys().next().value!);
      flow = this.#open(via, key, packet, datagram, target);
    }
    this.#interfaces.set(via, flows);
    flows.delete(key);
    flows.set(key, flow);
    flow.sent++;
    flow.timer.refresh();
    const { socket } = flow;
    const payload = datagram.payload.slice();
    if (flow.connected) socket.send(payload);
    else if (socket.listenerCount("connect") < WAITING) socket.once("connect", () => socket.send(payload));
  }

  #open(via: string, key: string, packet: Packet, datagram: Datagram, target: { host: string; port: number }): Flow {
    const socket = createSocket(target.host.includes(":") ? "udp6" : "udp4");
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
      sendDatagram(this.#transmit, source, { address: flow.guest, port: flow.guestPort }, bytes);
    });
    socket.on("connect", () => (flow.connected = true));
    socket.on("error", () => {
      this.#unreachable(packet);
      close();
    });
    socket.connect(target.port, target.host);
    return flow;
  }

  #close(via: string, key: string): void {
    const flows = this.#interfaces.get(via);
    const flow = flows?.get(key);
    if (!flows || !flow) return;
    flows.delete(key);
    if (!flows.size) this.#interfaces.delete(via);
    clearTimeout(flow.timer);
    flow.socket.removeAllListeners();
    flow.socket.on("error", () => {});
    flow.socket.close();
  }

  /** An interface has gone: its sockets are closed, those of all without one named. */
  close(via?: string): void {
    for (const [each, flows] of [...this.#interfaces])
      if (via === undefined || each === via) for (const flow of [...flows.keys()]) this.#close(each, flow);
  }

  /** Sockets that are open. */
  get size(): number {
    let count = 0;
    for (const flows of this.#interfaces.values()) count += flows.size;
    return count;
  }
}
