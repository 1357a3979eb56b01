/**
 * Keycodes (KEY_*) for the symbols of X's keysymdef.h, for viewers that send nothing else: the key that has the symbol on a US keyboard, and whether
 * with shift. A guest with another keyboard layout gets other characters from them; scancodes do not have this problem.
 */
export interface SymbolKey {
  keycode: number;
  /** null when the symbol belongs to the key itself, with or without shift. */
  shift: boolean | null;
}

const SHIFT_LEFT = 42;
const SHIFT_RIGHT = 54;
export const SHIFTS: readonly number[] = [SHIFT_LEFT, SHIFT_RIGHT];

/** Rows of the US keyboard: the first keycode, the symbols of the keys from there on, and their symbols with shift. */
const ROWS: readonly (readonly [number, string, string])[] = [
  [2, "1234567890-=", "!@#$%^&*()_+"],
  [16, "qwertyuiop[]", "QWERTYUIOP{}"],
  [30, "asdfghjkl;'`", 'ASDFGHJKL:"~'],
  [43, "\\zxcvbnm,./", "|ZXCVBNM<>?"],
];

const OWN: Readonly<Record<number, number>> = {
  0x20: 57, // space
  0xff08: 14, // BackSpace
  0xff09: 15, // Tab
  0xfe20: 15, // ISO_Left_Tab
  0xff0a: 28, // Linefeed
  0xff0d: 28, // Return
  0xff13: 119, // Pause
  0xff14: 70, // Scroll_Lock
  0xff15: 99, // Sys_Req
  0xff61: 99, // Print
  0xff6b: 119, // Break
  0xff1b: 1, // Escape
  0xff50: 102, // Home
  0xff51: 105, // Left
  0xff52: 103, // Up
  0xff53: 106, // Right
  0xff54: 108, // Down
  0xff55: 104, // Prior
  0xff56: 109, // Next
  0xff57: 107, // End
  0xff63: 110, // Insert
  0xff67: 127, // Menu
  0xff7f: 69, // Num_Lock
  0xffff: 111, // Delete
  0xff80: 57, // KP_Space
  0xff8d: 96, // KP_Enter
  0xff95: 71, // KP_Home
  0xff96: 75, // KP_Left
  0xff97: 72, // KP_Up
  0xff98: 77, // KP_Right
  0xff99: 80, // KP_Down
  0xff9a: 73, // KP_Prior
  0xff9b: 81, // KP_Next
  0xff9c: 79, // KP_End
  0xff9d: 76, // KP_Begin
  0xff9e: 82, // KP_Insert
  0xff9f: 83, // KP_Delete
  0xffaa: 55, // KP_Multiply
  0xffab: 78, // KP_Add
  0xffac: 121, // KP_Separator
  0xffad: 74, // KP_Subtract
  0xffae: 83, // KP_Decimal
  0xffaf: 98, // KP_Divide
  0xffb0: 82, // KP_0
  0xffb1: 79,
  0xffb2: 80,
  0xffb3: 81,
  0xffb4: 75,
  0xffb5: 76,
  0xffb6: 77,
  0xffb7: 71,
  0xffb8: 72,
  0xffb9: 73,
  0xffbd: 117, // KP_Equal
  0xffe1: SHIFT_LEFT,
  0xffe2: SHIFT_RIGHT,
  0xffe3: 29, // Control_L
  0xffe4: 97, // Control_R
  0xffe5: 58, // Caps_Lock
  0xffe7: 125, // Meta_L
  0xffe8: 126, // Meta_R
  0xffe9: 56, // Alt_L
  0xffea: 100, // Alt_R
  0xffeb: 125, // Super_L
  0xffec: 126, // Super_R
  0xfe03: 100, // ISO_Level3_Shift
  0xff7e: 100, // Mode_switch
};

/** Returns null for a symbol that no key of a US keyboard has. */
export function keyOfSymbol(keysym: number): SymbolKey | null {
  const own = OWN[keysym];
  if (own !== undefined) return { keycode: own, shift: null };
  // F1 to F10 are adjacent; F11 and F12 were added later.
  if (keysym >= 0xffbe && keysym <= 0xffc7) return { keycode: 59 + keysym - 0xffbe, shift: null };
  if (keysym === 0xffc8 || keysym === 0xffc9) return { keycode: 87 + keysym - 0xffc8, shift: null };
  const character = keysym > 0x20 && keysym < 0x7f ? String.fromCharCode(keysym) : "";
  if (!character) return null;
  for (const [first, plain, shifted] of ROWS)
    for (const [symbols, shift] of [
      [plain, false],
      [shifted, true],
    ] as const) {
      const at = symbols.indexOf(character);
      if (at >= 0) return { keycode: first + at, shift };
    }
  return null;
}
