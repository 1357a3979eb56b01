import { ChevronDown, ChevronRight, Folder, FolderOpen, Pencil, X } from "lucide-react";
import { useState, type KeyboardEvent, type ReactNode } from "react";
import type { DomainInfo } from "../../core/api/schema.ts";
import { CpuFigure } from "../domain/CpuFigure.tsx";
import { endOf, stateOf, type DomainState } from "../domain/state-words.ts";
import { StateMark } from "../domain/StateMark.tsx";
import { nameFolder, organize, removeFolder, toggleFolder, useGroups } from "../organize/groups.ts";
import { lastName, liesIn, parentOf } from "../organize/paths.ts";
import { Tags } from "../organize/Tags.tsx";
import { showDomain } from "../state/layout.ts";
import { useDomainHistory } from "../state/figure.ts";
import { showEnded, type EndedDomain } from "../state/store.ts";
import { openMenu } from "../ui/ContextMenu.tsx";
import { Sparkline } from "../ui/Sparkline.tsx";
import { endDrag, startDrag, useDrop } from "./drag.ts";
import { domainMenu, folderMenu } from "./menus.ts";
import { isSelectAll } from "./select-view.ts";
import { clicked, selectAll, selectNone, useSelection } from "./selection.ts";

const TAGS_SHOWN = 3;

type Item = { name: string; domid: number } & ({ domain: DomainInfo } | { gone: EndedDomain });

/** What all entries of the tree are told. */
interface Shown {
  level: number;
  /** Of its entries, the one that Tab comes to. */
  current: string;
}
const keyOfFolder = (path: string): string => `folder ${path}`;
const keyOfDomain = (domid: number | null): string => `domain ${domid}`;

/** Domains in their folders, then those in none. Folders with nothing that is searched for are left out. */
export function DomainTree({
  shown,
  ended,
  selected,
  searching,
  children,
}: {
  shown: readonly DomainInfo[];
  ended: readonly EndedDomain[];
  /** null: no domain is shown. Those that do not run have numbers too (../state/store.ts). */
  selected: number | null;
  searching: boolean;
  children: ReactNode;
}) {
  const { folders, closed, places } = useGroups();
  const [focused, setFocused] = useState("");
  const drop = useDrop(null);
  const items: Item[] = [
    ...shown.map((domain) => ({ name: domain.name, domid: domain.domid, domain })),
    ...ended.map((gone) => ({ name: gone.name, domid: gone.domid, gone })),
  ];
  const isOpen = (folder: string): boolean => searching || !closed.has(folder);
  const below = (folder: string): Item[] =>
    items.filter(({ name }) => {
      const place = places.get(name);
      return place !== undefined && (place === folder || liesIn(place, folder));
    });
  const foldersIn = (parent: string | null): string[] =>
    folders.filter((each) => parentOf(each) === parent && (!searching || below(each).length > 0));
  const itemsIn = (parent: string | null): Item[] => items.filter(({ name }) => (places.get(name) ?? null) === parent);
  /** Keys of what can be seen, in order. */
  const keys = (parent: string | null): string[] => [
    ...foldersIn(parent).flatMap((each) => [keyOfFolder(each), ...(isOpen(each) ? keys(each) : [])]),
    ...itemsIn(parent).map(({ domid }) => keyOfDomain(domid)),
  ];
  const all = keys(null);
  const current = [focused, keyOfDomain(selected)].find((key) => all.includes(key)) ?? all[0] ?? "";

  const branch = (parent: string | null, level: number): ReactNode => (
    <>
      {foldersIn(parent).map((folder) => (
        <FolderItem
          key={folder}
          folder={folder}
          items={below(folder)}
          isOpen={isOpen(folder)}
          level={level}
          current={current}
        >
          {isOpen(folder) && branch(folder, level + 1)}
        </FolderItem>
      ))}
      {itemsIn(parent).map((item) => (
        <Entry key={item.domid} item={item} isSelected={item.domid === selected} level={level} current={current} />
      ))}
    </>
  );
  return (
    <div className={drop.over ? "side-list drop-over" : "side-list"} {...drop.props}>
      {all.length > 0 && (
        <ul
          role="tree"
          aria-label="Domains in their folders"
          aria-multiselectable
          onKeyDown={goThroughTree}
          onFocus={({ target }) => setFocused((target as HTMLElement).dataset.key ?? "")}
        >
          {branch(null, 1)}
        </ul>
      )}
      {children}
    </div>
  );
}

