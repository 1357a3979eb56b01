import { X } from "lucide-react";
import { useState, type FormEvent } from "react";
import { Dialog } from "../ui/Dialog.tsx";
import { FormFooter } from "../ui/FormDialog.tsx";
import { changeTags, closeAsked, moveTo, useGroups } from "./groups.ts";
import { folderProblem, tagProblem, tagsIn } from "./problems.ts";

/** In which folder domains lie, and their tags. */
export function OfDomains({ names }: { names: readonly string[] }) {
  const { folders, places, tags } = useGroups();
  const mine = [...new Set(names.map((name) => places.get(name) ?? ""))];
  const same = mine.length === 1 ? mine[0]! : null;
  const [folder, setFolder] = useState<string | null>(null);
  const [text, setText] = useState("");
  const [removed, setRemoved] = useState<ReadonlySet<string>>(new Set());
  const counts = new Map<string, number>();
  for (const name of names) for (const tag of tags.get(name) ?? []) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  const known = [...new Set([...tags.values()].flat())].filter((tag) => counts.get(tag) !== names.length);

  const added = tagsIn(text);
  const wrongTag = tagProblem(
    added,
    names.map((name) => (tags.get(name) ?? []).filter((each) => !removed.has(each))),
  );
  const wanted = folder?.trim() ?? null;
  const wrongFolder = wanted ? folderProblem(wanted, folders) : null;

  const save = (event: FormEvent): void => {
    event.preventDefault();
    if (wrongFolder || wrongTag) {
      document.querySelector<HTMLElement>(`#organize-${wrongFolder ? "folder" : "tags"}`)?.focus();
      return;
    }
    if (wanted !== null) moveTo(names, wanted || null);
    if (added.length || removed.size) changeTags(names, added, [...removed]);
    closeAsked();
  };
  return (
    <Dialog
      title={`Folder and tags of ${names.length === 1 ? names[0] : `${names.length} domains`}`}
      onClose={closeAsked}
    >
      <form className="form" onSubmit={save}>
        <TextWithList
          id="organize-folder"
          label="Folder"
          placeholder={same === null ? "In different folders" : "None"}
          value={folder ?? same ?? ""}
          list={folders}
          problem={wrongFolder}
          hint="A new name makes a folder, as web/prod one in another; empty means none."
          onValue={setFolder}
        />
        <TagList
          counts={[...counts].filter(([tag]) => !removed.has(tag))}
          of={names.length}
          onRemove={(tag) => setRemoved(new Set([...removed, tag]))}
        />
        <TextWithList
          id="organize-tags"
          label="Add tags"
          spellCheck={false}
          value={text}
          list={known}
          problem={wrongTag}
          hint="With spaces or commas between them. The search finds domains by them."
          onValue={setText}
        />
        <FormFooter action="Save" onClose={closeAsked} />
      </form>
    </Dialog>
  );
}

/** A text that may be one of a list. What is wrong with it stands in the place of the hint. */
function TextWithList({
  id,
  label,
  value,
  list,
  problem,
  hint,
  onValue,
  ...input
}: {
  id: string;
  label: string;
  placeholder?: string;
  spellCheck?: boolean;
  value: string;
  list: readonly string[];
  problem: string | null;
  hint: string;
  onValue: (value: string) => void;
}) {
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        {...input}
        id={id}
        list={`${id}-list`}
        autoComplete="off"
        value={value}
        aria-invalid={problem !== null}
        aria-describedby={`${id}-note`}
        onChange={({ target }) => onValue(target.value)}
      />
      <datalist id={`${id}-list`}>
        {list.map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
      <span id={`${id}-note`} className={problem ? "field-error" : "field-hint"} role="status">
        {problem ?? hint}
      </span>
    </div>
  );
}

/** Tags that domains have, each with how many of them have it, unless all do. */
function TagList({
  counts,
  of,
  onRemove,
}: {
  counts: readonly (readonly [tag: string, count: number])[];
  of: number;
  onRemove: (tag: string) => void;
}) {
  if (counts.length === 0) return null;
  return (
    <ul className="tag-list" aria-label="Tags">
      {counts.map(([tag, count]) => (
        <li key={tag} className="tag">
          {tag}
          {count !== of && (
            <span className="muted">
              {count} of {of}
            </span>
          )}
          <button
            type="button"
            className="icon-button"
            aria-label={`Remove the tag ${tag}`}
            onClick={() => onRemove(tag)}
          >
            <X size={12} aria-hidden />
          </button>
        </li>
      ))}
    </ul>
  );
}
