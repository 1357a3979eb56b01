/** The memory of a vCPU as it was at one moment, read page by page when it is asked for, and what lies on the vCPU's stack. */
import type { PageRead } from "../../dom0/kernel/inspector.ts";
import { isCanonical } from "./hex.ts";

const PAGE = 4096n;
/** The largest number of pages that one look reads. */
const MOST_PAGES = 160;
const MOST_STACK_BYTES = 8192;
const MOST_FRAMES = 48;
const CALL_BYTES = 7;

export interface FoundFrame {
  slot: bigint;
  address: bigint;
  by: "frame" | "scan";
}

export class GuestCode {
  readonly #read: (linear: bigint, length: number) => PageRead | null;
  readonly #pages = new Map<bigint, PageRead | null>();

  /** `read` returns what is mapped at a linear address, up to the end of its page. */
  constructor(read: (linear: bigint, length: number) => PageRead | null) {
    this.#read = read;
  }

  #page(address: bigint): PageRead | null {
    const page = address & ~0xfffn;
    let found = this.#pages.get(page);
    if (found === undefined) {
      if (this.#pages.size >= MOST_PAGES || !isCanonical(page)) return null;
      found = this.#read(page, Number(PAGE));
      this.#pages.set(page, found);
    }
    return found;
  }

  /** Returns the bytes from `address` up to where nothing is mapped any more, and at most `length` of them. */
  bytes(address: bigint, length: number): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let at = address, left = length; left > 0;) {
      const offset = Number(at & 0xfffn);
      const part = this.#page(at)?.bytes.subarray(offset, offset + left);
      if (!part) break;
      parts.push(part);
      at += BigInt(part.length);
      left -= part.length;
    }
    return Uint8Array.from(Buffer.concat(parts));
  }

  /** Returns the mapped bytes around `address`: at most `before` and `after` of them, and all adjacent to each other. */
  around(address: bigint, before: number, after: number): { start: bigint; bytes: Uint8Array } {
    const page = address & ~0xfffn;
    let start = address - BigInt(before);
    if (start < 0n) start = 0n;
    if (start < page && !this.#page(start)) start = page;
    return { start, bytes: this.bytes(start, Number(address - start) + after) };
  }

  /** Whether code may run at this address and the instruction before it is a CALL. */
  isReturnAddress(address: bigint): boolean {
    if (address < PAGE || !isCanonical(address) || !this.#page(address)?.executable) return false;
    const before = this.bytes(address - BigInt(CALL_BYTES), CALL_BYTES);
    return before.length === CALL_BYTES && endsWithCall(before);
  }

  /** Returns what a walk of the stack finds from `rsp` on: the chain of RBP as long as it leads up the stack, and return addresses. */
  stack(rsp: bigint, rbp: bigint): { frames: FoundFrame[]; bytes: number } {
    const first = (rsp + 7n) & ~7n;
    const bytes = isCanonical(first) ? this.bytes(first, MOST_STACK_BYTES) : new Uint8Array();
    const words = new BigUint64Array(bytes.buffer, 0, bytes.length >> 3);
    const chained = this.#chain(words, first, rbp);
    const frames: FoundFrame[] = [];
    for (let n = 0; n < words.length && frames.length < MOST_FRAMES; n++) {
      if (!this.isReturnAddress(words[n]!)) continue;
      const slot = first + BigInt(8 * n);
      frames.push({ slot, address: words[n]!, by: chained.has(slot) ? "frame" : "scan" });
    }
    return { frames, bytes: bytes.length };
  }

  /** Returns the slots of the return addresses to which the chain of RBP leads. */
  #chain(words: BigUint64Array, first: bigint, rbp: bigint): Set<bigint> {
    const slots = new Set<bigint>();
    const last = first + BigInt(8 * (words.length - 2));
    for (let frame = rbp; frame >= first && frame <= last && (frame & 7n) === 0n;) {
      const n = Number((frame - first) / 8n);
      if (!this.isReturnAddress(words[n + 1]!)) break;
      slots.add(frame + 8n);
      // The chain must lead upwards, so it ends here.
      if (words[n]! <= frame) break;
      frame = words[n]!;
    }
    return slots;
  }
}

/** Whether the last of these seven bytes are E8 rel32, or any form of FF /2 (Intel SDM 2A, CALL). */
export function endsWithCall(bytes: Uint8Array): boolean {
  const from = (length: number): number => bytes[CALL_BYTES - length]!;
  if (from(5) === 0xe8) return true;
  for (let length = 2; length <= CALL_BYTES; length++)
    if (from(length) === 0xff && indirectLength(from(length - 1)) === length) return true;
  return false;
}

/** Returns the length of FF /2 with that ModRM byte, or 0 for another /digit. */
function indirectLength(modrm: number): number {
  if (((modrm >> 3) & 7) !== 2) return 0;
  const mode = modrm >> 6;
  const rm = modrm & 7;
  if (mode === 3) return 2;
  const sib = rm === 4 ? 1 : 0;
  const displacement = mode === 1 ? 1 : mode === 2 || rm === 5 ? 4 : 0;
  return 2 + sib + displacement;
}
