/** Keys of the whole window. Ctrl+Shift (Cmd+Shift) so that they take nothing from a guest's console. */
import { openDialog, show, useApp } from "../state/store.ts";

export const SHORTCUTS = [
  { keys: "Ctrl+Shift+N", what: "New domain" },
  { keys: "Ctrl+Shift+H", what: "Host" },
  { keys: "Ctrl+Shift+O", what: "Overview of the domain" },
  { keys: "Ctrl+Shift+K", what: "Console of the domain" },
  { keys: "Ctrl+Shift+↑ / ↓", what: "Previous, next domain" },
  { keys: "Ctrl+Shift+/", what: "This list" },
];

export function handleShortcut(event: KeyboardEvent): void {
  if (!(event.ctrlKey || event.metaKey) || !event.shiftKey || event.altKey) return;
  const { view, domains } = useApp.getState();
  const guests = domains.filter(({ domid }) => domid !== 0);
  const step = (by: number): void => {
    const at = guests.findIndex(({ domid }) => view.page === "domain" && domid === view.domid);
    const next = guests[(at + by + guests.length) % guests.length];
    if (next) show({ page: "domain", domid: next.domid, tab: view.page === "domain" ? view.tab : "overview" });
  };
  switch (event.code) {
    case "KeyN":
      openDialog("new-domain");
      break;
    case "KeyH":
      show({ page: "host" });
      break;
    case "KeyO":
      if (view.page === "domain") show({ ...view, tab: "overview" });
      break;
    case "KeyK":
      if (view.page === "domain") show({ ...view, tab: "console" });
      break;
    case "ArrowUp":
      step(-1);
      break;
    case "ArrowDown":
      step(1);
      break;
    case "Slash":
      openDialog("shortcuts");
      break;
    default:
      return;
  }
  event.preventDefault();
  event.stopPropagation();
}
