/** Dragging of domains and folders to another place in the sidebar. */
import { useState, type DragEvent } from "react";
import { moveFolder, moveProblem, moveTo } from "../organize/groups.ts";
import { parentOf } from "../organize/paths.ts";

/** The types of what is dragged from here: a domain's name, or a folder's path. */
const DOMAIN = "application/x-xenarium-domain";
const FOLDER = "application/x-xenarium-folder";

/** The folder that this window drags. A drop target may not read the dragged data before the drop. */
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

/** Handles drops into a folder, or into no folder if `place` is null. The innermost target takes what is dropped. */
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
