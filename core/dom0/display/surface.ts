/** What a screen shows, as whoever has the pixels gives them. */
export interface Surface {
  readonly width: number;
  readonly height: number;
  /** Who draws tells what has changed; else all of it may have at any time. */
  readonly tells: boolean;
  /** Copies `count` pixels of a row from `x` on into `target` from `at` on, each 0x00RRGGBB. All of them are inside the surface. */
  readRow(x: number, y: number, count: number, target: Uint32Array, at: number): void;
  /** Whether anybody looks: while nobody does, changes need not be told. All of it is read when somebody begins to. */
  watch(isWatched: boolean): void;
}

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Of the smallest screen and the largest: what a frame of it takes in memory is bounded by the number of pixels. */
export const MOST_SIDE = 16384;
export const MOST_PIXELS = 16 << 20;
