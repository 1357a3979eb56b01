/** What keys do in the sidebar's tree of folders and domains. */
import type { KeyboardEvent } from "react";
import { nameFolder, organize, removeFolder, toggleFolder } from "../organize/groups.ts";
import { isSelectAll } from "./select-view.ts";
import { selectAll, selectNone } from "./selection.ts";

/** The domids of the domains that are visible in the tree, in order. */
export function domidsIn(tree: Element): number[] {
  return [...tree.querySelectorAll<HTMLElement>("[data-domid]")].map(({ dataset }) => Number(dataset.domid));
}

/** The up and down arrow keys are handled by the sidebar. */
export function goThroughTree(event: KeyboardEvent<HTMLElement>): void {
  const entry = event.target as HTMLElement;
  const { folder, name } = entry.dataset;
  if (event.key === "Escape") selectNone();
  if (isSelectAll(event.nativeEvent)) {
    // Selects all domains of this list, not the text of the page.
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
      // If the entry that had the focus is gone, the focus goes to the entry before it.
      const left = (): NodeListOf<HTMLElement> => tree.querySelectorAll<HTMLElement>('[role="treeitem"]');
      requestAnimationFrame(() => left()[Math.max(0, at - 1)]?.focus());
      break;
    }
    default:
      return;
  }
  event.preventDefault();
}
