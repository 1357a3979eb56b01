/** A screen with a picture painted by a test, which records what is typed and pointed at. */
import { Inputs } from "../../../core/dom0/display/inputs.ts";
import { Screen } from "../../../core/dom0/display/screen.ts";
import type { Surface } from "../../../core/dom0/display/surface.ts";

export class Painted implements Surface {
  readonly width: number;
  readonly height: number;
  readonly tells = true;
  readonly pixels: Uint32Array;
  isWatched = false;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.pixels = new Uint32Array(width * height);
  }
  readRow(x: number, y: number, count: number, target: Uint32Array, at: number): void {
    target.set(this.pixels.subarray(y * this.width + x, y * this.width + x + count), at);
  }
  watch(isWatched: boolean): void {
    this.isWatched = isWatched;
  }
  fill(x: number, y: number, width: number, height: number, colour: number): void {
    for (let row = y; row < y + height; row++)
      this.pixels.fill(colour, row * this.width + x, row * this.width + x + width);
  }
  /** Plain colours, text-like strokes, a gradient and noise, so that there is something for every encoding. */
  picture(seed: number): this {
    let state = seed >>> 0 || 1;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const { width, height } = this;
    this.fill(0, 0, width, height, 0x102030);
    for (let i = 0; i < 40; i++) {
      const [w, h] = [1 + random(width / 4), 1 + random(height / 4)];
      this.fill(random(width - w), random(height - h), w, h, random(0x1000000));
    }
    for (let i = 0; i < 900; i++) this.fill(random(width - 8), random(height - 2), 1 + random(7), 1, 0xffffff);
    for (let y = 0; y < Math.min(100, height); y++)
      for (let x = 0; x < Math.min(100, width); x++)
        this.pixels[y * width + x] = ((x * 2) << 16) | ((y * 2) << 8) | random(256);
    return this;
  }
  /** Red, green and blue for each pixel. */
  rgb(): Buffer {
    const bytes = Buffer.alloc(this.pixels.length * 3);
    this.pixels.forEach((pixel, i) => bytes.writeUIntBE(pixel, 3 * i, 3));
    return bytes;
  }
}

export interface Typed {
  screen: Screen;
  keys: [keycode: number, isDown: boolean][];
  pointer: { x: number; y: number; buttons: number; wheel: number }[];
}

export function screenOf(surface: Surface | null): Typed {
  const inputs = new Inputs();
  const screen = new Screen(inputs);
  screen.show(surface);
  const typed: Typed = { screen, keys: [], pointer: [] };
  inputs.connect("0", {
    key: (keycode, isDown) => void typed.keys.push([keycode, isDown]),
    pointer: (x, y, buttons, wheel) => void typed.pointer.push({ x, y, buttons, wheel }),
  });
  return typed;
}
