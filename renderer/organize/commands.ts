/** What can be done with folders and tags, by name. */
import type { Command, CommandId } from "../app/command.ts";
import { endedDomains, useApp } from "../state/store.ts";
import { moveTo, nameFolder, newFolder, organize, removeFolder, toggleFolder, useGroups } from "./groups.ts";

const GROUP = "Folders and tags";

/** The name of the domain that is looked at, running or ended; null for the host and Domain-0. */
function nameInView(): string | null {
  const { view, domains, departed } = useApp.getState();
  if (view.page !== "domain" || view.domid === 0) return null;
  return domains.find(({ domid }) => domid === view.domid)?.name ?? departed.get(view.domid)?.name ?? null;
}

export function folderCommands(): Command[] {
  const state = useApp.getState();
  const { folders, closed, places } = useGroups.getState();
  const name = nameInView();
  const found: Command[] = [];
  const add = (id: CommandId, title: string, run: () => void, keywords: string[] = []): void =>
    void found.push({ group: GROUP, id, title, run, keywords });

  if (name !== null) {
    add("organize", `Folder and tags of ${name}…`, () => organize([name]), ["move", "label", "group"]);
    for (const folder of folders)
      if (places.get(name) !== folder)
        add(`move-to:${folder}`, `Move ${name} to ${folder}`, () => moveTo([name], folder), ["folder"]);
    if (places.has(name))
      add("move-out", `Move ${name} out of its folder`, () => moveTo([name], null), ["ungroup", places.get(name)!]);
  }
  add("new-folder", "New folder…", () => newFolder(null), ["group", "make"]);
  for (const folder of folders) {
    const isClosed = closed.has(folder);
    const verb = isClosed ? "Open" : "Close";
    add(`toggle:${folder}`, `${verb} the folder ${folder}`, () => toggleFolder(folder, isClosed), [
      "collapse",
      "expand",
    ]);
    add(`new-in:${folder}`, `New folder in ${folder}…`, () => newFolder(folder), ["group", "make", "nested"]);
    add(`rename:${folder}`, `Rename or move the folder ${folder}…`, () => nameFolder(folder), ["into", "out of"]);
    add(`remove:${folder}`, `Remove the folder ${folder}`, () => removeFolder(folder), ["delete", "ungroup"]);
  }
  const others = [
    ...state.domains.filter(({ domid }) => domid !== 0).map((each) => each.name),
    ...endedDomains(state).map((each) => each.name),
  ];
  for (const other of new Set(others))
    if (other !== name)
      add(`organize:${other}`, `Folder and tags of ${other}…`, () => organize([other]), ["move", "label", "group"]);
  return found;
}
