/**
 * The commands whose ids do not depend on which domains and folders there are, as the desktop's menus list them. commands.ts can add no others
 * (CommandId), and electron/menu.ts makes its items from these, so that neither can have a command that the other does not know. This file must use
 * nothing of the browser's.
 */
import { INSPECT_TITLES, type InspectId } from "../inspect/titles.ts";
import { DOMAIN_TABS, HOST_TABS, type DomainTab, type HostTab } from "../state/tabs.ts";

type Items<I extends string> = readonly (readonly [id: I, label: string])[];

/** Items that belong together, shown between two lines. If `under` is given they are in a submenu of that name. */
export interface Block<I extends string = string> {
  items: Items<I>;
  under: string | null;
}
const block = <I extends string>(items: Items<I>, under: string | null = null): Block<I> => ({ items, under });

const hostViews: Items<`host-${HostTab}`> = HOST_TABS.map(([tab, title]) => [`host-${tab}`, title]);
const domainViews: Items<`domain-${DomainTab}`> = DOMAIN_TABS.map(([tab, title]) => [`domain-${tab}`, title]);
const inspected: Items<`inspect-${InspectId}`> = INSPECT_TITLES.map(([id, title]) => [`inspect-${id}`, title]);

export const MENUS = {
  File: [
    block([
      ["new-domain", "New Domain…"],
      ["fetch-guest", "Get a Guest from the Web…"],
      ["bundled", "Start the Bundled Guest"],
      ["import-domain", "Import a Domain…"],
      ["new-folder", "New Folder…"],
    ]),
    block([
      ["export-csv", "Export List of Domains as CSV"],
      ["export-json", "Export List of Domains as JSON"],
    ]),
  ],
  Edit: [
    block([
      ["find", "Find"],
      ["search", "Search the Domains"],
      ["console-search", "Search the Console"],
    ]),
  ],
  View: [
    block([["palette", "All Commands…"]]),
    block([["panel", "Tasks and Events"]]),
    block(
      [
        ["theme-system", "As the System Has It"],
        ["theme-light", "Light"],
        ["theme-dark", "Dark"],
      ],
      "Appearance",
    ),
    block([
      ["console-larger", "Larger Text in Consoles"],
      ["console-smaller", "Smaller Text in Consoles"],
    ]),
  ],
  Host: [
    block([
      ["power-on", "Power On"],
      ["power-off", "Power Off…"],
      ["host-reboot", "Reboot…"],
    ]),
    block(hostViews),
    block([
      ["xen-log", "Xen Log"],
      ["search-log", "Search the Xen Log"],
      ["log-times", "Times in the Xen Log"],
      ["save-log", "Save the Xen Log…"],
    ]),
    block(
      [
        ["all-pause", "Pause"],
        ["all-unpause", "Unpause"],
        ["all-save", "Save"],
        ["all-shutdown", "Shut Down"],
        ["all-reboot", "Reboot"],
        ["all-destroy", "Destroy…"],
      ],
      "All Domains",
    ),
    block([
      ["forget-ended", "Forget the Ended Domains"],
      ["bin", "Bin…"],
    ]),
  ],
  Domain: [
    block([
      ["this-pause", "Pause"],
      ["this-unpause", "Unpause"],
      ["this-save", "Save"],
      ["this-snapshot", "Take a Snapshot…"],
      ["this-fork", "Fork…"],
      ["this-shutdown", "Shut Down"],
      ["this-reboot", "Reboot"],
      ["this-destroy", "Destroy…"],
    ]),
    block([
      ["this-restore", "Restore"],
      ["this-start", "Start"],
      ["this-edit", "Edit Configuration…"],
      ["this-clone", "Clone…"],
      ["this-export", "Export…"],
      ["this-forget", "Forget"],
      ["this-discard", "Discard What Is Saved…"],
      ["this-delete", "Delete…"],
    ]),
    block(domainViews),
    block(inspected, "Inspect a Part"),
    block([
      ["edit-live", "Settings…"],
      ["organize", "Folder and Tags…"],
      ["move-out", "Move Out of Its Folder"],
    ]),
    block([
      ["pop-out", "Console in a Window of Its Own"],
      ["copy-console", "Copy the Console’s Text"],
      ["save-console", "Save the Console’s Log…"],
      ["copy-uuid", "Copy the UUID"],
    ]),
    block([
      ["previous-domain", "Previous Domain"],
      ["next-domain", "Next Domain"],
    ]),
  ],
  Help: [
    block([
      ["tour", "Guided Tour of This Host"],
      ["words", "Xen’s Words"],
      ["shortcuts", "Keyboard Shortcuts"],
    ]),
  ],
} as const;

export type MenuName = keyof typeof MENUS;
type IdOf<B> = B extends Block<infer I> ? I : never;
export type MenuId = IdOf<(typeof MENUS)[MenuName][number]>;

const ids = Object.values(MENUS).flatMap((blocks: readonly Block[]) => blocks.flatMap(({ items }) => items));
export const MENU_IDS: ReadonlySet<string> = new Set(ids.map(([id]) => id));
