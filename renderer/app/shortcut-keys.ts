/** The keys that work in the whole window. They need Ctrl+Shift (Cmd+Shift), so that they take nothing from a guest's console. */
import { openDialog, useApp } from "../state/store.ts";
import { startTour } from "../help/tour-state.ts";
import { runCommand } from "./commands.ts";
import { HELD_KEYS, TOUR_KEY } from "./keys.ts";
import { isSelectAll, selectView } from "./select-view.ts";

const isMac = /Mac/.test(navigator.platform);
const HELD = isMac ? "⌘⇧" : "Ctrl+Shift+";

export const SHORTCUTS = HELD_KEYS.map(({ id, code, key, what }) => ({ id, code, keys: HELD + key, what }));

/** Keys that need no modifier, or that follow rules of their own. */
export const PALETTE_KEY = isMac ? "⌘K" : "Ctrl+K";
export const OTHER_KEYS: readonly (readonly [keys: string, what: string])[] = [
  [PALETTE_KEY, "Everything that can be done; in a console the key is the guest’s"],
  ["?", "This list, where nothing is typed"],
  [TOUR_KEY, "The guided tour, where nothing is typed"],
  ["↑ ↓ ← →", "Through lists, trees and tabs"],
  ["F2", "The name and place of the folder, or folder and tags of the domain, that has the focus"],
  ["Delete", "Removes the folder that has the focus; what is in it moves up"],
  ["Space", "Selects in the list of domains"],
  [isMac ? "⌘A" : "Ctrl+A", "All of a list of domains, or the text of the view"],
  ["Esc", "Closes what is open"],
  ["Ctrl+Shift+C, V", "Copy from, paste into a console"],
  ["Ctrl+]", "Out of a console, as in xl console, and out of a screen"],
];

export function keysOf(id: string): string | null {
  return SHORTCUTS.find((each) => each.id === id)?.keys ?? null;
}

export function handleShortcut(event: KeyboardEvent): void {
  if (document.querySelector("dialog[open]") || event.altKey || event.defaultPrevented) return;
  const taken = event.ctrlKey || event.metaKey ? handleHeld(event) : handleBare(event);
  if (!taken) return;
  event.preventDefault();
  event.stopPropagation();
}

function handleHeld(event: KeyboardEvent): boolean {
  if (isSelectAll(event)) return selectView(event);
  if (!event.shiftKey) {
    // In a shell Ctrl+K deletes to the end of the line, so in a terminal the guest gets it.
    if (event.code !== "KeyK" || (!event.metaKey && inTerminal(event))) return false;
    openDialog("palette");
    return true;
  }
  const found = SHORTCUTS.find(({ code }) => code === event.code);
  if (!found) return false;
  if (found.id === "palette") openDialog("palette");
  else if (!runCommand(found.id) && found.id.startsWith("domain-") && useApp.getState().view.page === "host")
    runCommand(found.id.replace("domain-", "host-"));
  return true;
}

function handleBare(event: KeyboardEvent): boolean {
  if ((event.key !== "?" && event.key !== TOUR_KEY) || isTyping(event)) return false;
  if (event.key === "?") openDialog("shortcuts");
  else startTour();
  return true;
}

function inTerminal({ target }: KeyboardEvent): boolean {
  return target instanceof Element && target.closest(".xterm") !== null;
}
function isTyping(event: KeyboardEvent): boolean {
  return (
    inTerminal(event) || (event.target instanceof Element && event.target.closest("input, textarea, select") !== null)
  );
}
