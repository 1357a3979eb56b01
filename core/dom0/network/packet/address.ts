/** Converts addresses between text, as the host's sockets and the user have them, and bytes, as packets have them. */
import { isIPv4, isIPv6 } from "node:net";

/** Returns a MAC address as "aa:bb:cc:dd:ee:ff". */
export function macText(bytes: Uint8Array, at = 0): string {
  let text = "";
  for (let i = 0; i < 6; i++) text += (i ? ":" : "") + bytes[at + i]!.toString(16).padStart(2, "0");
  return text;
}

/** Returns the bytes of a MAC address "aa:bb:cc:dd:ee:ff" (or with dashes); null if the text is none. */
export function macBytes(text: string): Uint8Array | null {
  if (!/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text)) return null;
  return Uint8Array.from(text.split(/[:-]/), (digits) => parseInt(digits, 16));
}

export function ipv4Text(bytes: Uint8Array, at = 0): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

/** Returns the text of an IPv6 address, in which only leading zeros are left out. Each address has one such text, so it can be a key. */
export function ipv6Text(bytes: Uint8Array, at = 0): string {
  let text = "";
  for (let i = 0; i < 16; i += 2) text += (i ? ":" : "") + ((bytes[at + i]! << 8) | bytes[at + i + 1]!).toString(16);
  return text;
}

/** Returns the 4 or 16 bytes of an address; null if the text is none. Zone names ("%eth0") are cut off. */
export function ipBytes(text: string): Uint8Array | null {
  const plain = text.replace(/%.*$/, "");
  if (isIPv4(plain)) return Uint8Array.from(plain.split("."), Number);
  if (!isIPv6(plain)) return null;
  const bytes = new Uint8Array(16);
  let words = plain;
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(plain);
  if (embedded) {
    const [a, b, c, d] = embedded[2]!.split(".").map(Number);
    words = `${embedded[1]}${((a! << 8) | b!).toString(16)}:${((c! << 8) | d!).toString(16)}`;
  }
  const [head, tail] = words.split("::");
  const first = head ? head.split(":") : [];
  const last = tail ? tail.split(":") : [];
  const put = (list: string[], from: number) =>
    list.forEach((word, i) => {
      const value = parseInt(word, 16);
      bytes[from + 2 * i] = value >> 8;
      bytes[from + 2 * i + 1] = value;
    });
  put(first, 0);
  put(last, 16 - 2 * last.length);
  return bytes;
}

/** Returns the text of 4 or 16 bytes, as used for keys. */
export function ipText(bytes: Uint8Array): string {
  return bytes.length === 4 ? ipv4Text(bytes) : ipv6Text(bytes);
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** A network "10.0.2.0/24": its first address and the length of its prefix. */
export interface Subnet {
  readonly address: Uint8Array;
  readonly prefix: number;
}

/** Parses "address/prefix"; null if the text is none. Bits after the prefix are cleared. */
export function parseSubnet(text: string): Subnet | null {
  const [address, length, ...rest] = text.split("/");
  const bytes = ipBytes(address!);
  if (!bytes || rest.length || !/^\d{1,3}$/.test(length ?? "")) return null;
  const prefix = Number(length);
  if (prefix > bytes.length * 8) return null;
  for (let bit = prefix; bit < bytes.length * 8; bit++) bytes[bit >> 3]! &= ~(0x80 >> (bit & 7));
  return { address: bytes, prefix };
}

export function inSubnet(subnet: Subnet, address: Uint8Array): boolean {
  if (address.length !== subnet.address.length) return false;
  for (let bit = 0; bit < subnet.prefix; bit += 8) {
    const mask = subnet.prefix - bit >= 8 ? 0xff : (0xff00 >> (subnet.prefix - bit)) & 0xff;
    if ((address[bit >> 3]! ^ subnet.address[bit >> 3]!) & mask) return false;
  }
  return true;
}

/** Returns the address with this number in a subnet: number 1 of 10.0.2.0/24 is 10.0.2.1. */
export function hostAddress(subnet: Subnet, number: number): Uint8Array {
  const bytes = subnet.address.slice();
  const end = bytes.length;
  for (let i = 0, left = number; i < 4; i++, left >>>= 8) bytes[end - 1 - i]! |= left & 0xff;
  return bytes;
}
