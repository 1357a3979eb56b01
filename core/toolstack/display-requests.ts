/** Requests about screens: who looks at one, what has changed on it, keys and the pointer. */
import type { Screens } from "../dom0/display/screens.ts";
import type { Frame } from "../dom0/display/frame.ts";
import type { Rectangle } from "../dom0/display/surface.ts";
import type { Viewer } from "../dom0/display/viewer.ts";
import { Refusal } from "./error.ts";
import type { ScreenPart, ToolstackRequests } from "./messages.ts";

/** The number of pixels in one answer: 2 MiB of them. */
const PART_PIXELS = 1 << 19;
/** The largest number of viewers that all windows together may have here. */
const MOST_VIEWERS = 128;

interface Looker {
  readonly viewer: Viewer;
  /** Ends the wait for the next part. */
  refuse: ((error: Refusal) => void) | null;
}

export class DisplayRequests {
  readonly #screens: Screens;
  readonly #lookers = new Map<number, Looker>();
  #next = 1;

  constructor(screens: Screens) {
    this.#screens = screens;
  }

  open({ domid, id }: ToolstackRequests["displayOpen"]["args"]): ToolstackRequests["displayOpen"]["result"] {
    const found = this.#screens.find(domid, id);
    if (!found) throw new Refusal("ENODEV", `Domain ${domid} has no framebuffer: give it one with vfb in its xl.cfg.`);
    if (this.#lookers.size >= MOST_VIEWERS)
      throw new Refusal("EBUSY", `${MOST_VIEWERS} windows look at screens; close one of them.`);
    const viewer = found.screen.look();
    const number = this.#next++;
    const looker: Looker = { viewer, refuse: null };
    viewer.onEnd = () => {
      this.#lookers.delete(number);
      looker.refuse?.(new Refusal("ENODEV", `Domain ${domid} has no framebuffer any more.`));
    };
    this.#lookers.set(number, looker);
    return { viewer: number, vnc: found.vnc };
  }

  /**
   * Returns what has changed since the last part, as soon as something has. Rejects when the viewer is closed, or if two parts are waited for at the
   * same time.
   */
  part({ viewer }: ToolstackRequests["displayPart"]["args"]): Promise<ScreenPart> {
    const looker = this.#looker(viewer);
    if (looker.refuse) throw new Refusal("EBUSY", "A part of that screen is waited for already.");
    return new Promise((resolve, reject) => {
      looker.refuse = reject;
      looker.viewer.wait(() => {
        looker.refuse = null;
        resolve(partOf(looker.viewer));
      });
    });
  }

  close({ viewer }: ToolstackRequests["displayClose"]["args"]): void {
    const looker = this.#looker(viewer);
    this.#lookers.delete(viewer);
    looker.viewer.leave();
    looker.refuse?.(new Refusal("ECANCELED", "The screen is looked at no more."));
  }

  key({ viewer, keycode, isDown }: ToolstackRequests["displayKey"]["args"]): void {
    this.#looker(viewer).viewer.key(keycode, isDown);
  }

  pointer({ viewer, x, y, buttons, wheel }: ToolstackRequests["displayPointer"]["args"]): void {
    this.#looker(viewer).viewer.pointer(x, y, buttons, wheel);
  }

  release({ viewer }: ToolstackRequests["displayRelease"]["args"]): void {
    this.#looker(viewer).viewer.releaseAll();
  }

  #looker(number: number): Looker {
    const looker = this.#lookers.get(number);
    if (looker) return looker;
    throw new Refusal("ENODEV", "That screen is looked at no more.");
  }
}

function partOf(viewer: Viewer): ScreenPart {
  viewer.takeNewSize();
  const { frame, rectangles } = viewer.take(PART_PIXELS);
  return {
    width: viewer.width,
    height: viewer.height,
    isConnected: viewer.isConnected,
    rectangles: rectangles.map(({ x, y, width, height }) => [x, y, width, height]),
    pixels: canvasPixels(frame, rectangles),
  };
}

/** Converts pixels to bytes as a canvas has them: red, green, blue and 255. */
function canvasPixels({ pixels, width: stride }: Frame, rectangles: readonly Rectangle[]): Uint8Array {
  const count = rectangles.reduce((sum, { width, height }) => sum + width * height, 0);
  const target = new Uint32Array(count);
  let to = 0;
  for (const { x, y, width, height } of rectangles)
    for (let row = y; row < y + height; row++)
      for (let from = row * stride + x, end = from + width; from < end; from++) {
        const pixel = pixels[from]!;
        target[to++] = 0xff000000 | ((pixel & 0xff) << 16) | (pixel & 0xff00) | (pixel >>> 16);
      }
  return new Uint8Array(target.buffer);
}
