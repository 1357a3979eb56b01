import { ChevronDown, ChevronRight, Folder, FolderOpen, Pencil, X } from "lucide-react";
import { useState, type DragEvent, type ReactNode } from "react";
import type { DomainInfo } from "../../core/api/schema.ts";
import { endOf, stateOf, type DomainState } from "../domain/state-words.ts";
import { StateMark } from "../domain/StateMark.tsx";
import { moveTo, nameFolder, removeFolder, toggleFolder, useGroups } from "../organize/groups.ts";
import { Tags } from "../organize/Tags.tsx";
import { showDomain } from "../state/layout.ts";
import { history } from "../state/session.ts";
import { show, type Departed } from "../state/store.ts";
import { formatValue } from "../ui/Graph.tsx";
import { Sparkline } from "../ui/Sparkline.tsx";

/** What is dragged from here: a domain's name. */
const DRAGGED = "application/x-xenarium-domain";
const TAGS_SHOWN = 3;

type Item = { name: string; domid: number } & ({ domain: DomainInfo } | { gone: Departed });

/** Domains in their folders, then those in none. Folders with nothing that is searched for are left out. */
export function DomainTree({
  shown,
  ended,
  selected,
  searching,
  children,
}: {
  shown: readonly DomainInfo[];
  ended: readonly Departed[];
  selected: number;
  searching: boolean;
  children: ReactNode;
}) {
  const { folders, closed, places } = useGroups();
  const items: Item[] = [
    ...shown.map((domain) => ({ name: domain.name, domid: domain.domid, domain })),
    ...ended.map((gone) => ({ name: gone.name, domid: gone.domid, gone })),
  ];
  const inFolder = (folder: string | undefined): Item[] => items.filter(({ name }) => places.get(name) === folder);
  const entries = (of: readonly Item[]): ReactNode =>
    of.map((item) => <Entry key={item.domid} item={item} isSelected={item.domid === selected} />);
  const drop = useDrop(null);
  return (
    <ul className={drop.over ? "side-list drop-over" : "side-list"} {...drop.props}>
      {folders.map((folder) => {
        const inside = inFolder(folder);
        if (searching && !inside.length) return null;
        return (
          <FolderItem key={folder} folder={folder} items={inside} isOpen={searching || !closed.has(folder)}>
            {entries(inside)}
          </FolderItem>
        );
      })}
      {entries(inFolder(undefined))}
      {children}
    </ul>
  );
}

function FolderItem({
  folder,
  items,
  isOpen,
  children,
}: {
  folder: string;
  items: readonly Item[];
  isOpen: boolean;
  children: ReactNode;
}) {
  const drop = useDrop(folder);
  const Chevron = isOpen ? ChevronDown : ChevronRight;
  const Icon = isOpen ? FolderOpen : Folder;
  const running = items.flatMap((item) => ("domain" in item ? [item.domain] : []));
  const cpu = running.reduce((sum, { domid }) => sum + (history.domains.get(domid)?.cpu.last ?? NaN), 0);
  const memory = running.reduce((sum, { memoryMiB }) => sum + memoryMiB, 0);
  return (
    <li className={drop.over ? "side-folder drop-over" : "side-folder"} data-folder={folder} {...drop.props}>
      <div className="side-folder-row">
        <button
          type="button"
          className="side-domain side-entry side-folder-head"
          aria-expanded={isOpen}
          onClick={() => toggleFolder(folder, !isOpen)}
          onKeyDown={({ key }) => {
            if (key === "ArrowRight") toggleFolder(folder, true);
            if (key === "ArrowLeft") toggleFolder(folder, false);
            if (key === "F2") nameFolder(folder);
          }}
        >
          <span className="side-row">
            <Chevron size={13} aria-hidden />
            <Icon size={14} aria-hidden />
            <span className="side-name">{folder}</span>
            <span className="side-id" title={`${running.length} running of ${items.length}`}>
              {items.length}
            </span>
          </span>
          {!isOpen && items.length > 0 && (
            <span className="side-row side-figures">
              <span>{running.length ? formatValue(cpu, "%") : "–"}</span>
              <span className="spacer">{running.length} running</span>
              <span>{Math.round(memory)} MiB</span>
            </span>
          )}
        </button>
        <span className="side-folder-deeds">
          <button
            type="button"
            className="icon-button"
            aria-label={`Rename the folder ${folder}`}
            title="Rename (F2)"
            onClick={() => nameFolder(folder)}
          >
            <Pencil size={12} aria-hidden />
          </button>
          <button
            type="button"
            className="icon-button"
            aria-label={`Remove the folder ${folder}`}
            title="Remove the folder; its domains stay"
            onClick={() => removeFolder(folder)}
          >
            <X size={13} aria-hidden />
          </button>
        </span>
      </div>
      {isOpen && <ul className="side-folder-list">{children}</ul>}
    </li>
  );
}

function Entry({ item, isSelected }: { item: Item; isSelected: boolean }) {
  const { name, domid } = item;
  const drag = (event: DragEvent): void => {
    event.dataTransfer.setData(DRAGGED, name);
    event.dataTransfer.effectAllowed = "move";
  };
  const [state, onClick]: [DomainState, () => void] =
    "domain" in item
      ? [stateOf(item.domain), () => showDomain(domid)]
      : [endOf(item.gone), () => show({ page: "domain", domid, tab: "console" })];
  return (
    <li draggable onDragStart={drag}>
      <button
        type="button"
        className={`side-domain side-entry${isSelected ? " selected" : ""}`}
        data-state={state}
        data-domid={domid}
        aria-current={isSelected ? "page" : undefined}
        onClick={onClick}
      >
        <span className="side-row">
          <StateMark state={state} />
          <span className="side-name">{name}</span>
          <span className="side-id">{domid}</span>
        </span>
        {"domain" in item ? (
          <Figures domain={item.domain} />
        ) : (
          <span className="side-row side-figures">{state === "crashed" ? "crashed" : "ended"}</span>
        )}
        <Tags name={name} most={TAGS_SHOWN} />
      </button>
    </li>
  );
}

function Figures({ domain: { domid, name, vcpus, memoryMiB, maxmemMiB } }: { domain: DomainInfo }) {
  const figures = history.domains.get(domid);
  return (
    <span className="side-row side-figures">
      <span>{formatValue(figures?.cpu.last ?? NaN, "%")}</span>
      <Sparkline series={figures?.cpu} max={100 * vcpus} label={`CPU of ${name}`} />
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

/** Takes a domain that is dropped into a folder; null: into none. The innermost place takes it. */
function useDrop(folder: string | null): {
  over: boolean;
  props: Record<"onDragOver" | "onDragLeave" | "onDrop", (event: DragEvent) => void>;
} {
  const [over, setOver] = useState(false);
  const isOurs = (event: DragEvent): boolean => event.dataTransfer.types.includes(DRAGGED);
  return {
    over,
    props: {
      onDragOver: (event) => {
        if (!isOurs(event)) return;
        event.preventDefault();
        event.stopPropagation();
        setOver(true);
      },
      onDragLeave: () => setOver(false),
      onDrop: (event) => {
        setOver(false);
        if (!isOurs(event)) return;
        event.preventDefault();
        event.stopPropagation();
        moveTo([event.dataTransfer.getData(DRAGGED)], folder);
      },
    },
  };
}
