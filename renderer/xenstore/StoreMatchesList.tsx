import { useVirtualizer } from "@tanstack/react-virtual";
import { useRef, type KeyboardEvent } from "react";
import type { XenstoreMatches } from "../../core/api/schema.ts";
import { textOf } from "./bytes.ts";

const ROW_PIXELS = 40;

/** Lists what a search found. Enter or a double click shows the node in the tree. */
export function StoreMatchesList({
  found,
  text,
  selected,
  onSelect,
  onReveal,
}: {
  found: XenstoreMatches;
  text: string;
  selected: string;
  onSelect: (path: string) => void;
  onReveal: (path: string) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const { matches, more } = found;
  const virtual = useVirtualizer({
    count: matches.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PIXELS,
    overscan: 8,
  });
  const index = matches.findIndex(({ path }) => path === selected);
  const items = virtual.getVirtualItems();
  const go = (to: number): void => {
    const match = matches[Math.max(0, Math.min(matches.length - 1, to))];
    if (!match) return;
    onSelect(match.path);
    virtual.scrollToIndex(matches.indexOf(match));
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === "ArrowDown") go(index + 1);
    else if (event.key === "ArrowUp") go(index - 1);
    else if (event.key === "Enter" && matches[index]) onReveal(matches[index].path);
    else return;
    event.preventDefault();
  };
  if (matches.length === 0) return <p className="page-empty">No node has “{text}” in its name, value or path.</p>;
  return (
    <div className="store-grid">
      <p className="store-found muted" role="status">
        {more ? `The first ${matches.length} nodes` : matches.length === 1 ? "One node" : `${matches.length} nodes`}{" "}
        with “{text}”. Enter shows one in the tree.
      </p>
      <div
        ref={box}
        className="store-rows"
        role="listbox"
        aria-label="Nodes found"
        aria-activedescendant={items.some((item) => item.index === index) ? `store-match-${index}` : undefined}
        tabIndex={0}
        onKeyDown={onKey}
      >
        <div role="presentation" className="store-sized" style={{ height: virtual.getTotalSize() }}>
          {items.map((item) => {
            const match = matches[item.index]!;
            return (
              <div
                key={match.path}
                id={`store-match-${item.index}`}
                role="option"
                aria-selected={match.path === selected}
                className={match.path === selected ? "store-match selected" : "store-match"}
                style={{ transform: `translateY(${item.start}px)` }}
                onClick={() => onSelect(match.path)}
                onDoubleClick={() => onReveal(match.path)}
              >
                <span className="mono">{match.path}</span>
                <span className="mono muted">{textOf(match.value) || "(empty)"}</span>
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
