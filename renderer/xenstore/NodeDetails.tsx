import { Copy, FolderPlus, Trash2 } from "lucide-react";
import { useState } from "react";
import { act } from "../state/session.ts";
import { Confirm } from "../ui/Dialog.tsx";
import { Tool } from "../ui/Tool.tsx";
import { NewNode } from "./NewNode.tsx";
import { PermissionsEditor } from "./PermissionsEditor.tsx";
import { parentOf, type StoreTree } from "./tree.ts";
import { say } from "../state/messages.ts";
import { ValueEditor } from "./ValueEditor.tsx";

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
      <PathHead path={path} />
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

function PathHead({ path }: { path: string }) {
  return (
    <header className="card-header">
      <h2 className="store-path mono" title={path}>
        {path}
      </h2>
      <Tool
        label="Copy the path"
        onClick={() =>
          void navigator.clipboard.writeText(path).then(
            () => say("info", "The path was copied."),
            () => say("error", "The clipboard may not be written here."),
          )
        }
      >
        <Copy size={14} />
      </Tool>
    </header>
  );
}
