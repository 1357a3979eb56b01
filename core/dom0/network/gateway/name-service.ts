/**
 * The network's name server. Names of guests are answered here. All other queries are passed on unchanged to the resolvers of this computer, over UDP
 * and TCP, so every kind of record works.
 */
import { createSocket, type Socket } from "node:dgram";
import { getServers } from "node:dns";
import { randomBytes } from "node:crypto";
import dnsPacket, { type Answer, type Packet as DnsMessage } from "dns-packet";
import { get16, put16 } from "../packet/bytes.ts";
import type { Target } from "./policy.ts";

/** A longer message is not a query. */
const QUESTION_BYTES = 1232;
/** The most queries of one interface, and of all, that wait for an answer from outside. */
const OUTSTANDING = 64;
const OUTSTANDING_ALL = 256;
const TIMEOUT = 5000;
const LOCAL_TTL = 30;
const NOT_FOUND = 3;
const FAILED = 2;

/** Returns the addresses of a name in this network; null if it is not one of its names. */
export type LocalNames = (name: string) => { v4: string[]; v6: string[] } | null;

/** Returns the computer's resolvers as host and port. */
export function hostResolvers(servers = getServers()): { host: string; port: number }[] {
  return servers.map((server) => {
    const bracketed = /^\[(.*)\](?::(\d+))?$/.exec(server);
    if (bracketed) return { host: bracketed[1]!, port: Number(bracketed[2] ?? 53) };
    const parts = server.split(":");
    if (parts.length === 2) return { host: parts[0]!, port: Number(parts[1]) };
    return { host: server, port: 53 };
  });
}

export class NameService {
  readonly #local: LocalNames;
  readonly #resolvers: () => { host: string; port: number }[];
  /** By socket that waits, the interface that asked. */
  readonly #asked = new Map<Socket, string>();

  constructor(local: LocalNames, resolvers = hostResolvers) {
    this.#local = local;
    this.#resolvers = resolvers;
  }

  /** Returns where a guest's TCP connection to the name server leads. */
  target(): Target | null {
    const [resolver] = this.#resolvers();
    return resolver ? { ...resolver, isOwn: true } : null;
  }

  /** Answers a query that came by UDP from an interface; `answer` may be called later, or never. */
  receive(question: Uint8Array, via: string, answer: (bytes: Uint8Array) => void): void {
    const message = readQuestion(question);
    const first = message?.questions?.[0];
    if (!message || !first) return;
    const local = this.#local(first.name.toLowerCase());
    if (local) return answer(localAnswer(message, first, local));
    this.#ask(question, via, answer, (code) => answer(encode(message, [], code)), this.#resolvers());
  }

  #ask(
    question: Uint8Array,
    via: string,
    answer: (bytes: Uint8Array) => void,
    fail: (code: number) => void,
    resolvers: readonly { host: string; port: number }[],
  ): void {
    const [resolver, ...others] = resolvers;
    if (!resolver || this.#waitingOf(via) >= OUTSTANDING || this.#asked.size >= OUTSTANDING_ALL) return fail(FAILED);
    const socket = createSocket(resolver.host.includes(":") ? "udp6" : "udp4");
    this.#asked.set(socket, via);
    // The query gets a new id and goes out from a random port, so nobody outside can guess both.
    const number = randomBytes(2);
    // This is a copy for any kind of array; slice() of a Buffer would share its memory.
    const sent = Uint8Array.from(question);
    sent.set(number);
    const done = () => {
      clearTimeout(timer);
      if (!this.#asked.delete(socket)) return false;
      socket.close();
      return true;
    };
    const next = () => done() && this.#ask(question, via, answer, fail, others);
    const timer = setTimeout(next, TIMEOUT).unref();
    socket.on("message", (bytes) => {
      if (bytes.length < 12 || get16(bytes, 0) !== get16(number, 0)) return;
      if (!done()) return;
      const given = Uint8Array.from(bytes);
      put16(given, 0, get16(question, 0));
      answer(given);
    });
    socket.on("error", next);
    socket.on("connect", () => socket.send(sent));
    socket.connect(resolver.port, resolver.host);
  }

  #waitingOf(via: string): number {
    let count = 0;
    for (const each of this.#asked.values()) if (each === via) count++;
    return count;
  }

  /** Called when an interface has gone: its queries need no answer. */
  close(via: string): void {
    for (const [socket, each] of [...this.#asked])
      if (each === via) {
        this.#asked.delete(socket);
        socket.close();
      }
  }

  stop(): void {
    for (const socket of this.#asked.keys()) socket.close();
    this.#asked.clear();
  }
}

/**
 * Reads a query (RFC 1035, 4.1) with its single question; null for anything else. It looks only at the name, which has no pointers in a question, so
 * a long message costs nothing.
 */
function readQuestion(bytes: Uint8Array): DnsMessage | null {
  const isQuery = bytes.length >= 12 && bytes.length <= QUESTION_BYTES && (bytes[2]! & 0xf8) === 0;
  if (!isQuery || get16(bytes, 4) !== 1 || get16(bytes, 6) !== 0 || get16(bytes, 8) !== 0) return null;
  let at = 12;
  for (let label = bytes[at]; label !== 0; label = bytes[at]) {
    if (label === undefined || label > 63) return null;
    // Other letters come as Punycode. A dot within a label would make two labels of it.
    for (let i = 1; i <= label; i++)
      if (!(bytes[at + i]! > 0x20 && bytes[at + i]! < 0x7f) || bytes[at + i] === 0x2e) return null;
    at += 1 + label;
    if (at > 12 + 254) return null;
  }
  const end = at + 5;
  if (end > bytes.length) return null;
  const alone = Buffer.from(bytes.subarray(0, end));
  alone.fill(0, 6, 12);
  return dnsPacket.decode(alone);
}

function localAnswer(
  message: DnsMessage,
  { name, type }: { name: string; type: string },
  local: { v4: string[]; v6: string[] },
): Uint8Array {
  const answers: Answer[] = [];
  if (type === "A" || type === "ANY")
    for (const data of local.v4) answers.push({ type: "A", name, ttl: LOCAL_TTL, data });
  if (type === "AAAA" || type === "ANY")
    for (const data of local.v6) answers.push({ type: "AAAA", name, ttl: LOCAL_TTL, data });
  return encode(message, answers, local.v4.length + local.v6.length ? 0 : NOT_FOUND);
}

function encode(message: DnsMessage, answers: Answer[], code: number): Uint8Array {
  const flags = dnsPacket.RECURSION_DESIRED | dnsPacket.RECURSION_AVAILABLE | code;
  return dnsPacket.encode({ type: "response", id: message.id ?? 0, flags, questions: message.questions!, answers });
}
