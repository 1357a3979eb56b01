/** One VNC client: RFB 3.3, 3.7 and 3.8. It may be hostile: what it sends is bounded, and it gets no more than it reads. */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import type { Screen } from "../screen.ts";
import type { Rectangle } from "../surface.ts";
import type { Viewer } from "../viewer.ts";
import { CHALLENGE_BYTES, isRightResponse } from "./authentication.ts";
import { Encoder, rectangleHead } from "./encoder.ts";
import { ClientKeyboard } from "./keyboard.ts";
import { Pieces, type Conversation } from "./messages.ts";
import { colourMap, PixelFormat } from "./pixel-format.ts";

export interface ClientOptions {
  password: string | null;
  name: string;
  /** Why it is not served; null if it is. */
  refusal: string | null;
}

/** How long a client may take until it is let in, and how long one has to wait that gave a wrong password. */
const HANDSHAKE_MS = 20_000;
const WRONG_PASSWORD_MS = 1000;
/** Milliseconds of the thread that a client's messages may take before it has to wait with the next ones. */
const MESSAGES_MS = 1;
/** Pixels of one update, which bounds what waits in the connection of a slow reader. */
const UPDATE_PIXELS = 1 << 20;
const MOST_ENCODINGS = 1024;
const MOST_CUT_TEXT_BYTES = 1 << 20;
const SKIP_BYTES = 1 << 16;

const NONE = 1;
const VNC_AUTHENTICATION = 2;
const DESKTOP_SIZE = -223;
const EXTENDED_KEYS = -258;
/** The buttons of a pointer event that stand for the wheel: up and down. */
const WHEEL_UP = 8;
const WHEEL_DOWN = 16;

/** The client has broken the protocol. */
class RfbError extends Error {
  override readonly name = "RfbError";
}

export class VncClient {
  /** Time by performance.now() before which a client that gave a wrong password may try no other. */
  punishedUntil = -Infinity;
  readonly #socket: Socket;
  readonly #screen: Screen;
  readonly #options: ClientOptions;
  readonly #encoder = new Encoder();
  readonly #handshake: NodeJS.Timeout;
  #viewer: Viewer | null = null;
  #format = PixelFormat.OWN;
  /**
   * Whether its colour table is empty, as after each message with a pixel format that has one. The table is sent with the next update, so nothing is
   * kept for a client that does not read.
   */
  #lacksColours = false;
  /** The size as the client knows it. */
  #width = 0;
  #height = 0;
  #canResize = false;
  #hasExtendedKeys = false;
  #wheel = 0;
  /** Whether it has asked for an update that it has not got yet. */
  #wants = false;
  #isSending = false;
  /** The area that it wants again completely, whatever has changed: one that contains all that it asked for since the last update. */
  #again: Rectangle | null = null;
  /** Set until the thread has had its time for others: after updates, and after messages. */
  #pause: NodeJS.Timeout | null = null;
  #deaf: NodeJS.Timeout | null = null;
  /** Milliseconds of the thread that its messages have taken since it last had to wait. */
  #heardFor = 0;

