/** Files that come from outside: dropped on the window, or opened with it. Each goes where it belongs. */
import { useState } from "react";
import type { DomainInfo } from "../../core/api/schema.ts";
import type { DropPlace } from "../create/DropZone.tsx";
import { plainName } from "../create/read-file.ts";
import { useOpenedFiles } from "../create/opened.ts";
import { askAttach, useAttach } from "../devices/attach-state.ts";
import { giveToShared } from "../devices/shared-folders.ts";
import { addImages } from "../images/add.ts";
import { askLibrary, useLibraryAsked } from "../library/asked.ts";
import { isArchive } from "../library/transfer.ts";
import { say } from "../state/messages.ts";
import { show, toast, useApp } from "../state/store.ts";
import { isDialogBusy } from "../ui/FormDialog.tsx";

export interface DroppedFiles {
  /** What was dropped for the new domain that is asked for, drop by drop: the dialog takes them one after the other. */
  drops: readonly File[][];
  drop: (files: File[], place: DropPlace) => void;
  forget: () => void;
}

/** `attachTo`: the domain that is looked at, if a device can come to it. */
export function useDroppedFiles(attachTo: DomainInfo | null): DroppedFiles {
  const [drops, setDrops] = useState<readonly File[][]>([]);
  const take = (taken: File[]): void => {
    if (comeTooEarly()) return;
    // Two may come before the dialog looks.
    setDrops((before) => [...before, taken]);
    useApp.setState({ dialog: "new-domain" });
  };
  useOpenedFiles(take);
  const drop = (dropped: File[], place: DropPlace): void => {
    // A dialog that asks for files gets them, wherever on the window they are dropped.
    if (useApp.getState().dialog === "new-domain") return void sort(dropped, take);
    const { asked } = useAttach.getState();
    if (asked?.key === "disk") return attach(dropped, asked.domid, asked.drive);
    if (useLibraryAsked.getState().asked?.what === "import") return void sort(dropped, (others) => give(others, place));
    give(dropped, place);
  };
  const give = (dropped: File[], place: DropPlace): void => {
    if (place === "library") {
      show({ page: "host", tab: "images" });
      return void addImages(dropped);
    }
    if (place === "share" && attachTo) return giveToShared(attachTo, dropped);
    if (place !== "attach" || !attachTo) return void sort(dropped, take);
    attach(dropped, attachTo.domid, null);
  };
  return { drops, drop, forget: () => setDrops([]) };
}

/** A dialog that carries out what it was asked for takes no files until it has done that. */
function comeTooEarly(): boolean {
  const isBusy = isDialogBusy();
  if (isBusy) say("warning", "The open dialog is at work and takes no files now. Give them again when it is done.");
  return isBusy;
}

function attach(dropped: File[], domid: number, drive: string | null): void {
  if (comeTooEarly()) return;
  if (dropped.length > 1) toast("warning", "Disks are attached one at a time: this is the first of those dropped.");
  askAttach(domid, "disk", { file: dropped[0]!, drive });
}

/** Archives are imported, one at a time. All other files are for a new domain. */
async function sort(files: File[], take: (files: File[]) => void): Promise<void> {
  const archives = await Promise.all(files.map(isArchive));
  const [first, ...others] = files.filter((_, i) => archives[i]);
  const rest = files.filter((_, i) => !archives[i]);
  if (!first) return take(files);
  const left = [...others, ...rest];
  if (left.length > 0)
    toast("warning", `A domain is imported alone: this is ${plainName(first.name)}, without the other files.`);
  askLibrary({ what: "import", file: first });
}
