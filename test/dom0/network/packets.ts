/** Packets that guests send, for tests. */
import { put16, put32 } from "../../../core/dom0/network/packet/bytes.ts";

/** A TCP header. */
export function tcpSegment(flags: number, sequence: number, port = 40_000, to = 80): Uint8Array {
  const bytes = new Uint8Array(20);
  put16(bytes, 0, port);
  put16(bytes, 2, to);
  put32(bytes, 4, sequence);
  bytes.set([0x50, flags, 255, 255], 12);
  return bytes;
}

/** A DHCP message of a client, with its options: what comes after the UDP header. */
export function dhcp(type: number, mac: Uint8Array, options: number[] = []): Uint8Array {
  const bytes = new Uint8Array(300);
  bytes.set([1, 1, 6, 0, 1, 2, 3, 4]);
  bytes.set(mac, 28);
  put32(bytes, 236, 0x63825363);
  bytes.set([53, 1, type, ...options, 255], 240);
  return bytes;
}
