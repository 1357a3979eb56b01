/** Keys of the whole window. Ctrl+Shift (Cmd+Shift) so that they take nothing from a guest's console. */
import { openDialog, useApp } from "../state/store.ts";
import { startTour } from "../help/tour-state.ts";
import { runCommand } from "./commands.ts";

const isMac = /Mac/.test(navigator.platform);
const HELD = isMac ? "⌘⇧" : "Ctrl+Shift+";

interface Shortcut {
  /** Of the command that it runs. */
  id: string;
  code: string;
  keys: string;
  what: string;
}
const shortcut = (id: string, code: string, key: string, what: string): Shortcut => ({
  id,
  code,
  keys: HELD + key,
  what,
});

export const SHORTCUTS: readonly Shortcut[] = [
  shortcut("palette", "KeyP", "P", "Everything that can be done, by name"),
  shortcut("new-domain", "KeyN", "N", "New domain"),
  shortcut("host-overview", "KeyH", "H", "Host"),
  shortcut("host-domains", "KeyL", "L", "List of all domains"),
  shortcut("domain-overview", "KeyO", "O", "Overview of the domain"),
  shortcut("domain-console", "KeyK", "K", "Console of the domain"),
  shortcut("domain-devices", "KeyD", "D", "Devices of the domain, or of the host"),
  shortcut("domain-xenstore", "KeyX", "X", "xenstore of the domain, or all of it"),
  shortcut("organize", "KeyG", "G", "Folder and tags of the domain"),
  shortcut("previous-domain", "ArrowUp", "↑", "Previous domain"),
  shortcut("next-domain", "ArrowDown", "↓", "Next domain"),
  shortcut("search", "KeyF", "F", "Search the console that is shown, or else the domains"),
  shortcut("console-larger", "Equal", "=", "Larger text in consoles"),
  shortcut("console-smaller", "Minus", "-", "Smaller text in consoles"),
  shortcut("panel", "KeyE", "E", "Tasks and events"),
  shortcut("shortcuts", "Slash", "/", "This list"),
];

/** Keys that need nothing held or go by their own rules. */
export const PALETTE_KEY = isMac ? "⌘K" : "Ctrl+K";
export const OTHER_KEYS: readonly (readonly [keys: string, what: string])[] = [
  [PALETTE_KEY, "Everything that can be done; in a console the key is the guest’s"],
  ["?", "This list, where nothing is typed"],
  ["F1", "The guided tour, where nothing is typed"],
  ["↑ ↓ ← →", "Through lists, trees and tabs"],
  ["Space", "Selects in the list of domains"],
  ["Esc", "Closes what is open"],
  ["Ctrl+Shift+C, V", "Copy from, paste into a console"],
  ["Ctrl+]", "Out of a console, as in xl console"],
];

export function keysOf(id: string): string | null {
  return SHORTCUTS.find((each) => each.id === id)?.keys ?? null;
}

export function handleShortcut(event: KeyboardEvent): void {
  if (document.querySelector("dialog[open]") || event.altKey) return;
  const taken = event.ctrlKey || event.metaKey ? handleHeld(event) : handleBare(event);
  if (!taken) return;
  event.preventDefault();
  event.stopPropagation();
}

function handleHeld(event: KeyboardEvent): boolean {
  if (!event.shiftKey) {
    // Ctrl+K ends a line in shells: there it is the guest's.
    if (event.code !== "KeyK" || (!event.metaKey && inTerminal(event))) return false;
    openDialog("palette");
    return true;
  }
  const found = SHORTCUTS.find(({ code }) => code === event.code);
  if (!found) return false;
  if (found.id === "palette") openDialog("palette");
  else if (found.id === "search" && runCommand("console-search")) return true;
  else if (!runCommand(found.id) && found.id.startsWith("domain-") && useApp.getState().view.page === "host")
    runCommand(found.id.replace("domain-", "host-"));
  return true;
}

function handleBare(event: KeyboardEvent): boolean {
  if ((event.key !== "?" && event.key !== "F1") || isTyping(event)) return false;
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
