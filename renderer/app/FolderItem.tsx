import { ChevronDown, ChevronRight, Folder, FolderOpen, Pencil, X } from "lucide-react";
import type { ReactNode } from "react";
import { CpuFigure } from "../domain/CpuFigure.tsx";
import { nameFolder, removeFolder, toggleFolder } from "../organize/groups.ts";
import { lastName } from "../organize/paths.ts";
import { openMenu } from "../ui/ContextMenu.tsx";
import { endDrag, startDrag, useDrop } from "./drag.ts";
import { folderMenu } from "./menus.ts";
import { keyOfFolder, type Item, type Shown } from "./tree-item.ts";

interface Props extends Shown {
  folder: string;
  /** All items that lie in the folder, at any depth. */
  items: readonly Item[];
  isOpen: boolean;
}

/** A folder in the sidebar's tree; what is in it are its `children`. */
export function FolderItem({ children, ...props }: Props & { children: ReactNode }) {
  const { folder, isOpen } = props;
  const drop = useDrop(folder);
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
        <Head {...props} />
        <Deeds folder={folder} />
      </div>
      {isOpen && (
        <ul role="group" id={groupOf(folder)} className="side-folder-list">
          {children}
        </ul>
      )}
    </li>
  );
}

/** Of the list of what is in it. */
function groupOf(folder: string): string {
  return `in ${folder}`.replaceAll(" ", "-");
}

/** Its name; of one that is closed, what runs in it. */
function Head({ folder, items, isOpen, level, current }: Props) {
  const Chevron = isOpen ? ChevronDown : ChevronRight;
  const Icon = isOpen ? FolderOpen : Folder;
  const running = items.flatMap((item) => ("domain" in item ? [item.domain] : []));
  const memory = running.reduce((sum, { memoryMiB }) => sum + memoryMiB, 0);
  const key = keyOfFolder(folder);
  const domids = items.map(({ domid }) => domid);
  return (
    <button
      type="button"
      role="treeitem"
      className="side-domain side-entry side-folder-head"
      aria-level={level}
      aria-expanded={isOpen}
      aria-selected={false}
      aria-owns={isOpen ? groupOf(folder) : undefined}
      tabIndex={key === current ? 0 : -1}
      data-key={key}
      data-folder={folder}
      title={folder}
      onContextMenu={(event) => openMenu(event, `Folder ${folder}`, folderMenu(folder, isOpen, domids))}
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
  );
}

/** These buttons are for the pointer only. The keys are F2 and Delete, and a tree may contain nothing but entries. */
function Deeds({ folder }: { folder: string }) {
  return (
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
  );
}
