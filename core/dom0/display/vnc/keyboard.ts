/** A client's keys: by scancode where it sends one, otherwise by the symbol's place on a US keyboard. */
import { keyOfSymbol, SHIFTS } from "../keys/keysyms.ts";
import { keycodeOfScancode } from "../keys/scancodes.ts";
import type { Viewer } from "../viewer.ts";

const CONTROL_ALT_META: readonly number[] = [29, 97, 56, 125, 126];

export class ClientKeyboard {
  readonly #viewer: Viewer;
  readonly #down = new Set<number>();

  constructor(viewer: Viewer) {
    this.#viewer = viewer;
  }

  scancode(scancode: number, isDown: boolean, keysym: number): void {
    const keycode = keycodeOfScancode(scancode);
    if (keycode === null) this.symbol(keysym, isDown);
    else this.#key(keycode, isDown);
  }

  symbol(keysym: number, isDown: boolean): void {
    const key = keyOfSymbol(keysym);
    if (!key) return;
    const held = SHIFTS.filter((shift) => this.#down.has(shift));
    const isShortcut = CONTROL_ALT_META.some((modifier) => this.#down.has(modifier));
    const isOther = isDown && key.shift !== null && !isShortcut && key.shift !== held.length > 0;
    // The viewer's keyboard has the symbol with shift where the guest's US keyboard has it without, or the other way round.
    if (isOther) for (const shift of key.shift ? [SHIFTS[0]!] : held) this.#viewer.key(shift, key.shift === true);
    this.#key(key.keycode, isDown);
    if (isOther) for (const shift of key.shift ? [SHIFTS[0]!] : held) this.#viewer.key(shift, key.shift !== true);
  }

  #key(keycode: number, isDown: boolean): void {
    if (isDown) this.#down.add(keycode);
    else this.#down.delete(keycode);
    this.#viewer.key(keycode, isDown);
  }
}
