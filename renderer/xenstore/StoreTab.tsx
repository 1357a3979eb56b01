import { Search } from "lucide-react";
import { useEffect, useState } from "react";
import type { XenstoreMatches } from "../../core/api/schema.ts";
import { request, sentence } from "../state/session.ts";
import { useHostRuns, useLive } from "../state/live.ts";
import { Accounts } from "./Accounts.tsx";
import { bytesOf } from "./bytes.ts";
import { Changes } from "./Changes.tsx";
import { keptOf } from "./kept.ts";
import { NodeDetails } from "./NodeDetails.tsx";
import { StoreGrid } from "./StoreGrid.tsx";
import { StoreMatchesList } from "./StoreMatchesList.tsx";
import { useStoreTree } from "./useStoreTree.ts";
import { say } from "../state/messages.ts";

const SEARCH_MS = 200;

/** Shows xenstore live: the whole of it, or a domain's own directory. */
export function StoreTab({ root, domid }: { root: string; domid: number | null }) {
  const live = useLive();
  const runs = useHostRuns();
  const tree = useStoreTree(root, () => keptOf(root).expanded);
  const [selected, choose] = useState(keptOf(root).selected);
  const [text, setText] = useState("");
  const found = useSearch(text, root, live);

  const select = (path: string): void => {
    keptOf(root).selected = path;
    choose(path);
    tree.need([path]);
  };
  const reveal = (path: string): void => {
    setText("");
    tree.reveal(path);
    select(path);
  };

  return (
    <div className="store">
      <div className="store-tools">
        <label className="search">
          <Search size={14} aria-hidden />
          <input
            type="search"
            placeholder="Search names, paths, values"
            aria-label="Search xenstore"
            value={text}
            onChange={({ target }) => setText(target.value)}
            onKeyDown={({ key }) => key === "Escape" && setText("")}
          />
        </label>
        <span className="muted store-root mono">{root}</span>
      </div>
      <div className="store-split">
        <div className="store-main">
          {!runs ? (
            <p className="page-empty">There is no xenstore while the host does not run.</p>
          ) : tree.missing ? (
            <p className="page-empty">xenstore has no {root}: it went with its domain.</p>
          ) : found ? (
            <StoreMatchesList found={found} text={text} selected={selected} onSelect={select} onReveal={reveal} />
          ) : (
            <StoreGrid tree={tree} selected={selected} onSelect={select} />
          )}
        </div>
        <aside className="store-side" aria-label="The selected node">
          {runs && <NodeDetails key={selected} tree={tree} path={selected} onSelect={reveal} />}
          <Changes changes={tree.latest} onSelect={reveal} />
        </aside>
      </div>
      {runs && <Accounts only={domid} />}
    </div>
  );
}

/** Returns what matches, asked for a moment after the last key; null while nothing is searched for. */
function useSearch(text: string, below: string, live: boolean): XenstoreMatches | null {
  const [found, setFound] = useState<XenstoreMatches | null>(null);
  useEffect(() => {
    if (!text) setFound(null);
    if (!text || !live) return;
    let current = true;
    const timer = setTimeout(() => {
      request("xenstoreSearch", { text: bytesOf(text), below }).then(
        (result) => current && setFound(result),
        (error: unknown) => current && say("error", sentence(error)),
      );
    }, SEARCH_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [text, below, live]);
  return found;
}
