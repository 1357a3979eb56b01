/** The reader's end of the serial port: what was written, piece by piece, with what the hypervisor has noted beside each piece. */
import * as layout from "./layout.ts";

export interface SerialPiece {
  bytes: Uint8Array;
  /** The kind of text: hypervisor/abi/log.ts. */
  kind: number;
  /** Nanoseconds since power-on when it was written. */
  time: number;
  /** Number of bytes that the port had been given by then, modulo 2^32. */
  end: number;
}

/** `lost` is the number of pieces that were overwritten before they were taken. */
export interface SerialOutput {
  pieces: SerialPiece[];
  lost: number;
}

export class SerialPort {
  readonly #words: Int32Array;
  readonly #memory: DataView;
  readonly #ring: Uint8Array;
  #taken = 0;

  constructor(buffer: ArrayBufferLike) {
    this.#words = new Int32Array(buffer);
    this.#memory = new DataView(buffer);
    this.#ring = new Uint8Array(buffer, layout.SERIAL_DATA, layout.SERIAL_SIZE);
  }

  /** Returns what was written since the last call, the oldest first. A piece is returned whole with its own mark, or is lost. */
  take(): SerialOutput {
    const made = this.#load(layout.SERIAL_MARKS_PRODUCER);
    const most = layout.SERIAL_MARK_COUNT;
    const count = (made - this.#taken) >>> 0;
    const kept = Math.min(count, most);
    const pieces: SerialPiece[] = [];
    for (let i = kept; i > 0; i--) pieces.push(this.#piece((made - i) >>> 0));
    this.#taken = made;
    // The writer announces what it is about to write. The bytes up to there may be half of one piece and half of another.
    const claimed = Atomics.add(this.#words, layout.SERIAL_CLAIMED >> 2, 0) >>> 0;
    const madeSince = (this.#load(layout.SERIAL_MARKS_PRODUCER) - made) >>> 0;
    const whole = pieces.filter(({ bytes, end }, i) => {
      const begin = (end - bytes.length) >>> 0;
      return kept - i + madeSince < most && (claimed - begin) >>> 0 <= layout.SERIAL_SIZE;
    });
    return { pieces: whole, lost: count - whole.length };
  }

  #load(address: number): number {
    return Atomics.load(this.#words, address >> 2) >>> 0;
  }

  #piece(number: number): SerialPiece {
    const mark = layout.SERIAL_MARKS + (number % layout.SERIAL_MARK_COUNT) * layout.SERIAL_MARK_SIZE;
    const begin = this.#memory.getUint32(mark, true);
    const bytes = new Uint8Array(this.#memory.getUint16(mark + layout.SERIAL_MARK_BYTES, true));
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.#ring[(begin + i) % layout.SERIAL_SIZE]!;
    return {
      bytes,
      kind: this.#memory.getUint8(mark + layout.SERIAL_MARK_KIND),
      time: this.#memory.getFloat64(mark + layout.SERIAL_MARK_TIME, true),
      end: (begin + bytes.length) >>> 0,
    };
  }
}
