/** Ctrl+A selects the text of the view that is shown, not of the whole window. */

/** Where text is typed or a guest has the keyboard, Ctrl+A is left to them. A checkbox has no text to select. */
const TYPED = "input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable], .xterm";

export function isSelectAll({ key, ctrlKey, metaKey, shiftKey, altKey }: KeyboardEvent): boolean {
  return key.toLowerCase() === "a" && (ctrlKey || metaKey) && !shiftKey && !altKey;
}

/** Selects the text of the view that is shown. Returns false where the key means something else. */
export function selectView({ target }: KeyboardEvent): boolean {
  if (target instanceof Element && target.closest(TYPED)) return false;
  const view = document.querySelector("#tab-panel") ?? document.querySelector("main");
  if (!view) return false;
  getSelection()?.selectAllChildren(view);
  return true;
}