/** Of the domains that can be seen in the tree, in order. */
function domidsIn(tree: Element): number[] {
  return [...tree.querySelectorAll<HTMLElement>("[data-domid]")].map(({ dataset }) => Number(dataset.domid));
}

/** Up and down are the sidebar's. */
function goThroughTree(event: KeyboardEvent<HTMLElement>): void {
  const entry = event.target as HTMLElement;
  const { folder, name } = entry.dataset;
  if (event.key === "Escape") selectNone();
  if (isSelectAll(event.nativeEvent)) {
    // All of this list, not the text of the page.
    selectAll(domidsIn(event.currentTarget));
    event.preventDefault();
    return;
  }
  if (entry.role !== "treeitem" || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
  const tree = event.currentTarget;
  const entries = [...tree.querySelectorAll<HTMLElement>('[role="treeitem"]')];
  const at = entries.indexOf(entry);
  const isOpen = entry.ariaExpanded === "true";
  switch (event.key) {
    case "ArrowRight":
      if (folder === undefined) return;
      if (!isOpen) toggleFolder(folder, true);
      else if (Number(entries[at + 1]?.ariaLevel) > Number(entry.ariaLevel)) entries[at + 1]!.focus();
      break;
    case "ArrowLeft":
      if (folder !== undefined && isOpen) toggleFolder(folder, false);
      else entries.findLast((each, i) => i < at && Number(each.ariaLevel) < Number(entry.ariaLevel))?.focus();
      break;
    case "Home":
      entries[0]?.focus();
      break;
    case "End":
      entries.at(-1)?.focus();
      break;
    case "F2":
      if (folder !== undefined) nameFolder(folder);
      else if (name !== undefined) organize([name]);
      break;
    case "Delete": {
      if (folder === undefined) return;
      removeFolder(folder);
      // The entry that had the focus is gone: to the one before it.
      const left = (): NodeListOf<HTMLElement> => tree.querySelectorAll<HTMLElement>('[role="treeitem"]');
      requestAnimationFrame(() => left()[Math.max(0, at - 1)]?.focus());
      break;
    }
    default:
      return;
  }
  event.preventDefault();
}

function FolderItem({
  folder,
  items,
  isOpen,
  level,
  current,
  children,
}: Shown & {
  folder: string;
  /** All that lie in it, at whatever depth. */
  items: readonly Item[];
  isOpen: boolean;
  children: ReactNode;
}) {
  const drop = useDrop(folder);
  const Chevron = isOpen ? ChevronDown : ChevronRight;
  const Icon = isOpen ? FolderOpen : Folder;
  const running = items.flatMap((item) => ("domain" in item ? [item.domain] : []));
  const memory = running.reduce((sum, { memoryMiB }) => sum + memoryMiB, 0);
  const key = keyOfFolder(folder);
  const group = `in ${folder}`.replaceAll(" ", "-");
  return (
    <li
      role="none"
      className={drop.over ? "side-folder drop-over" : "side-folder"}
      data-folder={folder}
      {...drop.props}
    >
      <div
        className="side-folder-row"
        draggable
        onDragStart={(event) => startDrag(event, { folder })}
        onDragEnd={endDrag}
      >
        <button
          type="button"
          role="treeitem"
          className="side-domain side-entry side-folder-head"
          aria-level={level}
          aria-expanded={isOpen}
          aria-selected={false}
          aria-owns={isOpen ? group : undefined}
          tabIndex={key === current ? 0 : -1}
          data-key={key}
          data-folder={folder}
          title={folder}
          onContextMenu={(event) =>
            openMenu(
              event,
              `Folder ${folder}`,
              folderMenu(
                folder,
                isOpen,
                items.map(({ domid }) => domid),
              ),
            )
          }
          onClick={() => toggleFolder(folder, !isOpen)}
        >
          <span className="side-row">
            <Chevron size={13} aria-hidden />
            <Icon size={14} aria-hidden />
            <span className="side-name">{lastName(folder)}</span>
            <span className="side-id" title={`${running.length} running of ${items.length}`}>
              {items.length}
            </span>
          </span>
          {!isOpen && items.length > 0 && (
            <span className="side-row side-figures">
              <span>{running.length ? <CpuFigure domids={running.map(({ domid }) => domid)} /> : "–"}</span>
              <span className="spacer">{running.length} running</span>
              <span>{Math.round(memory)} MiB</span>
            </span>
          )}
        </button>
        {/* For the pointer: keys are F2 and Delete, and a tree has entries alone. */}
        <span className="side-folder-deeds" aria-hidden>
          <button
            type="button"
            className="icon-button"
            tabIndex={-1}
            title="Rename or move (F2)"
            onClick={() => nameFolder(folder)}
          >
            <Pencil size={12} />
          </button>
          <button
            type="button"
            className="icon-button"
            tabIndex={-1}
            title="Remove the folder; what is in it moves up (Delete)"
            onClick={() => removeFolder(folder)}
          >
            <X size={13} />
          </button>
        </span>
      </div>
      {isOpen && (
        <ul role="group" id={group} className="side-folder-list">
          {children}
        </ul>
      )}
    </li>
  );
}

function Entry({ item, isSelected, level, current }: Shown & { item: Item; isSelected: boolean }) {
  const { name, domid } = item;
  const key = keyOfDomain(domid);
  const marked = useSelection(({ domids }) => domids.has(domid));
  const [state, open]: [DomainState, () => void] =
    "domain" in item ? [stateOf(item.domain), () => showDomain(domid)] : [endOf(item.gone), () => showEnded(domid)];
  return (
    <li role="none" className="side-leaf" draggable onDragStart={(event) => startDrag(event, { domain: name })}>
      <button
        type="button"
        role="treeitem"
        className={`side-domain side-entry${isSelected ? " selected" : ""}${marked ? " marked" : ""}`}
        aria-level={level}
        aria-selected={isSelected || marked}
        aria-current={isSelected ? "page" : undefined}
        tabIndex={key === current ? 0 : -1}
        data-key={key}
        data-name={name}
        data-state={state}
        data-domid={domid}
        onClick={(event) => {
          if (!clicked(event, domid, domidsIn(event.currentTarget.closest('[role="tree"]')!))) open();
        }}
        onContextMenu={(event) => {
          const { domids } = useSelection.getState();
          const all = domids.has(domid) ? [...domids] : [domid];
          openMenu(event, all.length > 1 ? `${all.length} domains` : name, domainMenu(all));
        }}
      >
        <span className="side-row">
          <StateMark state={state} />
          <span className="side-name">{name}</span>
          <span className="side-id">{"domain" in item ? domid : ""}</span>
        </span>
        {"domain" in item ? <Figures domain={item.domain} /> : <span className="side-row side-figures">{state}</span>}
        <Tags name={name} most={TAGS_SHOWN} />
      </button>
    </li>
  );
}

function Figures({ domain: { domid, name, memoryMiB, maxmemMiB } }: { domain: DomainInfo }) {
  const figures = useDomainHistory(domid);
  return (
    <span className="side-row side-figures">
      <span>
        <CpuFigure domids={[domid]} />
      </span>
      <Sparkline series={figures?.cpu} max={100} label={`CPU of ${name}`} />
      <Sparkline
        series={figures?.memory}
        max={Math.max(maxmemMiB, memoryMiB)}
        color="--graph-4"
        label={`Memory of ${name}, of at most ${Math.round(maxmemMiB)} MiB`}
      />
      <span>{Math.round(memoryMiB)} MiB</span>
    </span>
  );
}
