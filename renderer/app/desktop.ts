/** The desktop's menus, tray and notifications: they are told which commands can be run now, and have them run. */
import { openDialog, useApp } from "../state/store.ts";
import { commandsNow, runCommand } from "./commands.ts";

/** Commands of a single domain that is not looked at: a menu that is there before the domain has none of those. */
const OF_ONE_DOMAIN = /-\d+(-|$)/;
const PALETTE = "palette";

/** None while a dialog is open: it comes first. */
function offered(): string[] {
  const { connection, dialog, question } = useApp.getState();
  if (connection !== "open" || dialog !== "none" || question) return [];
  return [
    PALETTE,
    ...commandsNow()
      .map(({ id }) => id)
      .filter((id) => !OF_ONE_DOMAIN.test(id)),
  ];
}

/** Once, in the main window. Nothing happens in a browser. */
export function serveDesktop(): void {
  const desktop = window.xenariumDesktop;
  if (!desktop) return;
  desktop.onCommand((id) => {
    if (id === PALETTE) openDialog(PALETTE);
    else runCommand(id);
  });
  let told = "";
  const tell = (): void => {
    const ids = offered();
    const now = ids.join();
    if (now === told) return;
    told = now;
    desktop.offer(ids);
  };
  useApp.subscribe((state, before) => {
    const { connection, dialog, question, host, domains, view, departed, forgotten } = state;
    if (
      connection !== before.connection ||
      dialog !== before.dialog ||
      question !== before.question ||
      host !== before.host ||
      domains !== before.domains ||
      view !== before.view ||
      departed !== before.departed ||
      forgotten !== before.forgotten
    )
      tell();
  });
}
