/** DHCP messages (RFC 2131) with the options (RFC 2132) that guests need. */
import { ipv4Text, macText } from "../packet/address.ts";
import { get16, get32, put16, put32 } from "../packet/bytes.ts";

export const DISCOVER = 1;
export const OFFER = 2;
export const REQUEST = 3;
export const DECLINE = 4;
export const ACKNOWLEDGE = 5;
export const REFUSE = 6;
export const RELEASE = 7;
export const INFORM = 8;

const OPTION_SUBNET_MASK = 1;
const OPTION_ROUTER = 3;
const OPTION_NAME_SERVER = 6;
const OPTION_HOST_NAME = 12;
const OPTION_DOMAIN_NAME = 15;
const OPTION_MTU = 26;
const OPTION_BROADCAST = 28;
const OPTION_REQUESTED = 50;
const OPTION_LEASE_TIME = 51;
const OPTION_TYPE = 53;
const OPTION_SERVER = 54;
const OPTION_END = 255;

const MAGIC = 0x63825363;
const OPTIONS = 240;
const FLAG_BROADCAST = 0x8000;

export interface DhcpRequest {
  readonly type: number;
  readonly transaction: number;
  readonly flags: number;
  readonly mac: string;
  readonly macBytes: Uint8Array;
  /** The address that the client has, or null. */
  readonly clientAddress: string | null;
  readonly requested: string | null;
  readonly server: string | null;
  readonly hostName: string | null;
}

/** Reads a message from a client; null if it is no DHCP message of an Ethernet client. */
export function readDhcp(payload: Uint8Array): DhcpRequest | null {
  if (payload.length < OPTIONS || payload[0] !== 1 || payload[1] !== 1 || payload[2] !== 6) return null;
  if (get32(payload, 236) !== MAGIC) return null;
  const options = new Map<number, Uint8Array>();
  for (let at = OPTIONS; at < payload.length;) {
    const code = payload[at]!;
    if (code === OPTION_END) break;
    if (code === 0) {
      at++;
      continue;
    }
    const length = payload[at + 1] ?? 0;
    if (at + 2 + length > payload.length) return null;
    options.set(code, payload.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  const type = options.get(OPTION_TYPE)?.[0];
  if (!type) return null;
  const address = (option: number) => {
    const bytes = options.get(option);
    return bytes?.length === 4 ? ipv4Text(bytes) : null;
  };
  const name = options.get(OPTION_HOST_NAME);
  const client = ipv4Text(payload, 12);
  return {
    type,
    transaction: get32(payload, 4),
    flags: get16(payload, 10),
    mac: macText(payload, 28),
    macBytes: payload.slice(28, 34),
    clientAddress: client === "0.0.0.0" ? null : client,
    requested: address(OPTION_REQUESTED),
    server: address(OPTION_SERVER),
    hostName: name ? Buffer.from(name).toString("latin1") : null,
  };
}

export interface DhcpAnswer {
  readonly type: number;
  /** Four bytes each. */
  readonly server: Uint8Array;
  readonly address: Uint8Array | null;
  readonly mask: Uint8Array;
  readonly broadcast: Uint8Array;
  readonly router: Uint8Array | null;
  readonly nameServer: Uint8Array | null;
  readonly domain: string;
  readonly hostName: string | null;
  /** In seconds; null in an answer to INFORM. */
  readonly leaseTime: number | null;
  readonly mtu: number;
}

/** Returns the answer to a request. */
export function writeDhcp(request: DhcpRequest, answer: DhcpAnswer): Uint8Array {
  const bytes = new Uint8Array(576);
  bytes.set([2, 1, 6, 0]);
  put32(bytes, 4, request.transaction);
  put16(bytes, 10, request.flags & FLAG_BROADCAST);
  if (request.clientAddress && answer.type !== REFUSE) bytes.set(request.clientAddress.split(".").map(Number), 12);
  if (answer.address) bytes.set(answer.address, 16);
  bytes.set(answer.server, 20);
  bytes.set(request.macBytes, 28);
  put32(bytes, 236, MAGIC);
  let at = OPTIONS;
  const option = (code: number, value: Uint8Array) => {
    bytes[at] = code;
    bytes[at + 1] = value.length;
    bytes.set(value, at + 2);
    at += 2 + value.length;
  };
  const number = (value: number, size: 2 | 4) => {
    const field = new Uint8Array(size);
    if (size === 2) put16(field, 0, value);
    else put32(field, 0, value);
    return field;
  };
  option(OPTION_TYPE, Uint8Array.of(answer.type));
  option(OPTION_SERVER, answer.server);
  if (answer.type !== REFUSE) {
    if (answer.leaseTime !== null) option(OPTION_LEASE_TIME, number(answer.leaseTime, 4));
    option(OPTION_SUBNET_MASK, answer.mask);
    option(OPTION_BROADCAST, answer.broadcast);
    if (answer.router) option(OPTION_ROUTER, answer.router);
    if (answer.nameServer) option(OPTION_NAME_SERVER, answer.nameServer);
    option(OPTION_DOMAIN_NAME, Buffer.from(answer.domain));
    if (answer.hostName) option(OPTION_HOST_NAME, Buffer.from(answer.hostName));
    option(OPTION_MTU, number(answer.mtu, 2));
  }
  bytes[at] = OPTION_END;
  return bytes.subarray(0, Math.max(at + 1, 300));
}
