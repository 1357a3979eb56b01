import { useEffect, useMemo, useSyncExternalStore } from "react";
import { onStoreChanged, request, sentence } from "../state/session.ts";
import { useLive } from "../state/live.ts";
import { StoreTree } from "./tree.ts";
import { say } from "../state/messages.ts";

/** The nodes below `root` as they change, watched only while somebody sees them. `expanded` belongs to the caller, who may keep it. */
export function useStoreTree(root: string, expanded: () => Set<string>): StoreTree {
  const live = useLive();
  const tree = useMemo(
    () => new StoreTree(root, expanded(), request, (error) => say("error", sentence(error))),
    [root],
  );
  useSyncExternalStore(tree.subscribe, tree.version);
  useEffect(() => {
    if (!live) return;
    const deaf = onStoreChanged((event) => void tree.heard(event));
    void tree.open();
    return () => {
      deaf();
      tree.close();
    };
  }, [tree, live]);
  return tree;
}
