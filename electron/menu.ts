import type { MenuItemConstructorOptions } from "electron";

/** The application's menu: standard roles, so that copy, paste and window keys are the platform's. */
export function menuTemplate(platform: NodeJS.Platform, name: string): MenuItemConstructorOptions[] {
  return [
    ...(platform === "darwin" ? [{ label: name, role: "appMenu" } as const] : []),
    {
      label: "File",
      submenu: [platform === "darwin" ? { role: "close" } : { role: "quit" }],
    },
    { role: "editMenu" },
    {
      label: "View",
      submenu: [
        { role: "resetZoom" },
        { role: "zoomIn" },
        { role: "zoomOut" },
        { type: "separator" },
        { role: "togglefullscreen" },
      ],
    },
    { role: "windowMenu" },
  ];
}
