/**
 * The application's menu: the page's commands as listed in renderer/app/menu-table.ts, and standard roles, so that copy, paste and window keys are
 * those of the platform.
 */
import type { MenuItemConstructorOptions } from "electron";
import { acceleratorOf } from "../renderer/app/keys.ts";
import { MENU_IDS, MENUS, type Block, type MenuName } from "../renderer/app/menu-table.ts";
import type { Commands } from "./commands.ts";
import type { ElectronParts } from "./parts.ts";

type Item = MenuItemConstructorOptions;
const LINE: Item = { type: "separator" };

export function menuTemplate(platform: NodeJS.Platform, name: string, run: (id: string) => void): Item[] {
  const isMac = platform === "darwin";
  const item = ([id, label]: readonly [string, string]): Item => {
    const accelerator = acceleratorOf(id);
    // The keys are only displayed here. The page handles them (renderer/app/shortcut-keys.ts), because it knows when they are meant for the guest.
    const key = accelerator === null ? {} : { accelerator, registerAccelerator: false };
    return { id, label, enabled: false, click: () => run(id), ...key };
  };
  const items = ({ items: listed, under }: Block): Item[] =>
    under === null ? listed.map(item) : [{ label: under, submenu: listed.map(item) }];
  /** Returns the table's blocks, with separators between them. */
  const blocks = (menu: MenuName): Item[] =>
    MENUS[menu].flatMap((block: Block, at) => [...(at > 0 ? [LINE] : []), ...items(block)]);

  return [
    ...(isMac ? [{ label: name, role: "appMenu" } as const] : []),
    { label: "File", submenu: [...blocks("File"), LINE, { role: isMac ? "close" : "quit" }] },
    {
      label: "Edit",
      submenu: [
        { role: "undo" },
        { role: "redo" },
        LINE,
        { role: "cut" },
        { role: "copy" },
        { role: "paste" },
        { role: "selectAll" },
        LINE,
        ...blocks("Edit"),
      ],
    },
    {
      label: "View",
      submenu: [
        ...blocks("View"),
        LINE,
        { role: "resetZoom" },
        { role: "zoomIn" },
        { role: "zoomOut" },
        LINE,
        { role: "togglefullscreen" },
      ],
    },
    { label: "Host", submenu: blocks("Host") },
    { label: "Domain", submenu: blocks("Domain") },
    { role: "windowMenu" },
    { role: "help", submenu: [...blocks("Help"), ...(isMac ? [] : [LINE, { role: "about" } as const])] },
  ];
}

/** Sets the menu. Its items are enabled as the page offers their commands. `show` brings the page to the front. */
export function setMenu(
  parts: Pick<ElectronParts, "app" | "platform" | "setMenu">,
  commands: Commands,
  show: () => void,
): void {
  const run = (id: string): void => {
    show();
    commands.run(id);
  };
  const menu = parts.setMenu(menuTemplate(parts.platform, parts.app.name, run));
  commands.onOffered = (offered) => {
    for (const id of MENU_IDS) {
      const item = menu.getMenuItemById(id);
      if (item) item.enabled = offered.has(id);
    }
  };
}
