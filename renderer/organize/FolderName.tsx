import { useState } from "react";
import { Dialog } from "../ui/Dialog.tsx";
import { FormFooter } from "../ui/FormDialog.tsx";
import { addFolder, closeAsked, moveFolder, moveProblem, useGroups } from "./groups.ts";
import { depthOf, isFolderName, joinPath, lastName, MOST_DEPTH, NAME_RULE } from "./paths.ts";
import { folderProblem } from "./problems.ts";

/** Makes a folder, or gives one another name or place. */
export function FolderName({ folder, parent }: { folder: string | null; parent: string | null }) {
  const folders = useGroups((state) => state.folders);
  const [name, setName] = useState(folder === null ? "" : lastName(folder));
  const [place, setPlace] = useState(parent);
  const [asked, setAsked] = useState(false);
  const wanted = name.trim();
  const problemOf = (): string | null => {
    if (!isFolderName(wanted)) return `“${wanted}” is no name of a folder; allowed: ${NAME_RULE}.`;
    return folder === null ? folderProblem(joinPath(place, wanted), folders) : moveProblem(folder, place, wanted);
  };
  const problem = wanted || asked ? problemOf() : null;
  /** The folders that it can lie in. */
  const places = folders.filter((each) =>
    folder === null ? depthOf(each) < MOST_DEPTH : moveProblem(folder, each) === null,
  );
  return (
    <Dialog title={folder === null ? "New folder" : `Folder ${folder}`} onClose={closeAsked}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          setAsked(true);
          if (problemOf() !== null) return;
          if (folder === null) addFolder(joinPath(place, wanted));
          else moveFolder(folder, place, wanted);
          closeAsked();
        }}
      >
        <div className="field">
          <label htmlFor="folder-name">Name</label>
          <input
            id="folder-name"
            autoComplete="off"
            value={name}
            aria-invalid={problem !== null}
            aria-describedby={problem ? "folder-name-note" : undefined}
            onChange={({ target }) => setName(target.value)}
          />
          {problem && (
            <span id="folder-name-note" className="field-error" role="status">
              {problem}
            </span>
          )}
        </div>
        {(places.length > 0 || place !== null) && (
          <div className="field">
            <label htmlFor="folder-place">In the folder</label>
            <select
              id="folder-place"
              value={place ?? ""}
              onChange={({ target }) => setPlace(target.value === "" ? null : target.value)}
            >
              <option value="">None</option>
              {places.map((each) => (
                <option key={each} value={each}>
                  {each}
                </option>
              ))}
            </select>
          </div>
        )}
        <FormFooter action={folder === null ? "Create" : "Save"} onClose={closeAsked} />
      </form>
    </Dialog>
  );
}
