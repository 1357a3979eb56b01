/**
 * The sending half of an endpoint: what to send, and when to send it again. Slow start and congestion avoidance (RFC 5681), recovery by selective
 * acknowledgements (RFC 6675 in outline), retransmission timer (RFC 6298). No network is shared between here and the guest, but the guest's receive
 * ring is small, so losses are frequent and recovery must be fast.
 */
import { Ranges } from "./ranges.ts";
import { SendQueue } from "./send-queue.ts";
import type { SequenceRange } from "./segment.ts";

const INITIAL_WINDOW_SEGMENTS = 44;
/** The link belongs to one guest, whose receive ring holds more than this. With less, losses would only go unnoticed. */
const LEAST_WINDOW_SEGMENTS = 16;
const CONGESTION_WINDOW_MAX = 4 << 20;
const DUPLICATES = 3;
/** Linux delays acknowledgements by 40 to 200 ms. A shorter timer would resend what has arrived. */
const RTO_MIN = 220;
const RTO_FIRST = 1000;
const RTO_MAX = 30_000;
/** Added to two round trips before the last segment is sent again to learn what is missing (RFC 8985, 7: tail loss probe). */
const PROBE_EXTRA = 10;
/** How often the timer may expire without any answer before the connection is given up. */
const TRIES = 8;

export interface SenderActions {
  /** Sends the bytes from `position`; `fin` sets the flag after them. */
  transmit(position: number, length: number, fin: boolean): void;
  /** Called when the other side has not answered for TRIES expirations. */
  giveUp(): void;
  now(): number;
}

export class Sender {
  readonly queue = new SendQueue();
  readonly #actions: SenderActions;
  readonly #initial: number;
  readonly #largest: number;
  #segmentSize = 536;
  /** The first position not acknowledged; the next one to be sent; and one more than the highest ever sent. */
  #acknowledged = 0;
  #next = 0;
  #highest = 0;
  #window = 0;
  #windowAt = -1;
  #congestionWindow = 0;
  #threshold = CONGESTION_WINDOW_MAX;
  #sacked = new Ranges();
  #duplicates = 0;
  /** During recovery from a loss: the highest position that had been sent when the loss was noticed. */
  #recovery: number | null = null;
  /** During recovery: up to where gaps have been filled, and the highest position when that began. */
  #resent = 0;
  #resentWhen = 0;
  #finQueued = false;
  #smoothed: number | null = null;
  #variation = 0;
  #timeout = RTO_FIRST;
  #measured: { position: number; sent: number } | null = null;
  #timer: NodeJS.Timeout | null = null;
  #probed = false;
  #expirations = 0;

  /** `initial` is the sequence number of our SYN. `largest` is how many bytes of payload one frame can carry (GSO), 0 for one segment only. */
  constructor(initial: number, largest: number, actions: SenderActions) {
    this.#initial = initial;
    this.#largest = largest;
    this.#actions = actions;
  }

