/** Ctrl+A takes what is looked at, not the window around it. */

/** Where text is typed or a guest has the keys, Ctrl+A is theirs; a checkbox has nothing to be marked. */
const TYPED = "input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable], .xterm";

export function isSelectAll({ key, ctrlKey, metaKey, shiftKey, altKey }: KeyboardEvent): boolean {
  return key.toLowerCase() === "a" && (ctrlKey || metaKey) && !shiftKey && !altKey;
}

/** Marks the text of the view that is shown; false where the key means something else. */
export function selectView({ target }: KeyboardEvent): boolean {
  if (target instanceof Element && target.closest(TYPED)) return false;
  const view = document.querySelector("#tab-panel") ?? document.querySelector("main");
  if (!view) return false;
  getSelection()?.selectAllChildren(view);
  return true;
}
