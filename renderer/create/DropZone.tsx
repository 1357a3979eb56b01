import { FileDown, FolderInput, HardDrive, Library } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { say } from "../state/messages.ts";
import { plainName } from "./read-file.ts";

/** Where on the window files are dropped. */
export type DropPlace = "new" | "attach" | "share" | "library";
const PLACES: readonly DropPlace[] = ["new", "attach", "share", "library"];

/**
 * Lets the whole window take files, in labelled zones: for a new domain, for the domain that is looked at, for the folders that it shares, and for the
 * host's disk images.
 */
export function DropZone({
  attachTo,
  shares,
  onFiles,
}: {
  /** The name of the running domain that is looked at, or null if there is none. */
  attachTo: string | null;
  /** The tags of the folders that it shares. */
  shares: readonly string[];
  onFiles: (files: File[], place: DropPlace) => void;
}) {
  const [over, setOver] = useState<DropPlace | null>(null);
  const hear = useRef(onFiles);
  hear.current = onFiles;
  useEffect(() => {
    // Enter and leave events come from children too. The depth tells when the pointer has really left.
    let depth = 0;
    const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
    const enter = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      depth++;
      setOver(placeOf(event));
    };
    const leave = (): void => {
      depth = Math.max(0, depth - 1);
      if (!depth) setOver(null);
    };
    const drag = (event: DragEvent): void => {
      if (hasFiles(event)) event.preventDefault();
    };
    const drop = (event: DragEvent): void => {
      depth = 0;
      setOver(null);
      if (!hasFiles(event)) return;
      event.preventDefault();
      const files = withoutFolders(event.dataTransfer!);
      if (files.length) hear.current(files, placeOf(event));
    };
    window.addEventListener("dragenter", enter);
    window.addEventListener("dragleave", leave);
    window.addEventListener("dragover", drag);
    window.addEventListener("drop", drop);
    return () => {
      window.removeEventListener("dragenter", enter);
      window.removeEventListener("dragleave", leave);
      window.removeEventListener("dragover", drag);
      window.removeEventListener("drop", drop);
    };
  }, []);
  if (!over) return null;
  return (
    <div className="drop-zone" role="status">
      <div data-drop="new" data-over={over === "new"}>
        <FileDown size={36} aria-hidden />
        <p>New domain</p>
        <p className="drop-what">from a disk image, a CD, a kernel with or without its RAM disk, or an xl.cfg</p>
        <p className="drop-what">an OVA, an XVA or an exported domain is imported</p>
      </div>
      {attachTo !== null && (
        <div data-drop="attach" data-over={over === "attach"}>
          <HardDrive size={36} aria-hidden />
          <p>Attach to {attachTo}</p>
          <p className="drop-what">a disk image as a disk, an ISO image as a CD</p>
        </div>
      )}
      {attachTo !== null && shares.length > 0 && (
        <div data-drop="share" data-over={over === "share"}>
          <FolderInput size={36} aria-hidden />
          <p>Put into a shared folder of {attachTo}</p>
          <p className="drop-what">any files, into {shares.join(" or ")}: the guest finds them there</p>
        </div>
      )}
      <div data-drop="library" data-over={over === "library"}>
        <Library size={36} aria-hidden />
        <p>Add to the library</p>
        <p className="drop-what">disk images: the host keeps a copy of each, for domains to come</p>
      </div>
    </div>
  );
}

/** Each folder is told of: a browser reads nothing of it. */
function withoutFolders({ items }: DataTransfer): File[] {
  const files: File[] = [];
  for (const item of items) {
    const entry = item.webkitGetAsEntry();
    if (entry?.isDirectory) {
      say("error", `${plainName(entry.name)} is a folder: drop the files that are in it.`);
      continue;
    }
    const file = item.getAsFile();
    if (file) files.push(file);
  }
  return files;
}

/** Files that are dropped outside of the zones are for a new domain. */
function placeOf({ target }: DragEvent): DropPlace {
  const zone = target instanceof Element ? target.closest<HTMLElement>("[data-drop]") : null;
  return PLACES.find((place) => place === zone?.dataset.drop) ?? "new";
}
