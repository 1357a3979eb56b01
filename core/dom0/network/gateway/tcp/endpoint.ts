/**
 * The far end of a guest's TCP connection: speaks TCP with the guest on behalf of an address outside or of the gateway, and passes the bytes to
 * whoever joins it with a socket of the host (nat.ts). Either side may have opened the connection.
 */
import { randomBytes } from "node:crypto";
import { Receiver } from "./receiver.ts";
import { ACK, FIN, PSH, RST, SYN, type Segment, type SegmentHeader } from "./segment.ts";
import { Sender } from "./sender.ts";

/** Our receive window is announced in units of 2^4 bytes, so that 256 KiB fit into 16 bits. */
const WINDOW_SCALE = 4;
/** How long a closed connection answers a repeated FIN. */
const LINGER = 2000;

/** Sends a segment. `payload` writes `length` bytes at an offset of the frame. */
export type SegmentOut = (
  header: SegmentHeader,
  length: number,
  payload: (bytes: Uint8Array, at: number) => void,
  segmentSize: number,
) => void;

export interface EndpointEvents {
  /** Called when the handshake is over. */
  opened(): void;
  /** Passes on bytes in order; a view of a frame that nobody changes. */
  data(bytes: Uint8Array): void;
  /** Called when the guest sends no more. */
  ended(): void;
  /** Called when the guest has acknowledged something; `queued` bytes are still kept here. */
  drained(queued: number): void;
  /** Called once when the connection is over: both sides have ended, or somebody has aborted it. */
  closed(reason: "finished" | "reset" | "timed out"): void;
}

export interface EndpointOptions {
  /** The largest segment that the network carries to the guest. */
  maximumSegmentSize: number;
  /** Payload of the largest GSO frame; 0 without GSO. */
  largest: number;
  transmit: SegmentOut;
  /** Returns the number of bytes that data() has passed on and that nobody has taken yet. */
  waiting(): number;
  /** Returns how many bytes may wait that way, which is what the other side is allowed to send. */
  buffer(): number;
  now(): number;
}

export class TcpEndpoint {
  readonly #options: EndpointOptions;
  readonly #events: EndpointEvents;
  readonly #sender: Sender;
  #receiver: Receiver | null = null;
  #state: "listening" | "answering" | "calling" | "open" | "closed" = "listening";
  #guestScale = 0;
  #guestSegmentSize = 536;
  #scaling = false;
  #selective = false;
  #acknowledgementDue = false;
  #announced = 0;
  #over = false;
  #linger: NodeJS.Timeout | null = null;

