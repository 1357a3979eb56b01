/** Keys of the browser's as a keyboard's that the guest has: what systems do to keys on their way is undone. */
import { isRepeating, keycodeOf } from "./keycodes.ts";

/** What of a KeyboardEvent counts. */
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

  /** False for what is no key of a PC's keyboard, as those of a screen keyboard: it is the window's. */
  press({ code, key, repeat }: PressedKey): boolean {
    const keycode = keycodeOf(code);
    if (keycode === null) return false;
    if (repeat && !isRepeating(keycode)) return true;
    // Windows says AltGr as Ctrl and Alt together.
    if (keycode === ALT_RIGHT && key === "AltGraph" && this.#down.has(CONTROL_LEFT)) this.#change(CONTROL_LEFT, false);
    this.#change(keycode, true);
    // macOS tells of Caps Lock once, pressed as it goes on and let go of as it goes off.
    if (this.#isMac && keycode === CAPS_LOCK) this.#change(keycode, false);
    return true;
  }

  release({ code }: Pick<PressedKey, "code">): boolean {
    const keycode = keycodeOf(code);
    if (keycode === null) return false;
    if (this.#isMac && keycode === CAPS_LOCK) this.#change(keycode, true);
    if (this.#down.has(keycode)) this.#change(keycode, false);
    // macOS tells of no other key let go of while Cmd is down.
    if (this.#isMac && META.has(keycode)) for (const each of [...this.#down]) this.#change(each, false);
    return true;
  }

  /** The focus has gone; the host lets go of the keys. */
  forget(): void {
    this.#down.clear();
  }

  #change(keycode: number, isDown: boolean): void {
    if (isDown) this.#down.add(keycode);
    else this.#down.delete(keycode);
    this.#send(keycode, isDown);
  }
}
