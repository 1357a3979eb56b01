/** A guest's framebuffer as a surface: its pages, which are the guest's own and may change while they are read, and the format of its pixels. */
import type { HeldFrame } from "../../kernel/native.ts";
import { PAGE_SHIFT, PAGE_SIZE } from "../../kernel/memory.ts";
import type { Surface } from "../../display/surface.ts";
import type { Mode } from "./protocol.ts";

type Convert = (bytes: Uint8Array, words: Uint32Array, count: number, target: Uint32Array, at: number) => void;

/**
 * Converts a row's bytes, beginning with the first pixel. 8-bit pixels have three bits of red, three of green and two of blue, 16-bit pixels five,
 * six and five, as QEMU takes them.
 */
const CONVERT: Readonly<Record<number, Convert>> = {
  8: (bytes, _words, count, target, at) => {
    for (let i = 0; i < count; i++) target[at + i] = FROM_332[bytes[i]!]!;
  },
  16: (bytes, _words, count, target, at) => {
    for (let i = 0; i < count; i++) target[at + i] = FROM_565[bytes[2 * i]! | (bytes[2 * i + 1]! << 8)]!;
  },
  24: (bytes, _words, count, target, at) => {
    for (let i = 0, from = 0; i < count; i++, from += 3)
      target[at + i] = bytes[from]! | (bytes[from + 1]! << 8) | (bytes[from + 2]! << 16);
  },
  32: (_bytes, words, count, target, at) => {
    for (let i = 0; i < count; i++) target[at + i] = words[i]! & 0xffffff;
  },
};

const widened = (value: number, max: number): number => Math.round((value * 255) / max);
const colour = (red: number, green: number, blue: number): number => (red << 16) | (green << 8) | blue;
const FROM_332 = Uint32Array.from({ length: 256 }, (_, value) =>
  colour(widened(value >> 5, 7), widened((value >> 2) & 7, 7), widened(value & 3, 3)),
);
const FROM_565 = Uint32Array.from({ length: 65536 }, (_, value) =>
  colour(widened(value >> 11, 31), widened((value >> 5) & 63, 63), widened(value & 31, 31)),
);

export class GuestPixels implements Surface {
  readonly width: number;
  readonly height: number;
  readonly tells: boolean;
  readonly watch: (isWatched: boolean) => void;
  readonly #memory: Uint8Array;
  readonly #frames: readonly HeldFrame[];
  readonly #mode: Mode;
  readonly #convert: Convert;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;

  /** `mode` has been checked against the number of frames. */
  constructor(
    memory: ArrayBufferLike,
    frames: readonly HeldFrame[],
    mode: Mode,
    tells: boolean,
    watch: (isWatched: boolean) => void,
  ) {
    this.#memory = new Uint8Array(memory);
    this.#frames = frames;
    this.#mode = mode;
    this.width = mode.width;
    this.height = mode.height;
    this.tells = tells;
    this.watch = watch;
    this.#convert = CONVERT[mode.depth]!;
    this.#words = new Uint32Array(mode.width);
    this.#bytes = new Uint8Array(this.#words.buffer);
  }

  readRow(x: number, y: number, count: number, target: Uint32Array, at: number): void {
    const { offset, stride, depth } = this.#mode;
    const pixelBytes = depth >> 3;
    let from = offset + y * stride + x * pixelBytes;
    // The pixels are copied once. What the guest does to its pages meanwhile changes pixels and nothing else.
    for (let done = 0, all = count * pixelBytes; done < all;) {
      const inPage = from & (PAGE_SIZE - 1);
      const bytes = Math.min(all - done, PAGE_SIZE - inPage);
      const address = this.#frames[from >>> PAGE_SHIFT]!.address + inPage;
      this.#bytes.set(this.#memory.subarray(address, address + bytes), done);
      done += bytes;
      from += bytes;
    }
    this.#convert(this.#bytes, this.#words, count, target, at);
  }
}