  constructor(options: EndpointOptions, events: EndpointEvents) {
    this.#options = options;
    this.#events = events;
    this.#sender = new Sender(randomBytes(4).readUInt32BE(), options.largest, {
      transmit: (position, length, fin) => this.#transmit(position, length, fin),
      giveUp: () => this.#close("timed out", true),
      now: options.now,
    });
  }

  /** Number of bytes written and not acknowledged. */
  get queued(): number {
    return this.#sender.queue.length;
  }
  get state(): string {
    return this.#state;
  }

  /** Called for a guest's SYN; the answer waits for accept(). Returns false if the segment is no SYN. */
  called(segment: Segment): boolean {
    if (!(segment.flags & SYN) || segment.flags & (ACK | RST)) return false;
    this.#take(segment);
    this.#state = "answering";
    return true;
  }

  /** Answers the guest's SYN, because the host's socket is connected. */
  accept(): void {
    if (this.#over) return;
    if (this.#state === "answering") this.#sender.opened();
    this.#transmit(0, 0, false);
  }

  /** Opens a connection to the guest, because somebody came by a port forward. */
  call(): void {
    this.#state = "calling";
    this.#sender.opened();
    this.#transmit(0, 0, false);
  }

  /** Takes over what a SYN says of its sender. */
  #take(segment: Segment): void {
    this.#receiver = new Receiver(segment.sequence);
    this.#scaling = segment.windowScale !== null;
    this.#guestScale = segment.windowScale ?? 0;
    this.#selective = segment.sackPermitted;
    // RFC 9293, 3.7.1: 536 where nothing is said. Less than 64 is an attack on our time.
    this.#guestSegmentSize = Math.max(64, segment.maximumSegmentSize ?? 536);
  }

  write(bytes: Uint8Array): void {
    if (this.#over) return;
    this.#sender.write(bytes);
  }

  /** Called when the host's side sends no more. */
  end(): void {
    if (!this.#over) this.#sender.end();
  }

  /** Aborts the connection; the guest sees a reset. */
  reset(): void {
    if (this.#over) return;
    if (this.#receiver || this.#state === "calling") this.#sendReset();
    this.#close("reset", false);
  }

  /** Ends without a word, because the guest is gone. */
  abandon(): void {
    this.#close("reset", false);
  }

  /** Called when the host's socket has taken bytes: a window that was nearly closed is announced again. */
  taken(): void {
    if (this.#over || !this.#receiver || this.#state !== "open") return;
    const buffer = this.#options.buffer();
    const window = this.#receiver.window(this.#options.waiting(), buffer);
    if (this.#announced < buffer / 2 && window >= this.#announced + buffer / 4) this.#acknowledge();
  }

  receive(segment: Segment): void {
    if (this.#over) return this.#answerLate(segment);
    if (this.#state === "calling") return this.#answered(segment);
    const receiver = this.#receiver;
    if (!receiver) return;
    if (segment.flags & RST) {
      if (receiver.inWindow(segment.sequence)) this.#close("reset", false);
      return;
    }
    if (segment.flags & SYN) {
      // The same SYN again means that our answer was lost. Any other SYN is answered by an acknowledgement (RFC 5961).
      if (this.#state === "answering" && this.#announced) this.#transmit(0, 0, false);
      else if (this.#state === "open") this.#acknowledge();
      return;
    }
    if (!(segment.flags & ACK) || this.#state === "listening") return;
    if (!this.#sender.acceptable(segment.acknowledgement)) {
      if (this.#state === "open") this.#acknowledge();
      return;
    }
    if (this.#state === "answering") {
      if (!this.#announced) return;
      if (segment.acknowledgement !== this.#sender.sequence(1)) return;
      this.#open();
    }
    this.#established(receiver, segment);
  }

  /** Takes the answer to our SYN. */
  #answered(segment: Segment): void {
    const wanted = segment.flags & ACK && segment.acknowledgement === this.#sender.sequence(1);
    if (segment.flags & RST) {
      if (wanted) this.#close("reset", false);
      return;
    }
    if (!wanted || !(segment.flags & SYN)) return;
    this.#take(segment);
    this.#open();
    this.#sender.acknowledge(segment.acknowledgement, segment.window, 0, [], false);
    this.#acknowledge();
    this.#events.opened();
  }

  #open(): void {
    const calling = this.#state === "calling";
    this.#state = "open";
    const size = Math.min(this.#guestSegmentSize, this.#options.maximumSegmentSize);
    this.#sender.established(size);
    if (!calling) this.#events.opened();
  }

  #established(receiver: Receiver, segment: Segment): void {
    const { payload, sequence } = segment;
    const fin = (segment.flags & FIN) !== 0;
    const plain = !payload.length && !fin;
    const queued = this.#sender.queue.length;
    this.#sender.acknowledge(
      segment.acknowledgement,
      segment.window << this.#guestScale,
      receiver.position(sequence),
      this.#selective ? segment.sacks : [],
      plain,
    );
    if (this.#sender.queue.length < queued) this.#events.drained(this.#sender.queue.length);
    if (!plain) {
      const ended = receiver.ended;
      const inOrder = receiver.take(sequence, payload, fin, (bytes) => this.#events.data(bytes));
      if (inOrder && !fin) this.#acknowledgeSoon();
      else this.#acknowledge();
      if (!ended && receiver.ended) this.#events.ended();
    } else if (receiver.position(sequence) < receiver.next) this.#acknowledge(); // A keep-alive probe.
    if (receiver.ended && this.#sender.finished) this.#close("finished", false);
  }

  /** Sends one acknowledgement for all that arrives in one go. */
  #acknowledgeSoon(): void {
    if (this.#acknowledgementDue) return;
    this.#acknowledgementDue = true;
    queueMicrotask(() => {
      if (this.#acknowledgementDue && !this.#over) this.#acknowledge();
    });
  }

  #acknowledge(): void {
    this.#send({ sequence: this.#sender.nextSequence, flags: ACK }, 0, () => {}, 0);
  }

  #transmit(position: number, length: number, fin: boolean): void {
    const { maximumSegmentSize } = this.#options;
    const sequence = this.#sender.sequence(position);
    if (position === 0) {
      const answering = this.#state === "answering";
      const open = {
        maximumSegmentSize,
        windowScale: !answering || this.#scaling ? WINDOW_SCALE : null,
        sackPermitted: !answering || this.#selective,
      };
      this.#send({ sequence, flags: SYN | (answering ? ACK : 0), open }, 0, () => {}, 0);
      return;
    }
    const { queue, segmentSize } = this.#sender;
    const last = position + length >= queue.end;
    const flags = ACK | (fin ? FIN : 0) | (last && length ? PSH : 0);
    const payload = (bytes: Uint8Array, at: number) => queue.copy(position, length, bytes, at);
    this.#send({ sequence, flags }, length, payload, length > segmentSize ? segmentSize : 0);
  }

  #send(
    header: Omit<SegmentHeader, "acknowledgement" | "window">,
    length: number,
    payload: (bytes: Uint8Array, at: number) => void,
    segmentSize: number,
  ): void {
    const receiver = this.#receiver;
    const buffer = this.#options.buffer();
    let window = buffer;
    if (receiver) {
      window = receiver.window(this.#options.waiting(), buffer);
      this.#acknowledgementDue = false;
      this.#announced = window;
    }
    const scaled = header.open || !this.#scaling ? Math.min(window, 0xffff) : window >> WINDOW_SCALE;
    const sacks = receiver && this.#selective && !header.open ? receiver.sacks() : [];
    this.#options.transmit(
      {
        ...header,
        acknowledgement: receiver ? receiver.acknowledgement : 0,
        window: scaled,
        ...(sacks.length && { sacks }),
      },
      length,
      payload,
      segmentSize,
    );
  }

  #sendReset(): void {
    // A reset that takes the place of the answer to a SYN must acknowledge the SYN (RFC 9293, 3.10.7.1).
    const sequence = this.#state === "answering" && !this.#announced ? 0 : this.#sender.nextSequence;
    this.#send({ sequence, flags: this.#receiver ? RST | ACK : RST }, 0, () => {}, 0);
  }

  #answerLate(segment: Segment): void {
    if (this.#linger && segment.flags & FIN) this.#acknowledge();
  }

  #close(reason: "finished" | "reset" | "timed out", tellGuest: boolean): void {
    if (this.#over) return;
    if (tellGuest) this.#sendReset();
    this.#over = true;
    this.#state = "closed";
    this.#sender.stop();
    const over = () => this.#events.closed(reason);
    if (reason !== "finished") return over();
    this.#linger = setTimeout(over, LINGER);
    this.#linger.unref();
  }
}
