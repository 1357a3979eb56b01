import { useState } from "react";
import { request, sentence } from "../state/session.ts";
import { bytesOf, textOf } from "./bytes.ts";
import type { StoreTree } from "./tree.ts";

/** Edits the value as text. \xNN and \n stand for bytes that are not text. */
export function ValueEditor({ tree, path, value }: { tree: StoreTree; path: string; value: string }) {
  const [draft, setDraft] = useState<string | null>(null);
  const [base, setBase] = useState(value);
  const [error, setError] = useState("");
  const shown = textOf(value);
  const editing = draft !== null && draft !== shown;
  const save = async (): Promise<void> => {
    if (draft === null) return;
    try {
      await request("xenstoreWrite", { path, value: bytesOf(draft) });
      setDraft(null);
      setError("");
    } catch (reason) {
      setError(sentence(reason));
    }
    tree.refresh(path);
  };
  return (
    <div className="field">
      <label htmlFor="store-value">Value</label>
      <textarea
        id="store-value"
        className="mono"
        spellCheck={false}
        rows={Math.min(6, Math.max(2, Math.ceil(shown.length / 36)))}
        value={draft ?? shown}
        onChange={({ target }) => {
          if (draft === null) setBase(value);
          setDraft(target.value);
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.shiftKey) {
            event.preventDefault();
            void save();
          }
          if (event.key === "Escape") setDraft(null);
        }}
      />
      {editing && value !== base && (
        <span className="field-error" role="alert">
          It has changed meanwhile, to “{shown}”.
        </span>
      )}
      {error && (
        <span className="field-error" role="alert">
          {error}
        </span>
      )}
      <span className="field-hint">
        {value.length} {value.length === 1 ? "byte" : "bytes"}. \xNN is a byte, \n a line’s end, \\ a backslash.
      </span>
      <div className="button-row">
        <button type="button" className="primary" disabled={!editing} onClick={() => void save()}>
          Write
        </button>
        <button type="button" disabled={!editing} onClick={() => setDraft(null)}>
          Undo
        </button>
      </div>
    </div>
  );
}
