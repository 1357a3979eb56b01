/** What the menus of domains and folders offer. It is what buttons and the palette do, offered at the thing itself. */
import {
  ACTION_WORDS,
  ASKED_WORDS,
  askHow,
  doWith,
  doWithEnded,
  ENDED_DANGERS,
  ENDED_WORDS,
  isOf,
  mayAsk,
  mayDo,
  mayDoEnded,
  type AskedAction,
  type DomainAction,
} from "../domain/actions.ts";
import { nameFolder, newFolder, organize, removeFolder, toggleFolder } from "../organize/groups.ts";
import { show, useApp, endedDomains, type EndedDomain } from "../state/store.ts";
import type { DomainInfo } from "../../core/api/schema.ts";
import type { MenuItem } from "../ui/ContextMenu.tsx";

const ACTIONS: readonly DomainAction[] = ["unpause", "pause", "save", "shutdown", "reboot", "destroy"];
const DOM0_TABS = [
  ["Open its overview", "overview"],
  ["Open its devices", "devices"],
  ["Open its part of xenstore", "xenstore"],
] as const;
const ASKED: readonly AskedAction[] = ["snapshot", "fork"];
const ENDED = ["restore", "start", "edit", "clone", "export", "forget", "discard", "delete"] as const;

/** The menu of one or several domains, running or ended. Domain-0 can only be looked at. */
export function domainMenu(domids: readonly number[]): MenuItem[] {
  if (domids.length === 1 && domids[0] === 0)
    return DOM0_TABS.map(([label, tab]) => ({ label, run: () => show({ page: "domain", domid: 0, tab }) }));
  const state = useApp.getState();
  const domains = state.domains.filter(({ domid }) => domids.includes(domid));
  const ended = endedDomains(state).filter(({ domid }) => domids.includes(domid));
  const all = [...domains, ...ended];
  const names = all.map(({ name }) => name);
  const [only] = domids.length === 1 ? domids : [];
  return [
    ...(only !== undefined && only >= 0
      ? (
          [
            ["Open its overview", "overview"],
            ["Open its console", "console"],
            ...(domains.some(({ config }) => config?.devices.some(({ kind }) => kind === "vfb"))
              ? ([["Open its screen", "display"]] as const)
              : []),
          ] as const
        ).map(([label, tab]) => ({ label, run: () => show({ page: "domain", domid: only, tab }) }))
      : []),
    ...powerItems(domains),
    ...endedItems(ended),
    ...(all.length === 1 ? askedItems(all[0]!) : []),
    { label: "Folder and tags…", run: () => organize(names) },
  ];
}

function howMany(fit: number, all: number): string {
  return all === 1 ? "" : fit === all ? ` all ${all}` : ` ${fit} of ${all}`;
}

function powerItems(domains: readonly DomainInfo[]): MenuItem[] {
  return ACTIONS.flatMap((action) => {
    const fit = domains.filter((domain) => mayDo(action, domain));
    if (fit.length === 0) return [];
    const label = `${ACTION_WORDS[action]}${howMany(fit.length, domains.length)}`;
    return [{ label, run: () => doWith(action, fit), danger: action === "destroy" }];
  });
}
function askedItems({ uuid }: { uuid: string }): MenuItem[] {
  return ASKED.filter((action) => mayAsk(action, uuid)).map((action) => ({
    label: `${ASKED_WORDS[action]}…`,
    run: () => askHow(action, uuid),
  }));
}
function endedItems(ended: readonly EndedDomain[]): MenuItem[] {
  return ENDED.flatMap((action) => {
    const own = ended.filter((each) => isOf(action, each));
    if (own.length === 0 || ((action === "edit" || action === "clone") && ended.length > 1)) return [];
    const fit = own.filter((each) => mayDoEnded(action, each));
    return [
      {
        label: `${ENDED_WORDS[action]}${howMany(own.length, ended.length)}`,
        run: () => doWithEnded(action, fit),
        disabled: fit.length === 0,
        danger: ENDED_DANGERS.includes(action),
      },
    ];
  });
}

export function folderMenu(folder: string, isOpen: boolean, domids: readonly number[]): MenuItem[] {
  const domains = useApp.getState().domains.filter(({ domid }) => domids.includes(domid));
  return [
    { label: isOpen ? "Close" : "Open", run: () => toggleFolder(folder, !isOpen) },
    { label: "New folder in it…", run: () => newFolder(folder) },
    { label: "Rename or move…", run: () => nameFolder(folder) },
    ...powerItems(domains).map((item) => ({ ...item, label: `${item.label} in it` })),
    { label: "Remove the folder", run: () => removeFolder(folder) },
  ];
}
