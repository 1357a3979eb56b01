/** Squares of 16 pixels: a background, a foreground, and rectangles of the foreground or of any colour; or raw if that is shorter. */
import type { Frame } from "../../frame.ts";
import type { Rectangle } from "../../surface.ts";
import type { PixelFormat } from "../pixel-format.ts";

const SIDE = 16;
const RAW = 1;
const BACKGROUND = 2;
const FOREGROUND = 4;
const SUBRECTANGLES = 8;
const COLOURED = 16;

interface Colours {
  background: number;
  foreground: number;
}

export function encodeHextile(frame: Frame, { x, y, width, height }: Rectangle, format: PixelFormat): Buffer {
  const tiles = Math.ceil(width / SIDE) * Math.ceil(height / SIDE);
  const target = Buffer.allocUnsafe(tiles * (1 + SIDE * SIDE * format.bytesPerPixel));
  // -1: none was sent yet, or a raw tile came in between.
  const said: Colours = { background: -1, foreground: -1 };
  let at = 0;
  for (let top = y; top < y + height; top += SIDE)
    for (let left = x; left < x + width; left += SIDE) {
      const tile = {
        x: left,
        y: top,
        width: Math.min(SIDE, x + width - left),
        height: Math.min(SIDE, y + height - top),
      };
      at = encodeTile(frame, tile, format, said, target, at);
    }
  return target.subarray(0, at);
}

const square = new Uint32Array(SIDE * SIDE);
const taken = new Uint8Array(SIDE * SIDE);

function encodeTile(
  { pixels, width: stride }: Frame,
  { x, y, width, height }: Rectangle,
  format: PixelFormat,
  said: Colours,
  target: Buffer,
  begin: number,
): number {
  for (let row = 0; row < height; row++) {
    const from = (y + row) * stride + x;
    for (let column = 0; column < width; column++) square[row * width + column] = pixels[from + column]!;
  }
  const count = width * height;
  const { background, foreground, colours } = coloursOf(count);
  const rawBytes = count * format.bytesPerPixel;
  let flags = 0;
  let at = begin + 1;
  if (background !== said.background) {
    flags |= BACKGROUND;
    at = format.put(background, target, at);
  }
  if (colours === 2 && foreground !== said.foreground) {
    flags |= FOREGROUND;
    at = format.put(foreground, target, at);
  }
  if (colours > 1) {
    flags |= SUBRECTANGLES | (colours > 2 ? COLOURED : 0);
    const limit = begin + 1 + rawBytes;
    const end = putSubrectangles(width, height, background, colours > 2 ? format : null, target, at, limit);
    if (end < 0) {
      target[begin] = RAW;
      at = begin + 1;
      for (let row = 0; row < height; row++) at = format.putRow(square, row * width, width, target, at);
      said.background = said.foreground = -1;
      return at;
    }
    at = end;
  }
  target[begin] = flags;
  said.background = background;
  // After rectangles with their own colours there is no foreground.
  if (colours === 2) said.foreground = foreground;
  else if (colours > 2) said.foreground = -1;
  return at;
}

/** Returns the more frequent of the first two colours, the other one, and whether there is one, two or more of them (3). */
function coloursOf(count: number): { background: number; foreground: number; colours: number } {
  const first = square[0]!;
  let second = -1;
  let [firsts, seconds] = [0, 0];
  for (let i = 0; i < count; i++) {
    const pixel = square[i]!;
    if (pixel === first) firsts++;
    else if (pixel === second || second < 0) {
      second = pixel;
      seconds++;
    } else return { background: firsts >= seconds ? first : second, foreground: -1, colours: 3 };
  }
  if (second < 0) return { background: first, foreground: -1, colours: 1 };
  return firsts >= seconds
    ? { background: first, foreground: second, colours: 2 }
    : { background: second, foreground: first, colours: 2 };
}

/** Writes what is not background as rectangles, each with its colour if a format is given. Returns -1 if that would go beyond `limit`. */
function putSubrectangles(
  width: number,
  height: number,
  background: number,
  format: PixelFormat | null,
  target: Buffer,
  at: number,
  limit: number,
): number {
  const counted = at++;
  const bytes = 2 + (format?.bytesPerPixel ?? 0);
  let rectangles = 0;
  taken.fill(0, 0, width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const colour = square[y * width + x]!;
      if (colour === background || taken[y * width + x]) continue;
      let right = x + 1;
      while (right < width && square[y * width + right] === colour && !taken[y * width + right]) right++;
      let bottom = y + 1;
      while (bottom < height && isAll(bottom * width + x, right - x, colour)) bottom++;
      for (let row = y; row < bottom; row++) taken.fill(1, row * width + x, row * width + right);
      if (++rectangles > 255 || at + bytes > limit) return -1;
      if (format) at = format.put(colour, target, at);
      target[at++] = (x << 4) | y;
      target[at++] = ((right - x - 1) << 4) | (bottom - y - 1);
    }
  target[counted] = rectangles;
  return at;
}

function isAll(from: number, count: number, colour: number): boolean {
  for (let i = from; i < from + count; i++) if (square[i] !== colour || taken[i]) return false;
  return true;
}
