/**
 * A screen that a domain draws on and people look at. It is copied only where it changed, only while somebody waits to see it, and at most
 * thirty times a second; whoever looks takes what has changed since he last did, at his own pace.
 */
import { Frame } from "./frame.ts";
import type { Inputs } from "./inputs.ts";
import type { Rectangle, Surface } from "./surface.ts";
import { Tiles } from "./tiles.ts";
import { Viewer } from "./viewer.ts";

/** Milliseconds from one look at the surface to the next; and if its owner does not tell what changes. */
const EVERY_MS = 33;
const UNTOLD_EVERY_MS = 100;
/** What is shown before anything is drawn, as Linux's frontend has it. */
const FIRST_SIZE = { width: 800, height: 600 };

export class Screen {
  readonly inputs: Inputs;
  #surface: Surface | null = null;
  /** While somebody looks. */
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
  /** Somebody draws on it. */
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

  /** All that is drawn now: bytes red, green, blue and 255, row by row; null while nobody draws. */
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

  /** Another surface, of perhaps another size, or none: it is black then. */
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

  /** The surface's owner has drawn there. */
  damage(rectangle: Rectangle): void {
    if (this.#viewers.size === 0) return;
    this.#damage.markRectangle(rectangle);
    this.#plan();
  }

  /** Somebody looks from now on, until the viewer leaves. */
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

  /** It is taken away. */
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

  /** Looks at the surface soon, if somebody waits for it and there is anything to see. */
  #plan(): void {
    if (this.#timer || ![...this.#viewers].some(({ isWaiting }) => isWaiting)) return;
    const isUntold = this.#surface !== null && !this.#surface.tells;
    if (this.#frame && this.#damage.isEmpty && !isUntold) return;
    // Half of the thread's time at most, however large the screen is and however often it becomes another.
    const every = Math.max(isUntold ? UNTOLD_EVERY_MS : EVERY_MS, 2 * this.#lastCost);
    const wait = Math.max(0, this.#lastLook + every - performance.now());
    this.#timer = setTimeout(() => this.#copy(), wait);
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
    // What viewers do with it counts: they do it at once. A look that was planned meanwhile did not know of that.
    this.#lastCost = performance.now() - this.#lastLook;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#plan();
  }
}
