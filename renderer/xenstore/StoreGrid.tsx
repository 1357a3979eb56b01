import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, type KeyboardEvent } from "react";
import { afterKey } from "./grid-keys.ts";
import { StoreRow } from "./StoreRow.tsx";
import type { StoreTree } from "./tree.ts";
import { Term } from "../glossary/Term.tsx";

const ROW_PIXELS = 26;

/** Shows the tree as rows. Only visible rows are in the document and are asked for. */
export function StoreGrid({
  tree,
  selected,
  onSelect,
}: {
  tree: StoreTree;
  selected: string;
  onSelect: (path: string) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const rows = tree.rows();
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PIXELS,
    overscan: 12,
    getItemKey: (i) => rows[i]!.path,
  });
  const items = virtual.getVirtualItems();
  const index = rows.findIndex(({ path }) => path === selected);
  const active = items.some((item) => item.index === index) ? `store-row-${index}` : undefined;

  useEffect(() => {
    tree.need(items.flatMap((item) => (rows[item.index]!.node ? [] : [rows[item.index]!.path])));
  });
  useEffect(() => {
    if (index >= 0) virtual.scrollToIndex(index);
    // Only the selection scrolls the list, not nodes that come and go above it.
  }, [selected]);

  const go = (to: number): void => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, to))];
    if (!row) return;
    onSelect(row.path);
    virtual.scrollToIndex(rows.indexOf(row));
  };
  const onKey = (event: KeyboardEvent): void => {
    const move = afterKey(event.key, rows, index, tree.root);
    if (move === undefined) return;
    event.preventDefault();
    if (move === null) return;
    if ("go" in move) go(move.go);
    else if ("select" in move) onSelect(move.select);
    else if ("expand" in move) tree.expand(move.expand);
    else tree.collapse(move.collapse);
  };

  return (
    <div className="store-grid">
      <Head />
      <div
        ref={box}
        className="store-rows"
        role="treegrid"
        aria-label="Nodes of xenstore"
        aria-rowcount={rows.length}
        aria-activedescendant={active}
        tabIndex={0}
        onKeyDown={onKey}
      >
        <div role="rowgroup" className="store-sized" style={{ height: virtual.getTotalSize() }}>
          {items.map((item) => {
            const row = rows[item.index]!;
            return (
              <StoreRow
                key={item.key}
                row={row}
                index={item.index}
                top={item.start}
                selected={row.path === selected}
                tree={tree}
                onSelect={onSelect}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

/** The columns, for who sees them: each cell says itself what it is. */
function Head() {
  return (
    <div className="store-head">
      <span aria-hidden>Node</span>
      <span aria-hidden>Value</span>
      <span>
        <Term of="store-owner">Owner</Term>
      </span>
      <span aria-hidden>Others</span>
    </div>
  );
}
