/** The data that ZRLE compresses: squares of 64 pixels in one colour, in a palette of at most 16 colours, or raw. */
import type { Frame } from "../../frame.ts";
import type { Rectangle } from "../../surface.ts";
import type { PixelFormat } from "../pixel-format.ts";

const SIDE = 64;
const MOST_PALETTE = 16;

export function encodeZrleTiles(frame: Frame, { x, y, width, height }: Rectangle, format: PixelFormat): Buffer {
  const tiles = Math.ceil(width / SIDE) * Math.ceil(height / SIDE);
  const target = Buffer.allocUnsafe(tiles * (1 + MOST_PALETTE * 4) + width * height * format.compactBytes);
  let at = 0;
  for (let top = y; top < y + height; top += SIDE)
    for (let left = x; left < x + width; left += SIDE) {
      const tile = {
        x: left,
        y: top,
        width: Math.min(SIDE, x + width - left),
        height: Math.min(SIDE, y + height - top),
      };
      at = encodeTile(frame, tile, format, target, at);
    }
  return target.subarray(0, at);
}

const indices = new Uint8Array(SIDE * SIDE);

function encodeTile(frame: Frame, tile: Rectangle, format: PixelFormat, target: Buffer, at: number): number {
  const { pixels, width: stride } = frame;
  const { x, y, width, height } = tile;
  const palette = paletteOf(frame, tile);
  if (!palette) {
    target[at++] = 0;
    for (let row = y; row < y + height; row++)
      for (let i = row * stride + x; i < row * stride + x + width; i++) at = format.putCompact(pixels[i]!, target, at);
    return at;
  }
  target[at++] = palette.length;
  for (const colour of palette) at = format.putCompact(colour, target, at);
  if (palette.length === 1) return at;
  const bits = palette.length === 2 ? 1 : palette.length <= 4 ? 2 : 4;
  for (let row = 0; row < height; row++) {
    let byte = 0;
    let used = 0;
    for (let column = 0; column < width; column++) {
      byte = (byte << bits) | indices[row * width + column]!;
      used += bits;
      if (used === 8) {
        target[at++] = byte;
        byte = used = 0;
      }
    }
    if (used) target[at++] = byte << (8 - used);
  }
  return at;
}

/** Returns the colours of the tile, and writes each pixel's number among them to `indices`; null if there are too many. */
function paletteOf({ pixels, width: stride }: Frame, { x, y, width, height }: Rectangle): number[] | null {
  const palette: number[] = [];
  let last = -1;
  let lastIndex = 0;
  for (let row = 0, i = 0; row < height; row++)
    for (let at = (y + row) * stride + x, end = at + width; at < end; at++, i++) {
      const pixel = pixels[at]!;
      if (pixel !== last) {
        last = pixel;
        lastIndex = palette.indexOf(pixel);
        if (lastIndex < 0) {
          if (palette.length === MOST_PALETTE) return null;
          lastIndex = palette.push(pixel) - 1;
        }
      }
      indices[i] = lastIndex;
    }
  return palette;
}
