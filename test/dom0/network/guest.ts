/** A small guest on a bridge, for tests: addresses, ARP, and frames as its driver would send and receive them. */
import type { Bridge } from "../../../core/dom0/network/bridge.ts";
import { frame, type BridgePort, type Frame } from "../../../core/dom0/network/frame.ts";
import { completeChecksum } from "../../../core/dom0/network/offload.ts";
import { ipBytes, macBytes } from "../../../core/dom0/network/packet/address.ts";
import { put16 } from "../../../core/dom0/network/packet/bytes.ts";
import {
  headersLength,
  PROTOCOL_UDP,
  pseudoHeaderSum,
  readPacket,
  writeHeaders,
  type Packet,
} from "../../../core/dom0/network/packet/internet.ts";
import { foldSum } from "../../../core/dom0/network/packet/bytes.ts";

/** The gateway's MAC address, which guests learn by ARP. */
export const GATEWAY_MAC = macBytes("02:58:65:6e:00:02")!;

export class TestGuest implements BridgePort {
  readonly name: string;
  readonly mac: Uint8Array;
  readonly got: Frame[] = [];
  readonly #bridge: Bridge;
  #waiting: { wanted: (packet: Packet) => boolean; resolve: (packet: Packet) => void }[] = [];
  address = ipBytes("10.0.2.15")!;

  readonly owner: string;
  readonly mtu: number;

  constructor(
    bridge: Bridge,
    name = "vif1.0",
    mac = "00:16:3e:00:00:01",
    { owner = name, mtu = 1500 }: { owner?: string; mtu?: number } = {},
  ) {
    this.#bridge = bridge;
    this.name = name;
    this.owner = owner;
    this.mtu = mtu;
    this.mac = macBytes(mac)!;
    bridge.attach(this);
  }

  deliver(given: Frame): void {
    this.got.push(given);
    const packet = readPacket(given.bytes);
    if (!packet) return;
    const entry = this.#waiting.find(({ wanted }) => wanted(packet));
    if (!entry) return;
    this.#waiting = this.#waiting.filter((other) => other !== entry);
    entry.resolve(packet);
  }

  /** Resolves with the next packet that is wanted here, unless somebody who asked before takes it. */
  next(wanted: (packet: Packet) => boolean): Promise<Packet> {
    return new Promise((resolve) => this.#waiting.push({ wanted, resolve }));
  }

  send(bytes: Uint8Array): void {
    this.#bridge.send(this, frame(bytes));
  }

  /** Sends an IP packet with a correct checksum. `to` is a MAC address. */
  packet(
    destination: Uint8Array,
    protocol: number,
    payload: Uint8Array,
    to = GATEWAY_MAC,
    source = this.address,
  ): void {
    const start = headersLength(destination);
    const bytes = new Uint8Array(start + payload.length);
    bytes.set(payload, start);
    const headers = { sourceMac: this.mac, destinationMac: to, source, destination, protocol };
    writeHeaders(bytes, headers);
    if (protocol !== 6 && protocol !== PROTOCOL_UDP) return this.send(bytes);
    const sum = foldSum(pseudoHeaderSum(source, destination, protocol, payload.length));
    put16(bytes, start + (protocol === 6 ? 16 : 6), sum);
    this.send(completeChecksum({ bytes, checksumBlank: true, segmentSize: 0 }).bytes);
  }

  datagram(
    destination: Uint8Array,
    sourcePort: number,
    destinationPort: number,
    data: Uint8Array,
    to = GATEWAY_MAC,
    source = this.address,
  ): void {
    const payload = new Uint8Array(8 + data.length);
    put16(payload, 0, sourcePort);
    put16(payload, 2, destinationPort);
    put16(payload, 4, payload.length);
    payload.set(data, 8);
    this.packet(destination, PROTOCOL_UDP, payload, to, source);
  }
}
