/** Draws the map of frames: first into a picture with one pixel for each frame, then from there onto the screen. */
import { themeColor } from "../../ui/theme.ts";
import type { Rgb } from "./colors.ts";
import { scaleOf, type Grid, type Viewport } from "./viewport.ts";

/** A frame of at least this size has a border. */
const GRID_PIXELS = 8;

/** Writes one pixel for each frame. */
export function paint(target: HTMLCanvasElement, indices: Uint8Array, colors: readonly Rgb[]): void {
  const context = target.getContext("2d")!;
  const image = context.createImageData(target.width, target.height);
  const pixels = new Uint32Array(image.data.buffer);
  // The bytes of a pixel are red, green, blue and alpha. Every machine that browsers run on is little-endian, so they form such a word.
  const words = Uint32Array.from(
    colors,
    ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0,
  );
  for (let mfn = 0; mfn < indices.length; mfn++) pixels[mfn] = words[indices[mfn]!]!;
  context.putImageData(image, 0, 0);
}

/** Draws the picture as the view shows it, with borders where frames are large, and a mark around the chosen frame. */
export function drawMap(
  canvas: HTMLCanvasElement,
  picture: HTMLCanvasElement,
  grid: Grid,
  view: Viewport,
  width: number,
  height: number,
  chosen: number | null,
): void {
  const ratio = devicePixelRatio;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) [canvas.width, canvas.height] = [across, down];
  const context = canvas.getContext("2d")!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const scale = scaleOf(grid, view, width, height);
  context.imageSmoothingEnabled = scale * ratio < 1;
  context.drawImage(picture, view.left, view.top, grid.columns * scale, grid.rows * scale);
  if (scale >= GRID_PIXELS) {
    context.strokeStyle = themeColor("--surface");
    context.lineWidth = 1;
    context.beginPath();
    for (let x = ((view.left % scale) + scale) % scale; x < width; x += scale) {
      context.moveTo(x, 0);
      context.lineTo(x, height);
    }
    for (let y = ((view.top % scale) + scale) % scale; y < height; y += scale) {
      context.moveTo(0, y);
      context.lineTo(width, y);
    }
    context.stroke();
  }
  if (chosen === null) return;
  const x = view.left + (chosen % grid.columns) * scale;
  const y = view.top + Math.floor(chosen / grid.columns) * scale;
  // A frame may be smaller than a pixel, but the mark is not.
  const around = Math.max(0, (10 - scale) / 2);
  context.lineWidth = 2;
  context.strokeStyle = themeColor("--surface");
  context.strokeRect(x - around - 2, y - around - 2, scale + 2 * around + 4, scale + 2 * around + 4);
  context.strokeStyle = themeColor("--text");
  context.strokeRect(x - around, y - around, scale + 2 * around, scale + 2 * around);
}
