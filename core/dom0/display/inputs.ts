/** Takes a domain's key presses and pointer movements for the keyboards and pointers that it has connected. */
export interface InputDevice {
  key(keycode: number, isDown: boolean): void;
  /** `x` and `y` are shares of the screen's width and height; buttons and wheel are as in Viewer.pointer(). */
  pointer(x: number, y: number, buttons: number, wheel: number): void;
}

/** What one viewer holds down. */
interface Held {
  readonly keys: Set<number>;
  /** As in Viewer.pointer(). */
  buttons: number;
}

/**
 * Several viewers may look at a screen and type at once. The guest has one keyboard and one pointer: a key or a button is down as long as anybody
 * holds it.
 */
export class Inputs {
  readonly #devices = new Map<string, InputDevice>();
  /** By viewer; viewers who hold nothing are not in it. */
  readonly #held = new Map<object, Held>();
  #x = 0;
  #y = 0;

  /** With null the device is no longer connected. */
  connect(id: string, device: InputDevice | null): void {
    if (device) this.#devices.set(id, device);
    else this.#devices.delete(id);
  }

  get isConnected(): boolean {
    return this.#devices.size > 0;
  }

  /** A key that is pressed while it is down repeats. */
  key(viewer: object, keycode: number, isDown: boolean): void {
    const held = this.#heldBy(viewer);
    if (isDown) held.keys.add(keycode);
    else held.keys.delete(keycode);
    this.#forgetIdle(viewer, held);
    if (isDown || ![...this.#held.values()].some(({ keys }) => keys.has(keycode))) this.#device?.key(keycode, isDown);
  }

  pointer(viewer: object, x: number, y: number, buttons: number, wheel: number): void {
    const held = this.#heldBy(viewer);
    held.buttons = buttons;
    this.#forgetIdle(viewer, held);
    this.#x = x;
    this.#y = y;
    this.#device?.pointer(x, y, this.#buttons, wheel);
  }

  /** Releases everything that the viewer holds. */
  release(viewer: object): void {
    const held = this.#held.get(viewer);
    if (!held) return;
    for (const keycode of [...held.keys]) this.key(viewer, keycode, false);
    if (held.buttons) this.pointer(viewer, this.#x, this.#y, 0, 0);
  }

  get #buttons(): number {
    return [...this.#held.values()].reduce((all, { buttons }) => all | buttons, 0);
  }

  #heldBy(viewer: object): Held {
    const known = this.#held.get(viewer) ?? { keys: new Set(), buttons: 0 };
    this.#held.set(viewer, known);
    return known;
  }
  #forgetIdle(viewer: object, { keys, buttons }: Held): void {
    if (keys.size === 0 && buttons === 0) this.#held.delete(viewer);
  }

  /** The device that was connected first, because several would each take every key. */
  get #device(): InputDevice | undefined {
    return this.#devices.values().next().value;
  }
}
