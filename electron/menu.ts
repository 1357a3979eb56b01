/** The application's menu: the page's commands by their ids, and standard roles, so that copy, paste and window keys are the platform's. */
import type { MenuItemConstructorOptions } from "electron";
import type { Commands } from "./commands.ts";
import type { ElectronParts } from "./parts.ts";

type Item = MenuItemConstructorOptions;
const LINE: Item = { type: "separator" };

/** `key`: shown only. The page handles it (renderer/app/shortcut-keys.ts), which knows when it is the guest's. */
type Add = (id: string, label: string, key?: string) => Item;

function fileMenu(add: Add, platform: NodeJS.Platform): Item[] {
  return [
    add("new-domain", "New Domain…", "N"),
    add("bundled", "Start the Bundled Guest"),
    LINE,
    add("export-csv", "Export List of Domains as CSV"),
    add("export-json", "Export List of Domains as JSON"),
    LINE,
    add("power-on", "Power Host On"),
    add("power-off", "Power Host Off…"),
    LINE,
    platform === "darwin" ? { role: "close" } : { role: "quit" },
  ];
}

function editMenu(add: Add): Item[] {
  return [
    { role: "undo" },
    { role: "redo" },
    LINE,
    { role: "cut" },
    { role: "copy" },
    { role: "paste" },
    { role: "selectAll" },
    LINE,
    add("search", "Search the Domains"),
    add("console-search", "Search the Console"),
  ];
}

function viewMenu(add: Add): Item[] {
  return [
    add("palette", "All Commands…", "P"),
    LINE,
    add("host-overview", "Host", "H"),
    add("host-domains", "List of Domains", "L"),
    add("host-devices", "Devices of the Host"),
    add("host-xenstore", "All of xenstore"),
    LINE,
    add("panel", "Tasks and Events", "E"),
    {
      label: "Appearance",
      submenu: [add("theme-system", "As the System Has It"), add("theme-light", "Light"), add("theme-dark", "Dark")],
    },
    LINE,
    add("console-larger", "Larger Text in Consoles", "="),
    add("console-smaller", "Smaller Text in Consoles", "-"),
    LINE,
    { role: "resetZoom" },
    { role: "zoomIn" },
    { role: "zoomOut" },
    LINE,
    { role: "togglefullscreen" },
  ];
}

function domainMenu(add: Add): Item[] {
  return [
    add("this-pause", "Pause"),
    add("this-unpause", "Unpause"),
    add("this-shutdown", "Shut Down"),
    add("this-reboot", "Reboot"),
    add("this-destroy", "Destroy…"),
    LINE,
    add("domain-overview", "Overview", "O"),
    add("domain-console", "Console", "K"),
    add("domain-devices", "Devices", "D"),
    add("domain-xenstore", "xenstore", "X"),
    LINE,
    add("pop-out", "Console in a Window of Its Own"),
    add("copy-console", "Copy the Console’s Text"),
    add("save-console", "Save the Console’s Log…"),
    add("copy-uuid", "Copy the UUID"),
    LINE,
    add("previous-domain", "Previous Domain", "Up"),
    add("next-domain", "Next Domain", "Down"),
    add("forget-ended", "Forget the Ended Domains"),
  ];
}

/** `ids` receives those of the page's commands. */
export function menuTemplate(
  platform: NodeJS.Platform,
  name: string,
  run: (id: string) => void,
  ids: string[],
): Item[] {
  const add: Add = (id, label, key) => {
    ids.push(id);
    const shown = key === undefined ? {} : { accelerator: `CommandOrControl+Shift+${key}`, registerAccelerator: false };
    return { id, label, enabled: false, click: () => run(id), ...shown };
  };
  const mac = platform === "darwin";
  return [
    ...(mac ? [{ label: name, role: "appMenu" } as const] : []),
    { label: "File", submenu: fileMenu(add, platform) },
    { label: "Edit", submenu: editMenu(add) },
    { label: "View", submenu: viewMenu(add) },
    { label: "Domain", submenu: domainMenu(add) },
    { role: "windowMenu" },
    {
      role: "help",
      submenu: [add("shortcuts", "Keyboard Shortcuts", "/"), ...(mac ? [] : [LINE, { role: "about" } as const])],
    },
  ];
}

/** Sets the menu; its items are enabled as the page offers their commands. `show` brings the page to the front. */
export function setMenu(
  parts: Pick<ElectronParts, "app" | "platform" | "setMenu">,
  commands: Commands,
  show: () => void,
): void {
  const ids: string[] = [];
  const run = (id: string): void => {
    show();
    commands.run(id);
  };
  const menu = parts.setMenu(menuTemplate(parts.platform, parts.app.name, run, ids));
  commands.onOffered = (offered) => {
    for (const id of ids) {
      const item = menu.getMenuItemById(id);
      if (item) item.enabled = offered.has(id);
    }
  };
}
