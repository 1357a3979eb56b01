import { useState } from "react";
import { request, sentence } from "../state/session.ts";
import { bytesOf } from "./bytes.ts";
import { join, type StoreTree } from "./tree.ts";

/** Makes a node: empty as mkdir does, or with a value. */
export function NewNode({
  tree,
  parent,
  onClose,
}: {
  tree: StoreTree;
  parent: string;
  /** Called with the path that was made, or null if none was. */
  onClose: (made: string | null) => void;
}) {
  const [name, setName] = useState("");
  const [value, setValue] = useState("");
  const [error, setError] = useState("");
  const make = async (): Promise<void> => {
    const path = join(parent, name.trim());
    try {
      if (value) await request("xenstoreWrite", { path, value: bytesOf(value) });
      else await request("xenstoreMkdir", { path });
    } catch (reason) {
      setError(sentence(reason));
      return;
    }
    tree.refresh(path);
    onClose(path);
  };
  return (
    <form
      className="store-form"
      aria-label="New node"
      onSubmit={(event) => {
        event.preventDefault();
        if (name.trim()) void make();
      }}
      onKeyDown={({ key }) => key === "Escape" && onClose(null)}
    >
      <div className="field">
        <label htmlFor="store-new-name">Name</label>
        <input
          id="store-new-name"
          className="mono"
          autoFocus
          spellCheck={false}
          aria-invalid={error !== ""}
          aria-describedby={error ? "store-new-error" : undefined}
          value={name}
          onChange={({ target }) => setName(target.value)}
        />
      </div>
      <div className="field">
        <label htmlFor="store-new-value">Value</label>
        <input
          id="store-new-value"
          className="mono"
          spellCheck={false}
          value={value}
          onChange={({ target }) => setValue(target.value)}
        />
      </div>
      {error && (
        <span className="field-error" id="store-new-error" role="alert">
          {error}
        </span>
      )}
      <div className="button-row">
        <button type="submit" className="primary" disabled={!name.trim()}>
          Create
        </button>
        <button type="button" onClick={() => onClose(null)}>
          Cancel
        </button>
      </div>
    </form>
  );
}
