/** Domains and folders that are dragged to another place in the sidebar. */
import { useState, type DragEvent } from "react";
import { moveFolder, moveProblem, moveTo } from "../organize/groups.ts";
import { parentOf } from "../organize/paths.ts";

/** What is dragged from here: a domain's name, a folder's path. */
const DOMAIN = "application/x-xenarium-domain";
const FOLDER = "application/x-xenarium-folder";

/** The folder that this window drags: a place over which it is may not read what it is before it is dropped. */
let draggedFolder: string | null = null;

export function startDrag(event: DragEvent, what: { domain: string } | { folder: string }): void {
  event.stopPropagation();
  event.dataTransfer.effectAllowed = "move";
  if ("domain" in what) event.dataTransfer.setData(DOMAIN, what.domain);
  else {
    event.dataTransfer.setData(FOLDER, what.folder);
    draggedFolder = what.folder;
  }
}
export function endDrag(): void {
  draggedFolder = null;
}

/** Takes what is dropped into a folder; null: into none. The innermost place takes it. */
export function useDrop(place: string | null): {
  over: boolean;
  props: Record<"onDragOver" | "onDragLeave" | "onDrop", (event: DragEvent) => void>;
} {
  const [over, setOver] = useState(false);
  const isOurs = ({ dataTransfer: { types } }: DragEvent): boolean => types.includes(DOMAIN) || types.includes(FOLDER);
  const fits = (): boolean =>
    draggedFolder === null || (parentOf(draggedFolder) !== place && moveProblem(draggedFolder, place) === null);
  return {
    over,
    props: {
      onDragOver: (event) => {
        if (!isOurs(event)) return;
        event.stopPropagation();
        if (!fits()) return;
        event.preventDefault();
        setOver(true);
      },
      onDragLeave: () => setOver(false),
      onDrop: (event) => {
        setOver(false);
        if (!isOurs(event)) return;
        event.preventDefault();
        event.stopPropagation();
        const name = event.dataTransfer.getData(DOMAIN);
        const folder = event.dataTransfer.getData(FOLDER);
        if (name) moveTo([name], place);
        if (folder) moveFolder(folder, place);
        endDrag();
      },
    },
  };
}
