/**
 * The keys that work in the whole window, for the page that handles them and for the desktop's menus that show them. This file must use nothing of
 * the browser's.
 */

/** `code` is KeyboardEvent.code. These keys need Ctrl+Shift (Cmd+Shift), so that they take nothing from a guest's console. */
export const HELD_KEYS = [
  { id: "palette", code: "KeyP", key: "P", what: "Everything that can be done, by name" },
  { id: "new-domain", code: "KeyN", key: "N", what: "New domain" },
  { id: "host-overview", code: "KeyH", key: "H", what: "Host" },
  { id: "host-domains", code: "KeyL", key: "L", what: "List of all domains" },
  { id: "domain-overview", code: "KeyO", key: "O", what: "Overview of the domain" },
  { id: "domain-console", code: "KeyK", key: "K", what: "Console of the domain" },
  { id: "domain-devices", code: "KeyD", key: "D", what: "Devices of the domain, or of the host" },
  { id: "domain-xenstore", code: "KeyX", key: "X", what: "xenstore of the domain, or all of it" },
  { id: "organize", code: "KeyG", key: "G", what: "Folder and tags of the domain" },
  { id: "previous-domain", code: "ArrowUp", key: "↑", what: "Previous domain" },
  { id: "next-domain", code: "ArrowDown", key: "↓", what: "Next domain" },
  { id: "find", code: "KeyF", key: "F", what: "Search the console that is shown, or else the domains" },
  { id: "console-larger", code: "Equal", key: "=", what: "Larger text in consoles" },
  { id: "console-smaller", code: "Minus", key: "-", what: "Smaller text in consoles" },
  { id: "panel", code: "KeyE", key: "E", what: "Tasks and events" },
  { id: "shortcuts", code: "Slash", key: "/", what: "This list" },
] as const;

/** This key works without a modifier, where no text is typed. */
export const TOUR_KEY = "F1";

const ELECTRON_NAMES: Record<string, string> = { "↑": "Up", "↓": "Down" };

/** Returns the key in the form that Electron's menus take, or null if the command has no key. */
export function acceleratorOf(id: string): string | null {
  if (id === "tour") return TOUR_KEY;
  const found = HELD_KEYS.find((each) => each.id === id);
  return found ? `CommandOrControl+Shift+${ELECTRON_NAMES[found.key] ?? found.key}` : null;
}