  get segmentSize(): number {
    return this.#segmentSize;
  }
  /** Whether everything that was written, and the end, has been acknowledged. */
  get finished(): boolean {
    return this.#finQueued && this.#acknowledged > this.queue.end;
  }
  sequence(position: number): number {
    return (this.#initial + position) >>> 0;
  }
  get nextSequence(): number {
    return this.sequence(this.#next);
  }

  /** Called when the SYN was sent, or sent again, and its acknowledgement is awaited. */
  opened(): void {
    this.#next = Math.max(this.#next, 1);
    this.#highest = Math.max(this.#highest, 1);
    this.#arm();
  }

  /** Called when the handshake is over, with the other side's segment size. */
  established(segmentSize: number): void {
    this.#segmentSize = segmentSize;
    this.#congestionWindow = INITIAL_WINDOW_SEGMENTS * segmentSize;
  }

  write(bytes: Uint8Array): void {
    this.queue.append(bytes);
    this.send();
  }

  end(): void {
    this.#finQueued = true;
    this.send();
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Returns whether an acknowledgement number is for something that was sent. */
  acceptable(acknowledgement: number): boolean {
    return this.#position(acknowledgement) <= this.#highest;
  }

  #position(sequence: number): number {
    return this.#acknowledged + ((sequence - this.sequence(this.#acknowledged)) | 0);
  }

  /**
   * Takes an acceptable acknowledgement. `segmentAt` is the position of the segment in the other side's stream. `plain`: it has no data and no FIN.
   */
  acknowledge(
    acknowledgement: number,
    window: number,
    segmentAt: number,
    sacks: readonly SequenceRange[],
    plain: boolean,
  ): void {
    const position = this.#position(acknowledgement);
    if (position < this.#acknowledged) return;
    // A side that answers is alive, even if its window stays closed for long.
    this.#expirations = 0;
    const windowBefore = this.#window;
    if (segmentAt >= this.#windowAt) {
      this.#windowAt = segmentAt;
      this.#window = window;
    }
    const newly = position - this.#acknowledged;
    let newlySacked = 0;
    for (const [from, to] of sacks) {
      const start = this.#position(from);
      const end = this.#position(to);
      if (start > position && end > start && end <= this.#highest) newlySacked += this.#sacked.add(start, end);
    }
    if (newly > 0) this.#advance(position, newly);
    else if (plain && this.#highest > this.#acknowledged && (newlySacked > 0 || this.#window === windowBefore))
      this.#duplicates++;
    this.#recover(newly + newlySacked);
    this.send();
    this.#arm(newly > 0);
  }

  #advance(position: number, newly: number): void {
    this.#acknowledged = position;
    if (this.#next < position) this.#next = position;
    this.queue.release(position);
    this.#sacked.dropBefore(position);
    this.#duplicates = 0;
    this.#probed = false;
    if (this.#measured && position > this.#measured.position) {
      this.#measure(this.#actions.now() - this.#measured.sent);
      this.#measured = null;
    }
    if (this.#recovery !== null) {
      if (position >= this.#recovery) this.#recovery = null;
      return;
    }
    const grown =
      this.#congestionWindow < this.#threshold
        ? newly
        : Math.max(1, Math.floor((this.#segmentSize * newly) / this.#congestionWindow));
    this.#congestionWindow = Math.min(CONGESTION_WINDOW_MAX, this.#congestionWindow + grown);
  }

  #recover(progress: number): void {
    const missing = this.#sacked.total > (DUPLICATES - 1) * this.#segmentSize || this.#duplicates >= DUPLICATES;
    if (this.#recovery === null) {
      if (!missing || this.#next < this.#highest) return;
      this.#threshold = this.#reduced(0.7);
      this.#congestionWindow = this.#threshold;
      this.#recovery = this.#highest;
      this.#resent = this.#acknowledged;
      this.#resentWhen = this.#highest;
      this.#measured = null;
    }
    if (this.#sacked.highest > this.#resentWhen) {
      // Something that was sent after the gaps were filled has arrived, so what is still missing was lost again.
      this.#resent = this.#acknowledged;
      this.#resentWhen = this.#highest;
    }
    // What has left the network makes room for what is missing (RFC 6937 in outline). Without any progress only the first gap is sent.
    let room = Math.max(progress, this.#segmentSize);
    this.#resent = Math.max(this.#resent, this.#acknowledged);
    const limit = Math.max(this.#sacked.highest, Math.min(this.#acknowledged + this.#segmentSize, this.#highest));
    while (room > 0) {
      const gap = this.#sacked.gap(this.#resent, limit);
      if (!gap) break;
      const length = Math.min(gap.to - gap.from, room, this.#largest || this.#segmentSize);
      this.#transmit(gap.from, gap.from + length);
      this.#resent = gap.from + length;
      room -= length;
    }
  }

  /** Returns a window that is this part of what is on its way. */
  #reduced(part: number): number {
    const least = LEAST_WINDOW_SEGMENTS * this.#segmentSize;
    return Math.max(Math.floor((this.#highest - this.#acknowledged) * part), least);
  }

  /** Sends what window and congestion allow. */
  send(): void {
    if (this.#acknowledged === 0) return;
    const end = this.queue.end + (this.#finQueued ? 1 : 0);
    for (;;) {
      if (this.#next < this.#highest) {
        // After an expiration, what the other side has is not sent again.
        const gap = this.#sacked.gap(this.#next, this.#highest);
        this.#next = gap ? gap.from : this.#highest;
      }
      const inFlight = this.#next - this.#acknowledged - this.#sacked.total;
      const allowed = Math.min(
        end - this.#next,
        this.#acknowledged + this.#window - this.#next,
        this.#congestionWindow - inFlight,
      );
      // The FIN needs no window (RFC 9293, 3.10.4).
      const onlyFin = this.#finQueued && this.#next === this.queue.end && this.#next < end;
      if (allowed <= 0 && !onlyFin) break;
      const gapEnd = this.#next < this.#highest ? this.#sacked.gap(this.#next, this.#highest)!.to : end;
      const largest = this.#largest || this.#segmentSize;
      const length = onlyFin ? 1 : Math.min(allowed, largest, gapEnd - this.#next);
      // A piece smaller than a segment is sent only if it is all that is left (sender's silly window avoidance).
      if (length < this.#segmentSize && length < end - this.#next && inFlight > 0) break;
      if (!this.#measured && this.#next >= this.#highest)
        this.#measured = { position: this.#next, sent: this.#actions.now() };
      this.#transmit(this.#next, this.#next + length);
      this.#next += length;
      this.#highest = Math.max(this.#highest, this.#next);
    }
    this.#arm();
  }

  #transmit(from: number, to: number): void {
    const dataEnd = Math.min(to, this.queue.end);
    this.#actions.transmit(from, dataEnd - from, to > this.queue.end && this.#finQueued);
  }

  #measure(milliseconds: number): void {
    if (this.#smoothed === null) {
      this.#smoothed = milliseconds;
      this.#variation = milliseconds / 2;
    } else {
      this.#variation += (Math.abs(this.#smoothed - milliseconds) - this.#variation) / 4;
      this.#smoothed += (milliseconds - this.#smoothed) / 8;
    }
    this.#timeout = Math.min(RTO_MAX, Math.max(RTO_MIN, this.#smoothed + 4 * this.#variation));
  }

  /** The timer runs while something is not acknowledged, or while a closed window prevents sending. */
  #arm(again = false): void {
    const unsent = this.queue.end + (this.#finQueued ? 1 : 0) > this.#highest;
    const waiting = this.#highest > this.#acknowledged || (this.#acknowledged > 0 && unsent);
    if (this.#timer && (again || !waiting)) this.stop();
    if (!waiting || this.#timer) return;
    const probe = this.#probeDelay();
    this.#timer = setTimeout(() => (probe === null ? this.#expired() : this.#probe()), probe ?? this.#timeout).unref();
  }

  /**
   * Returns when to send the last segment again, or null if the retransmission timer is the one that runs. The answer to a single segment may be
   * delayed.
   */
  #probeDelay(): number | null {
    const several = this.#highest - this.#acknowledged > this.#segmentSize;
    if (this.#probed || this.#recovery !== null || this.#smoothed === null || !several || this.#acknowledged === 0)
      return null;
    return Math.min(this.#timeout, 2 * this.#smoothed + PROBE_EXTRA);
  }

  #probe(): void {
    this.#timer = null;
    this.#probed = true;
    this.#measured = null;
    const end = Math.min(this.#highest, this.queue.end);
    this.#transmit(Math.max(this.#acknowledged, end - this.#segmentSize), this.#highest);
    this.#arm();
  }

  #expired(): void {
    this.#timer = null;
    if (++this.#expirations > TRIES) {
      this.#actions.giveUp();
      return;
    }
    this.#timeout = Math.min(RTO_MAX, this.#timeout * 2);
    this.#measured = null;
    if (this.#acknowledged === 0) this.#actions.transmit(0, 0, false);
    else if (this.#window === 0 && this.#highest <= this.#acknowledged) {
      // Probes a closed window with one byte, which is sent again together with the rest.
      this.#transmit(this.#acknowledged, this.#acknowledged + 1);
      this.#highest = Math.max(this.#highest, this.#acknowledged + 1);
      this.#next = this.#acknowledged;
    } else {
      this.#threshold = this.#reduced(0.5);
      this.#congestionWindow = LEAST_WINDOW_SEGMENTS * this.#segmentSize;
      this.#recovery = null;
      this.#duplicates = 0;
      this.#next = this.#acknowledged;
      if (this.#window === 0) this.#transmit(this.#acknowledged, this.#acknowledged + 1);
      else this.send();
    }
    this.#arm();
  }
}
