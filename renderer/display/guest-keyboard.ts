/** Translates the browser's keys into those of a guest's keyboard, and undoes what operating systems do to keys on their way. */
import { isRepeating, keycodeOf } from "./keycodes.ts";

/** The fields of a KeyboardEvent that are used. */
export interface PressedKey {
  readonly code: string;
  readonly key: string;
  readonly repeat: boolean;
}

const CONTROL_LEFT = 29;
const ALT_RIGHT = 100;
const CAPS_LOCK = 58;
const META: ReadonlySet<number> = new Set([125, 126]);

export class GuestKeyboard {
  readonly #send: (keycode: number, isDown: boolean) => void;
  readonly #isMac: boolean;
  readonly #down = new Set<number>();

  constructor(send: (keycode: number, isDown: boolean) => void, isMac: boolean) {
    this.#send = send;
    this.#isMac = isMac;
  }

  /** Returns false for a key that a PC's keyboard does not have, such as one of a screen keyboard. The window handles it. */
  press({ code, key, repeat }: PressedKey): boolean {
    const keycode = keycodeOf(code);
    if (keycode === null) return false;
    if (repeat && !isRepeating(keycode)) return true;
    // Windows reports AltGr as Ctrl and Alt together.
    if (keycode === ALT_RIGHT && key === "AltGraph" && this.#down.has(CONTROL_LEFT)) this.#change(CONTROL_LEFT, false);
    this.#change(keycode, true);
    // macOS reports Caps Lock once: as pressed when it goes on, and as released when it goes off.
    if (this.#isMac && keycode === CAPS_LOCK) this.#change(keycode, false);
    return true;
  }

  release({ code }: Pick<PressedKey, "code">): boolean {
    const keycode = keycodeOf(code);
    if (keycode === null) return false;
    if (this.#isMac && keycode === CAPS_LOCK) this.#change(keycode, true);
    if (this.#down.has(keycode)) this.#change(keycode, false);
    // While Cmd is down, macOS does not report that other keys are released.
    if (this.#isMac && META.has(keycode)) for (const each of [...this.#down]) this.#change(each, false);
    return true;
  }

  /** Called when the focus has gone. The host releases the keys. */
  forget(): void {
    this.#down.clear();
  }

  #change(keycode: number, isDown: boolean): void {
    if (isDown) this.#down.add(keycode);
    else this.#down.delete(keycode);
    this.#send(keycode, isDown);
  }
}
