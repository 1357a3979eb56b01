/** The desktop's menus, tray and notifications. They are told which commands can be run now, and ask for them to be run. */
import { useAsked, useGroups } from "../organize/groups.ts";
import { openDialog, useApp } from "../state/store.ts";
import { commandsNow, runCommand } from "./commands.ts";
import { MENU_IDS } from "./menu-table.ts";

const PALETTE = "palette";

/** Returns no command while a dialog is open, because the dialog has to be answered first. */
function offered(): string[] {
  const { connection, dialog, question } = useApp.getState();
  if (connection !== "open" || dialog !== "none" || question || useAsked.getState().asked) return [];
  return [
    PALETTE,
    ...commandsNow()
      .map(({ id }) => id)
      .filter((id) => MENU_IDS.has(id)),
  ];
}

/** Called once, in the main window. In a browser it does nothing. */
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
  useAsked.subscribe(tell);
  useGroups.subscribe(tell);
  useApp.subscribe((state, before) => {
    const { connection, dialog, question, host, domains, view, departed, forgotten, kept } = state;
    if (
      connection !== before.connection ||
      dialog !== before.dialog ||
      question !== before.question ||
      host !== before.host ||
      domains !== before.domains ||
      view !== before.view ||
      departed !== before.departed ||
      kept !== before.kept ||
      forgotten !== before.forgotten
    )
      tell();
  });
}
