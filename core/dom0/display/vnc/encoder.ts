/** Encodes rectangles of a frame in the encoding that the client prefers among those that exist here. */
import type { Frame } from "../frame.ts";
import type { Rectangle } from "../surface.ts";
import { encodeHextile } from "./encodings/hextile.ts";
import { encodeRaw } from "./encodings/raw.ts";
import { ZlibStream } from "./encodings/zlib-stream.ts";
import { encodeZrleTiles } from "./encodings/zrle.ts";
import type { PixelFormat } from "./pixel-format.ts";

const RAW = 0;
const HEXTILE = 5;
const ZLIB = 6;
const ZRLE = 16;
const KNOWN: ReadonlySet<number> = new Set([RAW, HEXTILE, ZLIB, ZRLE]);

export class Encoder {
  #encoding = RAW;
  /** Each encoding keeps its stream from its first rectangle to the end of the connection. */
  readonly #streams = new Map<number, ZlibStream>();

  /** `encodings` is the client's list in order of preference. Every client understands raw. */
  choose(encodings: readonly number[]): void {
    this.#encoding = encodings.find((each) => KNOWN.has(each)) ?? RAW;
  }

  /** The pixels are read before it returns. */
  async encode(frame: Frame, rectangle: Rectangle, format: PixelFormat): Promise<Buffer[]> {
    const encoding = this.#encoding;
    const head = rectangleHead(rectangle, encoding);
    if (encoding === RAW) return [head, encodeRaw(frame, rectangle, format)];
    if (encoding === HEXTILE) return [head, encodeHextile(frame, rectangle, format)];
    const tiles = encoding === ZRLE ? encodeZrleTiles(frame, rectangle, format) : encodeRaw(frame, rectangle, format);
    const stream = this.#streams.get(encoding) ?? new ZlibStream();
    this.#streams.set(encoding, stream);
    const compressed = await stream.compress(tiles);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(compressed.length);
    return [head, length, compressed];
  }

  close(): void {
    for (const stream of this.#streams.values()) stream.close();
  }
}

export function rectangleHead({ x, y, width, height }: Rectangle, encoding: number): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(x, 0);
  head.writeUInt16BE(y, 2);
  head.writeUInt16BE(width, 4);
  head.writeUInt16BE(height, 6);
  head.writeInt32BE(encoding, 8);
  return head;
}
