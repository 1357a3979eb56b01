/**
 * Bytes on their way from a guest to a socket of this computer. While the socket takes nothing, small pieces are joined, so a window full of single
 * bytes costs as much memory as the window and not as many frames.
 */
import type { Socket } from "node:net";

const BLOCK = 64 * 1024;
/** A piece of at least this length may wait as it is, with the frame that it lies in. */
const LARGE = 1024;

export class Outbox {
  readonly #socket: Socket;
  /** Filled up to #filled; nothing in it has been written to the socket yet. */
  #block: Buffer | null = null;
  #filled = 0;
  #ending = false;
  readonly #written = (): void => this.#flush();

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Number of bytes that the socket has not taken. */
  get waiting(): number {
    return this.#socket.writableLength + this.#filled;
  }

  /** Takes bytes that nobody changes afterwards. */
  write(bytes: Uint8Array): void {
    if (this.#filled === 0 && (bytes.length >= LARGE || this.#socket.writableLength === 0))
      return void this.#socket.write(bytes, this.#written);
    for (let at = 0; at < bytes.length;) {
      this.#block ??= Buffer.allocUnsafeSlow(BLOCK);
      const part = bytes.subarray(at, at + BLOCK - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === BLOCK) this.#send();
    }
  }

  /** Called when nothing more comes. */
  end(): void {
    this.#ending = true;
    this.#send();
    this.#socket.end();
  }

  #flush(): void {
    if (this.#filled && this.#socket.writableLength === 0 && !this.#ending) this.#send();
  }

  #send(): void {
    if (!this.#block || !this.#filled) return;
    const bytes = this.#block.subarray(0, this.#filled);
    this.#block = null;
    this.#filled = 0;
    this.#socket.write(bytes, this.#written);
  }
}
