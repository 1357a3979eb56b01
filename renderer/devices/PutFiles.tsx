import { useEffect, useState } from "react";
import { useApp } from "../state/store.ts";
import { FormDialog } from "../ui/FormDialog.tsx";
import { closePut, nameInFolder, putFiles, sharedFoldersOf, usePut } from "./shared-folders.ts";

/** How many names are told of the files that were given. */
const MOST_NAMED = 8;

/** Asks into which of a domain's shared folders files are to be put. */
export function PutFiles() {
  const asked = usePut((state) => state.asked);
  const domain = useApp(({ domains }) => domains.find(({ domid }) => domid === asked?.domid));
  const [chosen, setChosen] = useState<string | null>(null);
  const folders = sharedFoldersOf(domain);
  const isPossible = folders.length > 0;
  useEffect(() => {
    if (asked && !isPossible) closePut();
  }, [asked, isPossible]);
  const folder = folders.find(({ id }) => id === chosen) ?? folders[0];
  if (!asked || !folder) return null;
  const names = asked.files.map(({ name }) => nameInFolder(name));
  const more = names.length - MOST_NAMED;
  return (
    <FormDialog
      title={`Put into a shared folder of ${folder.domain}`}
      action="Put there"
      ready
      // It is a task of the host, which shows how far it is.
      deed={() => void putFiles(folder, asked.files, false)}
      onClose={closePut}
    >
      <p className="dialog-text">
        {names.slice(0, MOST_NAMED).join(", ")}
        {more > 0 && `, and ${more} more`}
      </p>
      <div className="field">
        <label htmlFor="put-folder">Shared folder</label>
        <select id="put-folder" value={folder.id} onChange={({ target }) => setChosen(target.value)}>
          {folders.map(({ id, tag }) => (
            <option key={id} value={id}>
              {tag}
            </option>
          ))}
        </select>
      </div>
    </FormDialog>
  );
}
