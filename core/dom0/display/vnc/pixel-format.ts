/** The pixel format that a client wants (RFB's PIXEL_FORMAT). */

export class PixelFormat {
  readonly bytesPerPixel: 1 | 2 | 4;
  /** Whether its pixels are indices into a colour table, which is this server's: three bits of red and green, two of blue. */
  readonly isIndexed: boolean;
  /**
   * Which outer byte of a pixel of 32 bits is unused, because at most 24 bits have something in them: ZRLE leaves it out. null where there is none.
   */
  readonly compact: "low" | "high" | null;
  readonly #bigEndian: boolean;
  readonly #red: Uint32Array;
  readonly #green: Uint32Array;
  readonly #blue: Uint32Array;
  /** Whether it is the format of frames. */
  readonly #isOwn: boolean;

  private constructor(
    bytesPerPixel: 1 | 2 | 4,
    bigEndian: boolean,
    isIndexed: boolean,
    depth: number,
    channels: readonly { max: number; shift: number }[],
  ) {
    this.bytesPerPixel = bytesPerPixel;
    this.isIndexed = isIndexed;
    this.#bigEndian = bigEndian;
    const [red, green, blue] = channels.map(({ max, shift }) =>
      Uint32Array.from({ length: 256 }, (_, value) => (Math.floor((value * (max + 1)) / 256) << shift) >>> 0),
    ) as [Uint32Array, Uint32Array, Uint32Array];
    this.#red = red;
    this.#green = green;
    this.#blue = blue;
    const all = (red[255]! | green[255]! | blue[255]!) >>> 0;
    this.#isOwn =
      bytesPerPixel === 4 && !bigEndian && red[255] === 0xff0000 && green[255] === 0xff00 && blue[255] === 0xff;
    this.compact =
      bytesPerPixel !== 4 || depth > 24 ? null : all < 2 ** 24 ? "low" : (all & 0xff) === 0 ? "high" : null;
  }

  /** Parses the 16 bytes of a message. Throws RangeError for an impossible format. */
  static read(bytes: Buffer): PixelFormat {
    const [bits, depth, bigEndian, isTrueColour] = bytes;
    if (bits !== 8 && bits !== 16 && bits !== 32) throw new RangeError(`pixels of ${bits} bits`);
    if (!isTrueColour) {
      if (bits !== 8) throw new RangeError(`indexed pixels of ${bits} bits`);
      return PixelFormat.INDEXED;
    }
    const channels = [0, 1, 2].map((i) => ({ max: bytes.readUInt16BE(4 + 2 * i), shift: bytes[10 + i]! }));
    for (const { max, shift } of channels)
      if (shift > 31 || max * 2 ** shift >= 2 ** bits) throw new RangeError(`a colour of ${max} at bit ${shift}`);
    if (depth === undefined || depth > bits) throw new RangeError(`a depth of ${depth}`);
    return new PixelFormat((bits / 8) as 1 | 2 | 4, bigEndian !== 0, false, depth, channels);
  }

  /** This server's own format. */
  static readonly OWN = new PixelFormat(4, false, false, 24, [
    { max: 255, shift: 16 },
    { max: 255, shift: 8 },
    { max: 255, shift: 0 },
  ]);
  static readonly INDEXED = new PixelFormat(1, false, true, 8, [
    { max: 7, shift: 5 },
    { max: 7, shift: 2 },
    { max: 3, shift: 0 },
  ]);

  /** PixelFormat.OWN as bytes. */
  static ownBytes(): Buffer {
    const bytes = Buffer.alloc(16);
    bytes.set([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0]);
    return bytes;
  }

  /** Converts one pixel, given as 0x00RRGGBB. */
  value(pixel: number): number {
    return (this.#red[(pixel >>> 16) & 255]! | this.#green[(pixel >>> 8) & 255]! | this.#blue[pixel & 255]!) >>> 0;
  }

  /** Writes one pixel. Returns where the next one goes. */
  put(pixel: number, target: Buffer, at: number): number {
    const value = this.value(pixel);
    if (this.bytesPerPixel === 1) return target.writeUInt8(value, at);
    if (this.bytesPerPixel === 2)
      return this.#bigEndian ? target.writeUInt16BE(value, at) : target.writeUInt16LE(value, at);
    return this.#bigEndian ? target.writeUInt32BE(value, at) : target.writeUInt32LE(value, at);
  }

  /** As put(), without the unused byte (ZRLE's CPIXEL). */
  putCompact(pixel: number, target: Buffer, at: number): number {
    if (this.compact === null) return this.put(pixel, target, at);
    const value = this.compact === "low" ? this.value(pixel) : this.value(pixel) >>> 8;
    return this.#bigEndian ? target.writeUIntBE(value, at, 3) : target.writeUIntLE(value, at, 3);
  }
  get compactBytes(): number {
    return this.compact === null ? this.bytesPerPixel : 3;
  }

  /** Writes adjacent pixels. Returns where the next ones go. */
  putRow(pixels: Uint32Array, from: number, count: number, target: Buffer, at: number): number {
    if (this.#isOwn) {
      target.set(new Uint8Array(pixels.buffer, pixels.byteOffset + 4 * from, 4 * count), at);
      return at + 4 * count;
    }
    for (let i = 0; i < count; i++) at = this.put(pixels[from + i]!, target, at);
    return at;
  }
}

/** Returns the message SetColourMapEntries with the colours of PixelFormat.INDEXED. */
export function colourMap(): Buffer {
  const message = Buffer.alloc(6 + 6 * 256);
  message[0] = 1;
  message.writeUInt16BE(256, 4);
  for (let index = 0; index < 256; index++) {
    const level = (value: number, max: number): number => Math.round((value * 65535) / max);
    message.writeUInt16BE(level(index >> 5, 7), 6 + 6 * index);
    message.writeUInt16BE(level((index >> 2) & 7, 7), 8 + 6 * index);
    message.writeUInt16BE(level(index & 3, 3), 10 + 6 * index);
  }
  return message;
}
