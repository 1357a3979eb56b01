/** Somebody who looks at a screen, at their own pace: what has changed since the last time, and what is pressed. */
import type { Frame } from "./frame.ts";
import type { Inputs } from "./inputs.ts";
import type { Rectangle } from "./surface.ts";
import { Tiles } from "./tiles.ts";

/** The screen that is looked at. */
export interface Viewed {
  readonly width: number;
  readonly height: number;
  /** null before the first copy is made. */
  readonly frame: Frame | null;
  readonly isConnected: boolean;
  /** Whether the frame may be older than what is drawn, so that it has to be copied again before anybody is shown it. */
  readonly isBehind: boolean;
  /** Whether it may be copied again now. */
  readonly isDue: boolean;
  readonly inputs: Inputs;
}

export class Viewer {
  /** Called when the screen is gone. */
  onEnd: () => void = () => {};
  readonly #screen: Viewed;
  readonly #waits: () => void;
  readonly #leaves: () => void;
  #changed: Tiles;
  #isNewSize = true;
  /** Whether a part was taken of which the rest is still to come. */
  #isPartway = false;
  #ready: (() => void) | null = null;
  #hasLeft = false;

  /** `waits` is called when the viewer begins to wait, `leaves` when it is gone. */
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
  /** Whether somebody draws on the screen. */
  get isConnected(): boolean {
    return this.#screen.isConnected;
  }

  get isWaiting(): boolean {
    return this.#ready !== null;
  }

  /** Calls `ready` once, now or later, when there is something to take. There is one wait at a time: a later one replaces it. */
  wait(ready: () => void): void {
    this.#ready = ready;
    if (this.#changed.isEmpty || this.#isOld) this.#waits();
    else this.wake();
  }

  /**
   * Another viewer, who waits for nothing, may be the reason why there is an old frame. The parts of one frame follow each other until it is time for
   * another frame, so that a screen of many parts is shown as often as it is copied, even if something is drawn there all the time.
   */
  get #isOld(): boolean {
    const { frame, isBehind, isDue } = this.#screen;
    return !frame || (isBehind && (isDue || !this.#isPartway));
  }

  /** Called by the screen when something may have changed. */
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

  /** Called by the screen when all of it was replaced by something of this size, which is still to be copied. */
  restart(width: number, height: number): void {
    if (width !== this.width || height !== this.height) this.#isNewSize = true;
    this.#changed = new Tiles(width, height);
    this.#isPartway = false;
  }

  /** Asks for that part again. */
  again(rectangle: Rectangle): void {
    // Before the first copy everything is still to come anyway.
    if (this.#screen.frame) this.#changed.markRectangle(rectangle);
  }

  /** Returns true once if the screen's size has changed since this was last asked. */
  takeNewSize(): boolean {
    const isNew = this.#isNewSize;
    this.#isNewSize = false;
    return isNew;
  }

  /**
   * Returns what has changed since the last time, about so many pixels; the rest comes another time. The pixels are in `frame`. To be called only
   * when `ready` was.
   */
  take(mostPixels?: number): { frame: Frame; rectangles: Rectangle[] } {
    const rectangles = this.#changed.take(mostPixels);
    this.#isPartway = !this.#changed.isEmpty;
    return { frame: this.#screen.frame!, rectangles };
  }

  /** Keycodes are those of Linux's input devices (KEY_*). */
  key(keycode: number, isDown: boolean): void {
    if (this.#hasLeft) return;
    this.#screen.inputs.key(this, keycode, isDown);
  }

  /** Says where the pointer is, in the screen's pixels, which buttons are down (1 left, 2 middle, 4 right), and how far the wheel was turned down. */
  pointer(x: number, y: number, buttons: number, wheel: number): void {
    if (this.#hasLeft) return;
    const { width, height, inputs } = this.#screen;
    inputs.pointer(this, share(x, width), share(y, height), buttons, wheel);
  }

  /** Releases everything that the viewer has pressed. */
  releaseAll(): void {
    if (!this.#hasLeft) this.#screen.inputs.release(this);
  }

  /** Called by the screen when it is gone. */
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

/** Returns a share from 0 to 1. */
function share(position: number, size: number): number {
  return size > 1 ? Math.min(1, Math.max(0, position / (size - 1))) : 0;
}
