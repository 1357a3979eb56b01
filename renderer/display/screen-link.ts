/** A domain's screen over the API. It asks for changes when the last ones have been drawn, and sends keys and pointer. */
import type { Results, ScreenPart } from "../../core/api/schema.ts";
import { request } from "../state/session.ts";

export type VncServer = NonNullable<Results["displayOpen"]["vnc"]>;

export interface ScreenFacts {
  width: number;
  height: number;
  /** Whether a driver in the guest draws on it. */
  isConnected: boolean;
  vnc: VncServer | null;
}

export interface ScreenListener {
  /** Called when the size has changed, or whether a driver draws. */
  facts(facts: ScreenFacts): void;
  /** Called with a sentence when the screen cannot be looked at, or no longer. */
  lost(why: string): void;
}

export class ScreenLink {
  readonly #domid: number;
  readonly #canvas: HTMLCanvasElement;
  readonly #listener: ScreenListener;
  #viewer: number | null = null;
  #isOver = false;
  #facts: ScreenFacts | null = null;
  /** The position of the pointer that is sent with the next frame. */
  #pointer: { x: number; y: number; buttons: number } | null = null;
  #buttons = 0;

  constructor(domid: number, canvas: HTMLCanvasElement, listener: ScreenListener) {
    this.#domid = domid;
    this.#canvas = canvas;
    this.#listener = listener;
    void this.#follow();
  }

  async #follow(): Promise<void> {
    try {
      const { viewer, vnc } = await request("displayOpen", { domid: this.#domid });
      this.#viewer = viewer;
      while (!this.#isOver) {
        const part = await request("displayPart", { viewer });
        if (this.#isOver) break;
        this.#draw(part, vnc);
        // This asks as often as the window is drawn, and not at all while it is not drawn.
        await new Promise((resolve) => requestAnimationFrame(resolve));
      }
    } catch (error) {
      if (!this.#isOver) this.#listener.lost(error instanceof Error ? error.message : String(error));
    }
    this.#close();
  }

  #draw({ width, height, isConnected, rectangles, pixels }: ScreenPart, vnc: VncServer | null): void {
    const canvas = this.#canvas;
    const before = this.#facts;
    if (before?.width !== width || before.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    const context = canvas.getContext("2d", { alpha: false });
    let from = pixels.byteOffset;
    for (const [x, y, w, h] of rectangles) {
      const bytes = w * h * 4;
      context?.putImageData(
        new ImageData(new Uint8ClampedArray(pixels.buffer as ArrayBuffer, from, bytes), w, h),
        x,
        y,
      );
      from += bytes;
    }
    if (before?.width === width && before.height === height && before.isConnected === isConnected) return;
    this.#facts = { width, height, isConnected, vnc };
    this.#listener.facts(this.#facts);
  }

  key(keycode: number, isDown: boolean): void {
    this.#send("displayKey", { keycode, isDown });
  }

  /** In pixels of the screen. Moves are sent once per frame, presses at once. */
  point(x: number, y: number, buttons: number): void {
    const isMove = buttons === this.#buttons;
    const waits = this.#pointer !== null;
    this.#pointer = { x, y, buttons };
    if (!isMove) this.#tellPointer();
    else if (!waits) requestAnimationFrame(() => this.#tellPointer());
  }

  #tellPointer(): void {
    const pointer = this.#pointer;
    if (!pointer) return;
    this.#pointer = null;
    this.#buttons = pointer.buttons;
    this.#send("displayPointer", { ...pointer, wheel: 0 });
  }

  wheel(x: number, y: number, steps: number): void {
    this.#send("displayPointer", { x, y, buttons: this.#buttons, wheel: steps });
  }

  releaseAll(): void {
    this.#buttons = 0;
    this.#pointer = null;
    this.#send("displayRelease", {});
  }

  #send(
    ...[name, args]:
      | ["displayKey", { keycode: number; isDown: boolean }]
      | ["displayPointer", { x: number; y: number; buttons: number; wheel: number }]
      | ["displayRelease", object]
  ): void {
    const viewer = this.#viewer;
    if (viewer === null || this.#isOver) return;
    // A refused request was for a screen that has gone, which the next part will say.
    request(name, { viewer, ...args } as never).catch(() => {});
  }

  stop(): void {
    this.#isOver = true;
    this.#close();
  }

  #close(): void {
    const viewer = this.#viewer;
    if (viewer === null) return;
    this.#viewer = null;
    void request("displayClose", { viewer }).catch(() => {});
  }
}
