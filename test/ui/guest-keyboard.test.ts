/** Keys as browsers on several systems report them, and what is sent to a guest's keyboard for them. */
import { beforeEach, describe, expect, it } from "vitest";
import { GuestKeyboard } from "../../renderer/display/guest-keyboard.ts";
import { keycodeOf } from "../../renderer/display/keycodes.ts";

let sent: string[];
const keyboard = (isMac = false): GuestKeyboard =>
  new GuestKeyboard((keycode, isDown) => sent.push(`${isDown ? "+" : "-"}${keycode}`), isMac);
const key = (code: string, name = "", repeat = false) => ({ code, key: name, repeat });

beforeEach(() => (sent = []));

describe("the guest's keyboard", () => {
  it("numbers keys as Linux does, by their place", () => {
    const known = [
      "Escape",
      "KeyQ",
      "KeyZ",
      "Backslash",
      "IntlBackslash",
      "F10",
      "F11",
      "ArrowUp",
      "Delete",
      "NumpadEnter",
    ];
    expect(known.map(keycodeOf)).toEqual([1, 16, 44, 43, 86, 68, 87, 103, 111, 96]);
    expect(["KanaMode", "IntlRo", "IntlYen", "MetaLeft", "ContextMenu", "F13"].map(keycodeOf)).toEqual([
      93, 89, 124, 125, 127, 183,
    ]);
    expect(keycodeOf("BrowserBack")).toBe(null);
  });

  it("repeats letters, and no modifiers", () => {
    const keys = keyboard();
    for (const repeat of [false, true, true]) keys.press(key("KeyA", "a", repeat));
    for (const repeat of [false, true]) keys.press(key("ShiftLeft", "Shift", repeat));
    expect(sent).toEqual(["+30", "+30", "+30", "+42"]);
    expect(keys.press(key("", "Unidentified"))).toBe(false);
    // The key is released without having been pressed here, because the focus came in between.
    keys.release(key("KeyB"));
    expect(sent).toHaveLength(4);
  });

  it("takes AltGr for itself where Windows says Ctrl and Alt", () => {
    const keys = keyboard();
    keys.press(key("ControlLeft", "Control"));
    keys.press(key("AltRight", "AltGraph"));
    keys.press(key("KeyQ", "@"));
    for (const code of ["KeyQ", "ControlLeft", "AltRight"]) keys.release(key(code));
    expect(sent).toEqual(["+29", "-29", "+100", "+16", "-16", "-100"]);
    // A right Alt that is no AltGr leaves Ctrl unchanged.
    keys.press(key("ControlLeft", "Control"));
    keys.press(key("AltRight", "Alt"));
    expect(sent.slice(6)).toEqual(["+29", "+100"]);
  });

  it("lets go on macOS of what was held with Cmd, and presses Caps Lock each time", () => {
    const keys = keyboard(true);
    keys.press(key("MetaLeft", "Meta"));
    keys.press(key("KeyC", "c"));
    keys.release(key("MetaLeft"));
    expect(sent.splice(0)).toEqual(["+125", "+46", "-125", "-46"]);
    keys.press(key("CapsLock", "CapsLock"));
    keys.release(key("CapsLock"));
    expect(sent).toEqual(["+58", "-58", "+58", "-58"]);
  });
});