  constructor(socket: Socket, screen: Screen, options: ClientOptions) {
    this.#socket = socket;
    this.#screen = screen;
    this.#options = options;
    this.#handshake = setTimeout(() => socket.destroy(), HANDSHAKE_MS).unref();
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#gone());
    this.#write(Buffer.from("RFB 003.008\n"));
    const pieces = new Pieces(this.#talk());
    socket.on("data", (chunk) => {
      const began = performance.now();
      try {
        pieces.take(chunk);
      } catch {
        // Whatever the error was, it was caused by this client.
        socket.destroy();
      }
      this.#hear(performance.now() - began);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Reads no more for a while after messages that have used so many milliseconds of the thread: a client may send them as fast as they are handled. */
  #hear(cost: number): void {
    this.#heardFor += cost;
    if (this.#heardFor < MESSAGES_MS || this.#deaf) return;
    this.#socket.pause();
    this.#deaf = setTimeout(() => {
      this.#deaf = null;
      this.#socket.resume();
    }, this.#restAfter(this.#heardFor));
    this.#heardFor = 0;
  }

  /** When the system has taken the bytes, what is wanted meanwhile may follow. Node's "drain" event reports only long waits. */
  #write(bytes: Buffer): void {
    this.#socket.write(bytes, () => this.#serve());
  }

  #gone(): void {
    clearTimeout(this.#handshake);
    if (this.#pause) clearTimeout(this.#pause);
    if (this.#deaf) clearTimeout(this.#deaf);
    this.#viewer?.leave();
    this.#encoder.close();
  }

  *#talk(): Conversation {
    const minor = yield* this.#version();
    if (!(yield* this.#security(minor))) return;
    // The client's wish to be the only one is ignored: others may look too.
    yield 1;
    this.#begin();
    for (;;) {
      const [type] = yield 1;
      switch (type) {
        case 0:
          this.#setFormat(yield 19);
          break;
        case 2: {
          const count = (yield 3).readUInt16BE(1);
          if (count > MOST_ENCODINGS) throw new RfbError(`${count} encodings`);
          const list = yield 4 * count;
          this.#setEncodings(Array.from({ length: count }, (_, i) => list.readInt32BE(4 * i)));
          break;
        }
        case 3:
          this.#asked(yield 9);
          break;
        case 4: {
          const key = yield 7;
          this.#keyboard.symbol(key.readUInt32BE(3), key[0] !== 0);
          break;
        }
        case 5:
          this.#pointer(yield 5);
          break;
        case 6:
          yield* this.#skipText((yield 7).readUInt32BE(3));
          break;
        case 255: {
          const [kind] = yield 1;
          if (kind !== 0) throw new RfbError(`QEMU's message ${kind}`);
          const key = yield 10;
          this.#keyboard.scancode(key.readUInt32BE(6), key.readUInt16BE(0) !== 0, key.readUInt32BE(2));
          break;
        }
        default:
          throw new RfbError(`message ${type}`);
      }
    }
  }

  /** Returns the minor version that both speak: 3, 7 or 8. */
  *#version(): Generator<number, 3 | 7 | 8, Buffer> {
    const [, major, minor] = /^RFB (\d{3})\.(\d{3})\n$/.exec((yield 12).toString("latin1")) ?? [];
    if (major === undefined || Number(major) < 3) throw new RfbError("version");
    const number = Number(major) > 3 ? 8 : Number(minor);
    // Apple's 3.889 and others count as 3.8; unknown versions count as 3.3, as the protocol demands.
    return number >= 8 ? 8 : number === 7 ? 7 : 3;
  }

  /** Returns whether the client is let in. */
  *#security(minor: 3 | 7 | 8): Generator<number, boolean, Buffer> {
    const { password, refusal } = this.#options;
    const type = refusal !== null ? 0 : password === null ? NONE : VNC_AUTHENTICATION;
    if (type === 0) {
      this.#socket.end(Buffer.concat([minor === 3 ? word(0) : Buffer.of(0), text(refusal!)]));
      return false;
    }
    if (minor === 3) this.#write(word(type));
    else {
      this.#write(Buffer.of(1, type));
      if ((yield 1)[0] !== type) throw new RfbError("security type");
    }
    if (type === VNC_AUTHENTICATION) {
      const challenge = randomBytes(CHALLENGE_BYTES);
      this.#write(challenge);
      const response = yield CHALLENGE_BYTES;
      if (!isRightResponse(response, challenge, password!)) {
        const answer = minor === 8 ? Buffer.concat([word(1), text("The password is another.")]) : word(1);
        this.punishedUntil = performance.now() + WRONG_PASSWORD_MS;
        setTimeout(() => this.#socket.end(answer), WRONG_PASSWORD_MS).unref();
        return false;
      }
    }
    // Before 3.8 a client that needs no password is told nothing.
    if (type === VNC_AUTHENTICATION || minor === 8) this.#write(word(0));
    return true;
  }

  #begin(): void {
    clearTimeout(this.#handshake);
    const viewer = this.#screen.look();
    viewer.onEnd = () => this.#socket.destroy();
    this.#viewer = viewer;
    this.#client = new ClientKeyboard(viewer);
    this.#width = viewer.width;
    this.#height = viewer.height;
    viewer.takeNewSize();
    const size = Buffer.alloc(4);
    size.writeUInt16BE(this.#width, 0);
    size.writeUInt16BE(this.#height, 2);
    this.#write(Buffer.concat([size, PixelFormat.ownBytes(), text(this.#options.name)]));
  }

  #client: ClientKeyboard | null = null;
  get #keyboard(): ClientKeyboard {
    return this.#client!;
  }

  #setFormat(message: Buffer): void {
    this.#format = PixelFormat.read(message.subarray(3));
    this.#lacksColours = this.#format.isIndexed;
  }

  #setEncodings(encodings: readonly number[]): void {
    this.#encoder.choose(encodings);
    this.#canResize = encodings.includes(DESKTOP_SIZE);
    if (this.#hasExtendedKeys || !encodings.includes(EXTENDED_KEYS)) return;
    this.#hasExtendedKeys = true;
    const screen = { x: 0, y: 0, width: this.#width, height: this.#height };
    this.#write(Buffer.concat([updateHead(1), rectangleHead(screen, EXTENDED_KEYS)]));
  }

  #asked(message: Buffer): void {
    const [x, y, width, height] = [1, 3, 5, 7].map((at) => message.readUInt16BE(at)) as [
      number,
      number,
      number,
      number,
    ];
    if (message[0] === 0) this.#again = around(this.#again, { x, y, width, height });
    this.#wants = true;
    this.#serve();
  }

  #pointer(message: Buffer): void {
    const buttons = message[0]!;
    const wheel = buttons & (WHEEL_UP | WHEEL_DOWN);
    const turned = wheel & ~this.#wheel;
    this.#wheel = wheel;
    const steps = (turned & WHEEL_DOWN ? 1 : 0) - (turned & WHEEL_UP ? 1 : 0);
    this.#viewer!.pointer(message.readUInt16BE(1), message.readUInt16BE(3), buttons & 7, steps);
  }

  *#skipText(length: number): Generator<number, void, Buffer> {
    if (length > MOST_CUT_TEXT_BYTES) throw new RfbError(`a text of ${length} bytes`);
    for (let left = length; left > 0; left -= SKIP_BYTES) yield Math.min(left, SKIP_BYTES);
  }

  /** Sends an update as soon as there is one, if it is wanted and what was sent has been read. */
  #serve(): void {
    const isBusy = this.#isSending || this.#socket.writableLength > 0;
    if (!this.#wants || isBusy || this.#pause || this.#socket.destroyed) return;
    if (this.#again) this.#viewer!.again(this.#again);
    this.#again = null;
    this.#viewer!.wait(() => {
      this.#wants = false;
      this.#isSending = true;
      void this.#send()
        .catch(() => this.#socket.destroy())
        .finally(() => {
          this.#isSending = false;
          this.#serve();
        });
    });
  }

  async #send(): Promise<void> {
    const viewer = this.#viewer!;
    const before: Buffer[] = [];
    // A client that can't resize yet may say later that it can.
    if (this.#canResize && viewer.takeNewSize()) {
      this.#width = viewer.width;
      this.#height = viewer.height;
      const size = { x: 0, y: 0, width: this.#width, height: this.#height };
      before.push(updateHead(1), rectangleHead(size, DESKTOP_SIZE));
    }
    const format = this.#format;
    const { frame, rectangles } = viewer.take(UPDATE_PIXELS);
    const seen = rectangles.map((each) => this.#clip(each)).filter(({ width, height }) => width > 0 && height > 0);
    const parts: Buffer[] = [];
    if (this.#lacksColours && seen.length > 0) {
      before.push(colourMap());
      this.#lacksColours = false;
    }
    // They go through one zlib stream, so they are encoded one after the other.
    let cost = 0;
    for (const rectangle of seen) {
      const began = performance.now();
      const encoded = this.#encoder.encode(frame, rectangle, format);
      cost += performance.now() - began;
      parts.push(...(await encoded));
    }
    if (this.#socket.destroyed) return;
    // A client that can't enlarge its screen gets nothing of what is outside; it keeps waiting for its update.
    if (seen.length === 0 && before.length === 0) this.#wants = true;
    else this.#write(Buffer.concat([...before, ...(seen.length ? [updateHead(seen.length), ...parts] : [])]));
    this.#rest(cost);
  }

  /** Pauses after an update that has used so many milliseconds of the thread. */
  #rest(cost: number): void {
    this.#pause = setTimeout(() => {
      this.#pause = null;
      this.#serve();
    }, this.#restAfter(cost));
  }

  /** Returns how many milliseconds others have then: all clients of the screen together get at most half of the thread, however much they ask for. */
  #restAfter(cost: number): number {
    return 2 * cost * Math.max(1, this.#screen.viewers);
  }

  #clip({ x, y, width, height }: Rectangle): Rectangle {
    return { x, y, width: Math.min(width, this.#width - x), height: Math.min(height, this.#height - y) };
  }
}

/** Returns the smallest rectangle that contains both. */
function around(one: Rectangle | null, other: Rectangle): Rectangle {
  if (!one) return other;
  const [x, y] = [Math.min(one.x, other.x), Math.min(one.y, other.y)];
  const right = Math.max(one.x + one.width, other.x + other.width);
  const bottom = Math.max(one.y + one.height, other.y + other.height);
  return { x, y, width: right - x, height: bottom - y };
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Returns a text preceded by its length. */
function text(words: string): Buffer {
  const bytes = Buffer.from(words);
  return Buffer.concat([word(bytes.length), bytes]);
}

function updateHead(rectangles: number): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(rectangles, 2);
  return head;
}
