/**
 * Linux's number (KEY_*) of a key by its place on the keyboard, which browsers name in KeyboardEvent.code. The guest's own layout decides which
 * character that is, so every layout works.
 */
const ROWS: readonly (readonly [first: number, codes: string])[] = [
  [1, "Escape Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus Equal Backspace"],
  [15, "Tab KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft BracketRight Enter"],
  [29, "ControlLeft KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon Quote Backquote"],
  [42, "ShiftLeft Backslash KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash ShiftRight"],
  [55, "NumpadMultiply AltLeft Space CapsLock F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 NumLock ScrollLock"],
  [71, "Numpad7 Numpad8 Numpad9 NumpadSubtract Numpad4 Numpad5 Numpad6 NumpadAdd Numpad1 Numpad2 Numpad3 Numpad0"],
  [83, "NumpadDecimal"],
  [86, "IntlBackslash F11 F12 IntlRo"],
  [92, "Convert KanaMode NonConvert"],
  [96, "NumpadEnter ControlRight NumpadDivide PrintScreen AltRight"],
  [102, "Home ArrowUp PageUp ArrowLeft ArrowRight End ArrowDown PageDown Insert Delete"],
  [113, "AudioVolumeMute AudioVolumeDown AudioVolumeUp"],
  [117, "NumpadEqual"],
  [119, "Pause"],
  [121, "NumpadComma Lang1 Lang2 IntlYen MetaLeft MetaRight ContextMenu"],
  [183, "F13 F14 F15 F16 F17 F18 F19 F20 F21 F22 F23 F24"],
];

const KEYCODES: ReadonlyMap<string, number> = new Map(
  ROWS.flatMap(([first, codes]) => codes.split(" ").map((code, i) => [code, first + i] as const)),
);

/** Returns null for a key that a PC's keyboard does not have. */
export function keycodeOf(code: string): number | null {
  return KEYCODES.get(code) ?? null;
}

export const CTRL_ALT_DELETE: readonly number[] = [29, 56, 111];

const MODIFIERS: ReadonlySet<number> = new Set([29, 97, 42, 54, 56, 100, 125, 126, 58, 69, 70]);
/** Whether the key repeats while it is held down. */
export function isRepeating(keycode: number): boolean {
  return !MODIFIERS.has(keycode);
}
