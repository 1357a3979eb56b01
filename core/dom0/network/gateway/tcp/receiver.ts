/**
 * The receiving half of an endpoint: puts segments in order, and says what to acknowledge. Positions are those of the other side's stream, counted as
 * in SendQueue.
 */
import type { SequenceRange } from "./segment.ts";

/**
 * The most bytes that may be on their way to the host's socket. It is also the most that a guest can make us keep out of order for one connection.
 */
export const RECEIVE_BUFFER = 256 * 1024;
/** The most pieces out of order, even if a guest sends every second byte. */
const PIECES_LIMIT = 1024;

export class Receiver {
  readonly #initial: number;
  /** Position of the next byte in order. */
  next = 1;
  /** The highest position that the other side was ever allowed to send before. A window is never taken back. */
  #allowed = 1;
  /** In order, without overlaps. */
  #pieces: { from: number; bytes: Uint8Array }[] = [];
  #finAt: number | null = null;
  /** Whether the end of the stream has been reached. */
  ended = false;

  /** `initial` is the sequence number of the other side's SYN. */
  constructor(initial: number) {
    this.#initial = initial;
  }

  /** Returns the sequence number of a position, for the header. */
  sequence(position: number): number {
    return (this.#initial + position) >>> 0;
  }
  get acknowledgement(): number {
    return this.sequence(this.next);
  }

  /** Returns the position for a sequence number: the one nearest to the next byte. */
  position(sequence: number): number {
    return this.next + ((sequence - this.sequence(this.next)) | 0);
  }

  /** Returns the window in bytes, when `waiting` bytes are not yet taken from us and we may keep `buffer`. */
  window(waiting: number, buffer = RECEIVE_BUFFER): number {
    const wanted = this.next + Math.max(0, buffer - waiting);
    if (wanted > this.#allowed) this.#allowed = wanted;
    return this.#allowed - this.next;
  }

  /** Returns whether a sequence number may belong to this connection now (RFC 9293, 3.10.7.4), which a reset also has to fulfil. */
  inWindow(sequence: number): boolean {
    const position = this.position(sequence);
    return position >= this.next && position < Math.max(this.#allowed, this.next + 1);
  }

  /**
   * Takes a segment's data, and calls `deliver` with what is in order now. Returns whether everything was in order, so that its acknowledgement may
   * wait for what comes in the same moment.
   */
  take(sequence: number, payload: Uint8Array, fin: boolean, deliver: (bytes: Uint8Array) => void): boolean {
    let from = this.position(sequence);
    let bytes = payload;
    if (from + bytes.length > this.#allowed) {
      bytes = bytes.subarray(0, Math.max(0, this.#allowed - from));
      fin = false;
    }
    // The end of the stream is fixed once: nothing can come after it, and it can't be before what has come.
    if (fin && from + bytes.length >= this.next) this.#finAt ??= from + bytes.length;
    if (this.#finAt !== null) bytes = bytes.subarray(0, Math.max(0, this.#finAt - from));
    if (from < this.next) {
      bytes = bytes.subarray(Math.min(bytes.length, this.next - from));
      from = this.next;
    }
    const inOrder = from === this.next && this.#pieces.length === 0;
    if (from === this.next) {
      if (bytes.length) {
        this.next += bytes.length;
        deliver(bytes);
      }
      this.#joinPieces(deliver);
    } else if (bytes.length) this.#keep(from, bytes);
    if (this.#finAt === this.next && !this.ended) {
      this.ended = true;
      this.next++;
    }
    return inOrder && payload.length > 0;
  }

  #joinPieces(deliver: (bytes: Uint8Array) => void): void {
    while (this.#pieces.length && this.#pieces[0]!.from <= this.next) {
      const { from, bytes } = this.#pieces.shift()!;
      const part = bytes.subarray(Math.min(bytes.length, this.next - from));
      if (!part.length) continue;
      this.next += part.length;
      deliver(part);
    }
  }

  #keep(from: number, bytes: Uint8Array): void {
    let index = this.#pieces.length;
    while (index > 0 && this.#pieces[index - 1]!.from >= from) index--;
    const previous = this.#pieces[index - 1];
    if (previous) {
      const covered = Math.max(0, previous.from + previous.bytes.length - from);
      from += covered;
      bytes = bytes.subarray(Math.min(covered, bytes.length));
    }
    for (; bytes.length; index++) {
      const following = this.#pieces[index];
      const part = following ? bytes.subarray(0, Math.max(0, following.from - from)) : bytes;
      if (part.length) {
        if (this.#pieces.length >= PIECES_LIMIT) return;
        // This is a copy, because the frame may be much larger than the piece that is kept.
        this.#pieces.splice(index, 0, { from, bytes: part.slice() });
        index++;
      }
      if (!following) return;
      const passed = following.from + following.bytes.length - from;
      from += passed;
      bytes = bytes.subarray(Math.min(passed, bytes.length));
    }
  }

  /** Number of bytes that wait for what is missing before them. */
  get kept(): number {
    return this.#pieces.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** Returns up to three ranges that came out of order, for selective acknowledgement. */
  sacks(): SequenceRange[] {
    const ranges: [number, number][] = [];
    for (const { from, bytes } of this.#pieces) {
      const last = ranges.at(-1);
      if (last && from <= last[1]) last[1] = Math.max(last[1], from + bytes.length);
      else ranges.push([from, from + bytes.length]);
    }
    // The latest ranges are the most useful to the sender, which remembers the earlier ones.
    return ranges.slice(-3).map(([from, to]) => [this.sequence(from), this.sequence(to)]);
  }
}
