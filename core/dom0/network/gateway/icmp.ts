/**
 * ICMP (RFC 792) and ICMPv6 (RFC 4443): the gateway answers echo requests to itself; one to an address outside is asked of the computer's
 * own `ping`, since a socket for it needs rights that Xenarium doesn't ask for. Without that program such requests stay unanswered.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { ipText } from "../packet/address.ts";
import { get16, put16 } from "../packet/bytes.ts";
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, type Packet } from "../packet/internet.ts";
import type { IpTransmit } from "./link.ts";

/** Processes at once; further requests are lost, as they may be. */
const PINGS = 8;
const SECONDS = 5;

const ECHO = { v4: 8, v6: 128 };
const REPLY = { v4: 0, v6: 129 };
const UNREACHABLE = { v4: 3, v6: 1 };
const PORT_UNREACHABLE = { v4: 3, v6: 4 };
const HOST_UNREACHABLE = { v4: 1, v6: 3 };

const family = (address: Uint8Array): "v4" | "v6" => (address.length === 4 ? "v4" : "v6");
const protocolOf = (address: Uint8Array) => (address.length === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6);

export function isEchoRequest(packet: Packet): boolean {
  return packet.end - packet.start >= 8 && packet.bytes[packet.start] === ECHO[family(packet.source)];
}

/** Arguments of the computer's own ping for one request. */
export function pingArguments(address: string, platform = process.platform): string[] {
  const six = address.includes(":");
  if (platform === "win32") return [six ? "-6" : "-4", "-n", "1", "-w", String(SECONDS * 1000), address];
  if (platform === "darwin") return ["-c", "1", "-t", String(SECONDS), address];
  return [six ? "-6" : "-4", "-n", "-c", "1", "-W", String(SECONDS), address];
}

export class Echo {
  readonly #transmit: IpTransmit;
  readonly #running = new Set<ChildProcess>();

  constructor(transmit: IpTransmit) {
    this.#transmit = transmit;
  }

  /** Answers a request as its destination would. */
  answer(packet: Packet): void {
    const payload = packet.bytes.slice(packet.start, packet.end);
    const source = packet.destination;
    const out = { source, destination: packet.source, protocol: protocolOf(source), length: payload.length };
    this.#transmit(out, (bytes, at) => {
      bytes.set(payload, at);
      bytes[at] = REPLY[family(source)];
    });
  }

  /** Asks the far address, and answers if it does. */
  ask(packet: Packet): void {
    if (this.#running.size >= PINGS) return;
    const command = process.platform === "darwin" && packet.source.length === 16 ? "ping6" : "ping";
    const child = spawn(command, pingArguments(ipText(packet.destination)), { stdio: "ignore", windowsHide: true });
    this.#running.add(child);
    child.on("error", () => this.#running.delete(child));
    child.on("exit", (code) => {
      if (this.#running.delete(child) && code === 0) this.answer(packet);
    });
  }

  stop(): void {
    for (const child of this.#running) child.kill();
    this.#running.clear();
  }
}

/** Tells a packet's sender that it can't be delivered; never in answer to ICMP errors or to what was sent to many (RFC 1122, 3.2.2). */
export function sendUnreachable(transmit: IpTransmit, packet: Packet, what: "host" | "port", own: Uint8Array): void {
  const kind = family(packet.source);
  if (packet.protocol === PROTOCOL_ICMP || packet.protocol === PROTOCOL_ICMPV6) return;
  if (packet.destination[0]! >= (kind === "v4" ? 224 : 0xff)) return;
  const header = packet.start - 14;
  // IPv4: header and 8 bytes at least, here as much as for IPv6 that fits the least packet.
  const quoted = packet.bytes.subarray(14, Math.min(packet.end, 14 + header + 512));
  const out = { source: own, destination: packet.source, protocol: protocolOf(own), length: 8 + quoted.length };
  transmit(out, (bytes, at) => {
    bytes[at] = UNREACHABLE[kind];
    bytes[at + 1] = (what === "host" ? HOST_UNREACHABLE : PORT_UNREACHABLE)[kind];
    put16(bytes, at + 4, 0);
    bytes.set(quoted, at + 8);
  });
}

/** The type of an ICMP message, for neighbour discovery. */
export function messageType(packet: Packet): number {
  return packet.end > packet.start ? get16(packet.bytes, packet.start) >> 8 : -1;
}
