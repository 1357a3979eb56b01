/** A copy of what a screen shows, which the screen's owner can't change while it is encoded and sent. */
import type { Surface } from "./surface.ts";
import { TILE, TILE_SHIFT, Tiles } from "./tiles.ts";

export class Frame {
  readonly width: number;
  readonly height: number;
  /** Each pixel is 0x00RRGGBB, row by row. */
  readonly pixels: Uint32Array;
  readonly #row: Uint32Array;

  /** All pixels are black at first. */
  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.pixels = new Uint32Array(width * height);
    this.#row = new Uint32Array(width);
  }

  /** Copies what `damage` marks, and clears the marks. `changed` is called for each tile that is different from before. */
  update(surface: Surface, damage: Tiles, changed: (column: number, row: number) => void): void {
    for (let row = 0; row < damage.rows; row++)
      for (let column = 0; column < damage.columns; column++) {
        if (!damage.has(column, row)) continue;
        const first = column;
        while (column < damage.columns && damage.has(column, row)) column++;
        this.#updateTiles(surface, first, column, row, changed);
      }
    damage.clear();
  }

  /** Copies adjacent tiles, from `first` to before `last`. */
  #updateTiles(
    surface: Surface,
    first: number,
    last: number,
    tileRow: number,
    changed: (column: number, row: number) => void,
  ): void {
    const { width, pixels } = this;
    const source = this.#row;
    const from = first << TILE_SHIFT;
    const to = Math.min(width, last << TILE_SHIFT);
    const bottom = Math.min(this.height, (tileRow + 1) << TILE_SHIFT);
    const differs = new Uint8Array(last - first);
    for (let y = tileRow << TILE_SHIFT; y < bottom; y++) {
      surface.readRow(from, y, to - from, source, 0);
      const base = y * width;
      for (let tile = 0, x = from; x < to; tile++) {
        const end = Math.min(to, x + TILE);
        let different = 0;
        for (; x < end; x++) {
          const pixel = source[x - from]!;
          different |= pixel ^ pixels[base + x]!;
          pixels[base + x] = pixel;
        }
        if (different !== 0) differs[tile] = 1;
      }
    }
    for (let tile = 0; tile < differs.length; tile++) if (differs[tile]) changed(first + tile, tileRow);
  }
}
