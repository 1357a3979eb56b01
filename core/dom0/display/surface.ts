/** What a screen shows, provided by whoever has the pixels. */
export interface Surface {
  readonly width: number;
  readonly height: number;
  /** Whether the owner reports what has changed. If not, all of it may have changed at any time. */
  readonly tells: boolean;
  /** Copies `count` pixels of a row from `x` on into `target` from `at` on, each as 0x00RRGGBB. All of them are inside the surface. */
  readRow(x: number, y: number, count: number, target: Uint32Array, at: number): void;
  /** Says whether anybody looks. While nobody does, changes need not be reported; all of it is read when somebody begins to look. */
  watch(isWatched: boolean): void;
}

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Bounds of a screen's size. The memory of its frame is bounded by the number of pixels. */
export const MOST_SIDE = 16384;
export const MOST_PIXELS = 16 << 20;
