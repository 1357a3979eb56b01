/** Which parts of a screen have changed, in squares of 32 pixels. */
import type { Rectangle } from "./surface.ts";

export const TILE_SHIFT = 5;
export const TILE = 1 << TILE_SHIFT;

export class Tiles {
  readonly width: number;
  readonly height: number;
  readonly columns: number;
  readonly rows: number;
  readonly #marks: Uint8Array;
  #count = 0;
  /** The row of tiles with which the next take() begins. */
  #next = 0;

  /** For a screen of this size in pixels, with no square marked. */
  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.columns = (width + TILE - 1) >> TILE_SHIFT;
    this.rows = (height + TILE - 1) >> TILE_SHIFT;
    this.#marks = new Uint8Array(this.columns * this.rows);
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  has(column: number, row: number): boolean {
    return this.#marks[row * this.columns + column] === 1;
  }

  mark(column: number, row: number): void {
    const at = row * this.columns + column;
    this.#count += 1 - this.#marks[at]!;
    this.#marks[at] = 1;
  }

  markAll(): void {
    this.#marks.fill(1);
    this.#count = this.#marks.length;
  }

  /** Marks every tile that the rectangle touches; the rectangle may lie anywhere and have any size. */
  markRectangle({ x, y, width, height }: Rectangle): void {
    const left = Math.max(0, x);
    const top = Math.max(0, y);
    const right = Math.min(this.width, x + width);
    const bottom = Math.min(this.height, y + height);
    if (left >= right || top >= bottom) return;
    for (let row = top >> TILE_SHIFT; row <= (bottom - 1) >> TILE_SHIFT; row++)
      for (let column = left >> TILE_SHIFT; column <= (right - 1) >> TILE_SHIFT; column++) this.mark(column, row);
  }

  clear(): void {
    this.#marks.fill(0);
    this.#count = 0;
  }

  /**
   * Clears marks, and returns what they cover as disjoint rectangles: about `mostPixels` in total, but at least one row of tiles. The rest stays
   * marked. It goes on below the rows of the last time, and begins at the top when nothing was left: so every row has its turn, whatever is marked
   * again meanwhile.
   */
  take(mostPixels = Infinity): Rectangle[] {
    const done: Rectangle[] = [];
    /** Rectangles that the next row of tiles may extend downwards. */
    let open: Rectangle[] = [];
    let pixels = 0;
    for (let i = 0; i < this.rows && this.#count > 0 && pixels < mostPixels; i++) {
      const runs = this.#takeRow(this.#next);
      this.#next = (this.#next + 1) % this.rows;
      for (const run of runs) {
        pixels += run.width * run.height;
        const above = open.find(
          ({ x, width, y, height }) => x === run.x && width === run.width && y + height === run.y,
        );
        if (!above) continue;
        run.y = above.y;
        run.height += above.height;
        open.splice(open.indexOf(above), 1);
      }
      done.push(...open);
      open = runs;
    }
    if (this.#count === 0) this.#next = 0;
    return [...done, ...open];
  }

  #takeRow(row: number): Rectangle[] {
    const runs: Rectangle[] = [];
    const y = row << TILE_SHIFT;
    const height = Math.min(TILE, this.height - y);
    for (let column = 0; column < this.columns; column++) {
      if (!this.has(column, row)) continue;
      const first = column;
      while (column < this.columns && this.has(column, row)) {
        this.#marks[row * this.columns + column++] = 0;
        this.#count--;
      }
      const x = first << TILE_SHIFT;
      runs.push({ x, y, width: Math.min(this.width, column << TILE_SHIFT) - x, height });
    }
    return runs;
  }
}
