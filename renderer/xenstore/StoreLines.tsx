import { useEffect } from "react";
import { textOf } from "./bytes.ts";
import { useStoreTree } from "./useStoreTree.ts";

/** Shows a directory of xenstore as a few lines, followed by a watch. */
export function StoreLines({ root }: { root: string }) {
  const tree = useStoreTree(root, () => new Set([root]));
  const rows = tree.rows();
  useEffect(() => tree.need(rows.flatMap(({ path, node }) => (node ? [] : [path]))));
  return (
    <div className="store-lines">
      <h3 className="mono">{root}</h3>
      {tree.missing ? (
        <p className="muted">There is no such node.</p>
      ) : (
        <dl className="facts mono">
          {rows.slice(1).map(({ path, name, node }) => (
            <div key={path} className="fact-row">
              <dt>{name}</dt>
              <dd>{node ? textOf(node.value) || "\u2013" : "…"}</dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  );
}
