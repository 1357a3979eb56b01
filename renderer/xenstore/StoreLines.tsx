import { useEffect, useMemo, useSyncExternalStore } from "react";
import { onStoreChanged, request, sentence } from "../state/session.ts";
import { useLive } from "../state/live.ts";
import { toast } from "../state/store.ts";
import { textOf } from "./bytes.ts";
import { StoreTree } from "./tree.ts";

/** A directory of xenstore as a few lines, followed by a watch. */
export function StoreLines({ root }: { root: string }) {
  const live = useLive();
  const tree = useMemo(
    () => new StoreTree(root, new Set([root]), request, (error) => toast("error", sentence(error))),
    [root],
  );
  useSyncExternalStore(tree.subscribe, tree.version);
  const rows = tree.rows();
  useEffect(() => {
    if (!live) return;
    const deaf = onStoreChanged((event) => void tree.heard(event));
    void tree.open();
    return () => {
      deaf();
      tree.close();
    };
  }, [tree, live]);
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
