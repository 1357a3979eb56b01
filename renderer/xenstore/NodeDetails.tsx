import { Copy, FolderPlus, Trash2 } from "lucide-react";
import { useState } from "react";
import { act, request, sentence } from "../state/session.ts";
import { Confirm } from "../ui/Dialog.tsx";
import { bytesOf, textOf } from "./bytes.ts";
import { NewNode } from "./NewNode.tsx";
import { PermissionsEditor } from "./PermissionsEditor.tsx";
import { parentOf, type StoreTree } from "./tree.ts";
import { say } from "../state/messages.ts";

/** Shows the selected node and what may be done with it. Since dom0 may do everything, all of it may be done. */
export function NodeDetails({
  tree,
  path,
  onSelect,
}: {
  tree: StoreTree;
  path: string;
  onSelect: (path: string) => void;
}) {
  const node = tree.node(path);
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState(false);
  if (!node)
    return (
      <section className="card">
        <h2>Node</h2>
        <p className="muted">
          <span className="mono">{path}</span> is not there, or no longer.
        </p>
      </section>
    );
  const remove = async (): Promise<void> => {
    await act("xenstoreRemove", { path });
    tree.refresh(path);
    onSelect(parentOf(path));
  };
  const below = node.children.length;
  return (
    <section className="card store-details">
      <header className="card-header">
        <h2 className="store-path mono" title={path}>
          {path}
        </h2>
        <button
          type="button"
          className="icon-button"
          title="Copy the path"
          aria-label="Copy the path"
          onClick={() =>
            void navigator.clipboard.writeText(path).then(
              () => say("info", "The path was copied."),
              () => say("error", "The clipboard may not be written here."),
            )
          }
        >
          <Copy size={14} />
        </button>
      </header>
      <ValueEditor key={path} tree={tree} path={path} value={node.value} />
      <PermissionsEditor key={`${path} permissions`} tree={tree} path={path} permissions={node.permissions} />
      {adding ? (
        <NewNode
          tree={tree}
          parent={path}
          onClose={(made) => {
            setAdding(false);
            if (made !== null) onSelect(made);
          }}
        />
      ) : (
        <div className="button-row">
          <button type="button" onClick={() => setAdding(true)}>
            <FolderPlus size={14} /> New node below
          </button>
          <button
            type="button"
            className="danger-quiet"
            disabled={path === "/"}
            title={path === "/" ? "The root can't be removed" : undefined}
            onClick={() => setRemoving(true)}
          >
            <Trash2 size={14} /> Remove
          </button>
        </div>
      )}
      {removing && (
        <Confirm
          title="Remove the node"
          text={`${path}${below ? ` and all below it (${below === 1 ? "one child" : `${below} children`})` : ""} is removed from xenstore. Guests that watch it are told; what depends on it may stop to work.`}
          action="Remove"
          onConfirm={() => void remove()}
          onClose={() => setRemoving(false)}
        />
      )}
    </section>
  );
}

/** Edits the value as text. \xNN and \n stand for bytes that are not text. */
function ValueEditor({ tree, path, value }: { tree: StoreTree; path: string; value: string }) {
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
