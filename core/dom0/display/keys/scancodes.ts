/**
 * Keycodes of Linux's input devices (KEY_* of input-event-codes.h), which pvfb's keyboards use, for a PC keyboard's scancodes of set 1 as QEMU's
 * extended key event numbers them: those after 0xe0 have bit 7 set. Up to 0x58 both numbers are the same.
 */
const SAME_UP_TO = 0x58;

const OTHERS: Readonly<Record<number, number>> = {
  0x59: 117, // KPEQUAL
  0x70: 93, // KATAKANAHIRAGANA
  0x73: 89, // RO
  0x79: 92, // HENKAN
  0x7b: 94, // MUHENKAN
  0x7d: 124, // YEN
  0x7e: 121, // KPCOMMA
  0xf1: 123, // HANJA
  0xf2: 122, // HANGEUL
  0x90: 165, // PREVIOUSSONG
  0x99: 163, // NEXTSONG
  0x9c: 96, // KPENTER
  0x9d: 97, // RIGHTCTRL
  0xa0: 113, // MUTE
  0xa2: 164, // PLAYPAUSE
  0xa4: 166, // STOPCD
  0xae: 114, // VOLUMEDOWN
  0xb0: 115, // VOLUMEUP
  0xb5: 98, // KPSLASH
  0xb7: 99, // SYSRQ
  0xb8: 100, // RIGHTALT
  0xc6: 119, // PAUSE
  0xc7: 102, // HOME
  0xc8: 103, // UP
  0xc9: 104, // PAGEUP
  0xcb: 105, // LEFT
  0xcd: 106, // RIGHT
  0xcf: 107, // END
  0xd0: 108, // DOWN
  0xd1: 109, // PAGEDOWN
  0xd2: 110, // INSERT
  0xd3: 111, // DELETE
  0xdb: 125, // LEFTMETA
  0xdc: 126, // RIGHTMETA
  0xdd: 127, // COMPOSE
  0xde: 116, // POWER
  0xdf: 142, // SLEEP
};

/** Returns null for a scancode that no key has. */
export function keycodeOfScancode(scancode: number): number | null {
  if (scancode >= 1 && scancode <= SAME_UP_TO) return scancode;
  return OTHERS[scancode] ?? null;
}
