/**
 * A screen that a domain draws on and people look at. It is copied only where it has changed, only while somebody waits to see it, and at most thirty
 * times a second. Each viewer takes what has changed since the last time, at its own pace.
 */
import { Frame } from "./frame.ts";
import type { Inputs } from "./inputs.ts";
import type { Rectangle, Surface } from "./surface.ts";
import { Tiles } from "./tiles.ts";
import { Viewer } from "./viewer.ts";

/** Milliseconds between looks at a surface whose owner reports what changes. */
const EVERY_MS = 33;
/** Milliseconds between looks at one whose owner does not: each look reads all of it. */
const UNTOLD_EVERY_MS = 100;
/** The size that is shown before anything is drawn, as Linux's frontend has it. */
const FIRST_SIZE = { width: 800, height: 600 };

export class Screen {
  readonly inputs: Inputs;
  #surface: Surface | null = null;
  /** Exists while somebody looks. */
  #frame: Frame | null = null;
  #damage = new Tiles(FIRST_SIZE.width, FIRST_SIZE.height);
  readonly #viewers = new Set<Viewer>();
  #timer: NodeJS.Timeout | null = null;
  /** When the last look began, and how long it took, in milliseconds. */
  #lastLook = -Infinity;
  #lastCost = 0;

  constructor(inputs: Inputs) {
    this.inputs = inputs;
  }

  get width(): number {
    return this.#damage.width;
  }
  get height(): number {
    return this.#damage.height;
  }
  /** Whether somebody draws on it. */
  get isConnected(): boolean {
    return this.#surface !== null;
  }
  get viewers(): number {
    return this.#viewers.size;
  }
  /** What it showed at the last look; null before the first one. */
  get frame(): Frame | null {
    return this.#frame;
  }
  get isBehind(): boolean {
    if (!this.#frame || !this.#damage.isEmpty) return true;
    return this.#isUntold && performance.now() - this.#lastLook >= UNTOLD_EVERY_MS;
  }

  get isDue(): boolean {
    return performance.now() >= this.#nextLook;
  }

  /** Returns what is drawn now: bytes red, green, blue and 255, row by row; null while nobody draws. */
  picture(): { width: number; height: number; pixels: Uint8Array } | null {
    const surface = this.#surface;
    if (!surface) return null;
    const { width, height } = surface;
    const row = new Uint32Array(width);
    const pixels = new Uint8Array(width * height * 4);
    for (let y = 0, at = 0; y < height; y++) {
      surface.readRow(0, y, width, row, 0);
      for (const pixel of row) {
        pixels[at++] = pixel >>> 16;
        pixels[at++] = pixel >>> 8;
        pixels[at++] = pixel;
        pixels[at++] = 255;
      }
    }
    return { width, height, pixels };
  }

  /** Shows another surface, perhaps of another size; with null the screen is black. */
  show(surface: Surface | null): void {
    const before = this.#surface;
    this.#surface = surface;
    if (!surface && this.#viewers.size > 0) before?.watch(false);
    const { width, height } = surface ?? this;
    this.#damage = new Tiles(width, height);
    this.#frame = null;
    if (this.#viewers.size === 0) return;
    for (const viewer of this.#viewers) viewer.restart(width, height);
    surface?.watch(true);
    this.#plan();
  }

  /** Called when the surface's owner has drawn there. */
  damage(rectangle: Rectangle): void {
    if (this.#viewers.size === 0) return;
    this.#damage.markRectangle(rectangle);
    this.#plan();
  }

  /** Adds a viewer, until it leaves. */
  look(): Viewer {
    const viewer = new Viewer(
      this,
      () => this.#plan(),
      () => this.#left(viewer),
    );
    this.#viewers.add(viewer);
    if (this.#frame) viewer.markAll();
    if (this.#viewers.size === 1) this.#surface?.watch(true);
    return viewer;
  }

  /** Removes the screen. */
  close(): void {
    for (const viewer of [...this.#viewers]) viewer.end();
    this.#surface = null;
  }

  #left(viewer: Viewer): void {
    if (!this.#viewers.delete(viewer) || this.#viewers.size > 0) return;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#surface?.watch(false);
    this.#frame = null;
    this.#damage.clear();
  }

  /** Whether there is a surface of which nobody reports what changes. */
  get #isUntold(): boolean {
    return this.#surface !== null && !this.#surface.tells;
  }

  /** The earliest time of the next look. At most half of the thread's time is used, however large the screen is and however often it changes. */
  get #nextLook(): number {
    return this.#lastLook + Math.max(this.#isUntold ? UNTOLD_EVERY_MS : EVERY_MS, 2 * this.#lastCost);
  }

  /** Plans a look at the surface, if somebody waits for it and there may be something to see. */
  #plan(): void {
    if (this.#timer || ![...this.#viewers].some(({ isWaiting }) => isWaiting)) return;
    if (this.#frame && this.#damage.isEmpty && !this.#isUntold) return;
    this.#timer = setTimeout(() => this.#copy(), Math.max(0, this.#nextLook - performance.now()));
  }

  #copy(): void {
    this.#timer = null;
    this.#lastLook = performance.now();
    const surface = this.#surface;
    const viewers = [...this.#viewers];
    const isFirst = this.#frame === null;
    const frame = (this.#frame ??= new Frame(this.width, this.height));
    if (surface && (isFirst || !surface.tells)) this.#damage.markAll();
    if (surface)
      frame.update(surface, this.#damage, (column, row) => {
        for (const viewer of viewers) viewer.mark(column, row);
      });
    else this.#damage.clear();
    if (isFirst) for (const viewer of viewers) viewer.markAll();
    for (const viewer of viewers) viewer.wake();
    // The time that viewers take counts, because they work at once. A look that was planned meanwhile did not know of it.
    this.#lastCost = performance.now() - this.#lastLook;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#plan();
  }
}
