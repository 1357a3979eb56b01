/** What takes a domain's keys and pointer: the keyboards and pointers that it has connected. */
export interface InputDevice {
  key(keycode: number, isDown: boolean): void;
  /** Shares of the screen's width and height; buttons and wheel as Viewer.pointer() has them. */
  pointer(x: number, y: number, buttons: number, wheel: number): void;
}

export class Inputs {
  readonly #devices = new Map<string, InputDevice>();
  #last = { x: 0, y: 0, buttons: 0 };

  /** null: it is connected no more. */
  connect(id: string, device: InputDevice | null): void {
    if (device) this.#devices.set(id, device);
    else this.#devices.delete(id);
  }

  get isConnected(): boolean {
    return this.#devices.size > 0;
  }

  key(keycode: number, isDown: boolean): void {
    this.#device?.key(keycode, isDown);
  }

  pointer(x: number, y: number, buttons: number, wheel: number): void {
    this.#last = { x, y, buttons };
    this.#device?.pointer(x, y, buttons, wheel);
  }

  releaseButtons(): void {
    const { x, y, buttons } = this.#last;
    if (buttons) this.pointer(x, y, 0, 0);
  }

  /** The one that was connected first: several would each take every key. */
  get #device(): InputDevice | undefined {
    return this.#devices.values().next().value;
  }
}
