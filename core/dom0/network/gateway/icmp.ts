/**
 * ICMP (RFC 792) and ICMPv6 (RFC 4443): the gateway answers echo requests to itself. For an address outside it runs the computer's own `ping`,
 * because a socket for ICMP needs rights that Xenarium does not ask for. Without that program such requests stay unanswered.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { ETHERNET_HEADER } from "../frame.ts";
import { ipText } from "../packet/address.ts";
import { get16, put16 } from "../packet/bytes.ts";
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, type Packet } from "../packet/internet.ts";
import type { IpTransmit } from "./link.ts";

/** The most processes of one interface at once, and the milliseconds between their starts. Further requests are lost, as pings may be. */
const PINGS = 4;
const INTERVAL = 100;
const SECONDS = 5;

const ECHO = { v4: 8, v6: 128 };
const REPLY = { v4: 0, v6: 129 };
/** Type and code of each error. */
const ERRORS = {
  host: { v4: [3, 1], v6: [1, 3] },
  port: { v4: [3, 3], v6: [1, 4] },
  /** The hop limit has run out. */
  time: { v4: [11, 0], v6: [3, 0] },
} as const;
/** How many bytes of a packet an error about it may quote after its IP header. */
const QUOTED = 512;
/** Errors of a socket that blame the way and not the far port, mostly because an ICMP error came from outside. */
const NO_WAY = new Set([
  "ENETUNREACH",
  "EHOSTUNREACH",
  "ENETDOWN",
  "EHOSTDOWN",
  "ETIMEDOUT",
  "EACCES",
  "EPERM",
  "EADDRNOTAVAIL",
]);

const family = (address: Uint8Array): "v4" | "v6" => (address.length === 4 ? "v4" : "v6");
const protocolOf = (address: Uint8Array) => (address.length === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6);

export function isEchoRequest(packet: Packet): boolean {
  return packet.end - packet.start >= 8 && packet.bytes[packet.start] === ECHO[family(packet.source)];
}

/** Returns the arguments with which the computer's own ping makes one request. */
export function pingArguments(address: string, platform = process.platform): string[] {
  const six = address.includes(":");
  if (platform === "win32") return [six ? "-6" : "-4", "-n", "1", "-w", String(SECONDS * 1000), address];
  if (platform === "darwin") return ["-c", "1", "-t", String(SECONDS), address];
  return [six ? "-6" : "-4", "-n", "-c", "1", "-W", String(SECONDS), address];
}

export class Echo {
  readonly #transmit: IpTransmit;
  readonly #now: () => number;
  /** By interface. */
  readonly #running = new Map<string, { children: Set<ChildProcess>; last: number }>();

  /** `now` returns milliseconds. */
  constructor(transmit: IpTransmit, now: () => number) {
    this.#transmit = transmit;
    this.#now = now;
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

  /** Asks the far address on behalf of an interface, and answers if it does. */
  ask(packet: Packet, via: string): void {
    const running = this.#running.get(via) ?? { children: new Set(), last: -Infinity };
    const now = this.#now();
    if (running.children.size >= PINGS || now - running.last < INTERVAL) return;
    running.last = now;
    this.#running.set(via, running);
    const { children } = running;
    const command = process.platform === "darwin" && packet.source.length === 16 ? "ping6" : "ping";
    const child = spawn(command, pingArguments(ipText(packet.destination)), { stdio: "ignore", windowsHide: true });
    children.add(child);
    child.on("error", () => children.delete(child));
    child.on("exit", (code) => {
      if (children.delete(child) && code === 0) this.answer(packet);
    });
  }

  /** Called when an interface has gone. */
  close(via: string): void {
    const running = this.#running.get(via);
    this.#running.delete(via);
    for (const child of running?.children ?? []) child.kill();
    running?.children.clear();
  }

  stop(): void {
    for (const via of [...this.#running.keys()]) this.close(via);
  }
}

export type IcmpError = keyof typeof ERRORS;

/** Returns whether a socket's error says that there is no way to the far address. */
export function saysUnreachable(code: string | undefined): boolean {
  return NO_WAY.has(code ?? "");
}

/** Returns the part of a packet that is needed to send an error about it later. */
export function quotable(packet: Packet): Packet {
  const bytes = packet.bytes.slice(0, Math.min(packet.end, packet.start + QUOTED));
  return {
    ...packet,
    bytes,
    source: packet.source.slice(),
    destination: packet.destination.slice(),
    end: bytes.length,
  };
}

/**
 * Tells a packet's sender what became of it. Never answers ICMP errors, or what was sent to many (RFC 1122, 3.2.2). An echo request may get the error
 * that its hop limit has run out.
 */
export function sendError(transmit: IpTransmit, packet: Packet, what: IcmpError, own: Uint8Array): void {
  const kind = family(packet.source);
  if ((packet.protocol === PROTOCOL_ICMP || packet.protocol === PROTOCOL_ICMPV6) && !isEchoRequest(packet)) return;
  if (packet.destination[0]! >= (kind === "v4" ? 224 : 0xff)) return;
  // For IPv4 it must be the header and at least 8 bytes; here it is as much as for IPv6, which fits the smallest packet.
  const quoted = packet.bytes.subarray(ETHERNET_HEADER, Math.min(packet.end, packet.start + QUOTED));
  const [type, code] = ERRORS[what][kind];
  const out = { source: own, destination: packet.source, protocol: protocolOf(own), length: 8 + quoted.length };
  transmit(out, (bytes, at) => {
    bytes[at] = type;
    bytes[at + 1] = code;
    put16(bytes, at + 4, 0);
    bytes.set(quoted, at + 8);
  });
}

/** Returns the type of an ICMP message, for neighbour discovery. */
export function messageType(packet: Packet): number {
  return packet.end > packet.start ? get16(packet.bytes, packet.start) >> 8 : -1;
}
