/** One who looks at a screen, at his own pace: what has changed since he last took it, and what he has pressed. */
import type { Frame } from "./frame.ts";
import type { Inputs } from "./inputs.ts";
import type { Rectangle } from "./surface.ts";
import { Tiles } from "./tiles.ts";

/** What he looks at. */
export interface Viewed {
  readonly width: number;
  readonly height: number;
  /** null before it is first copied. */
  readonly frame: Frame | null;
  readonly isConnected: boolean;
  readonly inputs: Inputs;
}

export class Viewer {
  /** Hears that the screen is gone. */
  onEnd: () => void = () => {};
  readonly #screen: Viewed;
  readonly #waits: () => void;
  readonly #leaves: () => void;
  #changed: Tiles;
  #isNewSize = true;
  #ready: (() => void) | null = null;
  #hasLeft = false;

  /** `waits`: he has begun to wait; `leaves`: he is gone. */
  constructor(screen: Viewed, waits: () => void, leaves: () => void) {
    this.#screen = screen;
    this.#waits = waits;
    this.#leaves = leaves;
    this.#changed = new Tiles(screen.width, screen.height);
  }

  get width(): number {
    return this.#changed.width;
  }
  get height(): number {
    return this.#changed.height;
  }
  /** Somebody draws on the screen. */
  get isConnected(): boolean {
    return this.#screen.isConnected;
  }

  get isWaiting(): boolean {
    return this.#ready !== null;
  }

  /** Calls `ready` once, at once or later, when there is something to take. One wait at a time: a later one takes its place. */
  wait(ready: () => void): void {
    this.#ready = ready;
    if (this.#changed.isEmpty || !this.#screen.frame) this.#waits();
    else this.wake();
  }

  /** From the screen: something may have changed. */
  wake(): void {
    const ready = this.#ready;
    if (!ready || this.#hasLeft || this.#changed.isEmpty) return;
    this.#ready = null;
    ready();
  }

  mark(column: number, row: number): void {
    this.#changed.mark(column, row);
  }

  markAll(): void {
    this.#changed.markAll();
  }

  /** From the screen: all of it is another, of this size, which is still to be copied. */
  restart(width: number, height: number): void {
    if (width !== this.width || height !== this.height) this.#isNewSize = true;
    this.#changed = new Tiles(width, height);
  }

  /** He wants to be given that again. */
  again(rectangle: Rectangle): void {
    // Before it is first copied all of it is still to come.
    if (this.#screen.frame) this.#changed.markRectangle(rectangle);
  }

  /** True, once, if the screen is of another size than when he last asked. */
  takeNewSize(): boolean {
    const isNew = this.#isNewSize;
    this.#isNewSize = false;
    return isNew;
  }

  /** What has changed since the last time, of about so many pixels: the rest another time. Its pixels are in `frame`. Only when he is ready. */
  take(mostPixels?: number): { frame: Frame; rectangles: Rectangle[] } {
    return { frame: this.#screen.frame!, rectangles: this.#changed.take(mostPixels) };
  }

  /** Keycodes as Linux's input devices have them (KEY_*). */
  key(keycode: number, isDown: boolean): void {
    if (this.#hasLeft) return;
    this.#screen.inputs.key(this, keycode, isDown);
  }

  /** Where the pointer is, in the screen's pixels, which buttons are down (1 left, 2 middle, 4 right) and how far the wheel was turned, down. */
  pointer(x: number, y: number, buttons: number, wheel: number): void {
    if (this.#hasLeft) return;
    const { width, height, inputs } = this.#screen;
    inputs.pointer(this, share(x, width), share(y, height), buttons, wheel);
  }

  /** Lets go of all that he has pressed. */
  releaseAll(): void {
    if (!this.#hasLeft) this.#screen.inputs.release(this);
  }

  /** From the screen: it is gone. */
  end(): void {
    this.leave();
    this.onEnd();
  }

  leave(): void {
    if (this.#hasLeft) return;
    this.releaseAll();
    this.#hasLeft = true;
    this.#ready = null;
    this.#leaves();
  }
}

/** From 0 to 1. */
function share(position: number, size: number): number {
  return size > 1 ? Math.min(1, Math.max(0, position / (size - 1))) : 0;
}
