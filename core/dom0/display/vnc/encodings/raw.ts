import type { Frame } from "../../frame.ts";
import type { Rectangle } from "../../surface.ts";
import type { PixelFormat } from "../pixel-format.ts";

export function encodeRaw({ pixels, width: stride }: Frame, { x, y, width, height }: Rectangle, format: PixelFormat) {
  const bytes = Buffer.allocUnsafe(width * height * format.bytesPerPixel);
  let at = 0;
  for (let row = y; row < y + height; row++) at = format.putRow(pixels, row * stride + x, width, bytes, at);
  return bytes;
}
