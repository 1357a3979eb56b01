import { X } from "lucide-react";
import { useState, type FormEvent } from "react";
import { Dialog } from "../ui/Dialog.tsx";
import {
  addFolder,
  changeTags,
  isTag,
  MOST_FOLDERS,
  MOST_TAGS,
  moveFolder,
  moveProblem,
  moveTo,
  TAG_RULE,
  useAsked,
  useGroups,
} from "./groups.ts";
import {
  depthOf,
  isFolderName,
  isPath,
  joinPath,
  lastName,
  MOST_DEPTH,
  NAME_RULE,
  PATH_RULE,
  withParents,
} from "./paths.ts";

const close = (): void => useAsked.setState({ asked: null });

/** The dialogs about folders and tags. */
export function Organize() {
  const asked = useAsked((state) => state.asked);
  if (!asked) return null;
  return asked.what === "domains" ? <OfDomains names={asked.names} /> : <FolderName {...asked} />;
}

/** Says why there cannot be a folder of that path; null if there can. */
function folderProblem(path: string, folders: readonly string[]): string | null {
  if (!isPath(path)) return `“${path}” is no folder; allowed: ${PATH_RULE}.`;
  const added = withParents(path).filter((each) => !folders.includes(each)).length;
  return folders.length + added > MOST_FOLDERS
    ? `There are ${folders.length} folders already; allowed: ${MOST_FOLDERS}.`
    : null;
}

function OfDomains({ names }: { names: readonly string[] }) {
  const { folders, places, tags } = useGroups();
  const mine = [...new Set(names.map((name) => places.get(name) ?? ""))];
  const same = mine.length === 1 ? mine[0]! : null;
  const [folder, setFolder] = useState<string | null>(null);
  const [text, setText] = useState("");
  const [removed, setRemoved] = useState<ReadonlySet<string>>(new Set());
  const counts = new Map<string, number>();
  for (const name of names) for (const tag of tags.get(name) ?? []) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  const known = [...new Set([...tags.values()].flat())].filter((tag) => counts.get(tag) !== names.length);
  const shown = [...counts.keys()].filter((tag) => !removed.has(tag));

  const added = text.split(/[\s,]+/).filter((each) => each);
  const wrongTag = added.find((each) => !isTag(each));
  const most = Math.max(
    ...names.map((name) => new Set([...(tags.get(name) ?? []).filter((each) => !removed.has(each)), ...added]).size),
  );
  const tagProblem =
    wrongTag !== undefined
      ? `“${wrongTag}” is no tag; allowed: ${TAG_RULE}.`
      : most > MOST_TAGS
        ? `That makes ${most} tags; allowed: ${MOST_TAGS} for a domain.`
        : null;
  const wanted = folder?.trim() ?? null;
  const problem = wanted ? folderProblem(wanted, folders) : null;

  const save = (event: FormEvent): void => {
    event.preventDefault();
    if (problem || tagProblem) {
      document.querySelector<HTMLElement>(`#organize-${problem ? "folder" : "tags"}`)?.focus();
      return;
    }
    if (wanted !== null) moveTo(names, wanted || null);
    if (added.length || removed.size) changeTags(names, added, [...removed]);
    close();
  };
  return (
    <Dialog title={`Folder and tags of ${names.length === 1 ? names[0] : `${names.length} domains`}`} onClose={close}>
      <form className="form" onSubmit={save}>
        <div className="field">
          <label htmlFor="organize-folder">Folder</label>
          <input
            id="organize-folder"
            list="organize-folders"
            autoComplete="off"
            placeholder={same === null ? "In different folders" : "None"}
            value={folder ?? same ?? ""}
            aria-invalid={problem !== null}
            aria-describedby="organize-folder-note"
            onChange={({ target }) => setFolder(target.value)}
          />
          <datalist id="organize-folders">
            {folders.map((each) => (
              <option key={each} value={each} />
            ))}
          </datalist>
          <span id="organize-folder-note" className={problem ? "field-error" : "field-hint"} role="status">
            {problem ?? "A new name makes a folder, as web/prod one in another; empty means none."}
          </span>
        </div>
        {shown.length > 0 && (
          <ul className="tag-list" aria-label="Tags">
            {shown.map((tag) => (
              <li key={tag} className="tag">
                {tag}
                {counts.get(tag) !== names.length && (
                  <span className="muted">
                    {counts.get(tag)} of {names.length}
                  </span>
                )}
                <button
                  type="button"
                  className="icon-button"
                  aria-label={`Remove the tag ${tag}`}
                  onClick={() => setRemoved(new Set([...removed, tag]))}
                >
                  <X size={12} aria-hidden />
                </button>
              </li>
            ))}
          </ul>
        )}
        <div className="field">
          <label htmlFor="organize-tags">Add tags</label>
          <input
            id="organize-tags"
            list="organize-known"
            autoComplete="off"
            spellCheck={false}
            value={text}
            aria-invalid={tagProblem !== null}
            aria-describedby="organize-tags-note"
            onChange={({ target }) => setText(target.value)}
          />
          <datalist id="organize-known">
            {known.map((each) => (
              <option key={each} value={each} />
            ))}
          </datalist>
          <span id="organize-tags-note" className={tagProblem ? "field-error" : "field-hint"} role="status">
            {tagProblem ?? "With spaces or commas between them. The search finds domains by them."}
          </span>
        </div>
        <footer className="dialog-footer">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" className="primary">
            Save
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

/** Makes a folder, or gives one another name or place. */
function FolderName({ folder, parent }: { folder: string | null; parent: string | null }) {
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
    <Dialog title={folder === null ? "New folder" : `Folder ${folder}`} onClose={close}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          setAsked(true);
          if (problemOf() !== null) return;
          if (folder === null) addFolder(joinPath(place, wanted));
          else moveFolder(folder, place, wanted);
          close();
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
        <footer className="dialog-footer">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" className="primary">
            {folder === null ? "Create" : "Save"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
