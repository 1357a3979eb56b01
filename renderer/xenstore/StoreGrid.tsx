import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronRight } from "lucide-react";
import { useEffect, useRef, type KeyboardEvent } from "react";
import { accessWords, permissionOf, textOf } from "./bytes.ts";
import { parentOf, type Row, type StoreTree } from "./tree.ts";
import { Term } from "../glossary/Term.tsx";

const ROW_PIXELS = 26;
/** How long a change is shown. */
const FLASH_MS = 1400;

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
    const row = rows[index];
    switch (event.key) {
      case "ArrowDown":
        go(index + 1);
        break;
      case "ArrowUp":
        go(index - 1);
        break;
      case "PageDown":
        go(index + 15);
        break;
      case "PageUp":
        go(index - 15);
        break;
      case "Home":
        go(0);
        break;
      case "End":
        go(rows.length - 1);
        break;
      case "ArrowRight":
        if (!row) return;
        if (!row.expanded && row.node?.children.length) tree.expand(row.path);
        else if (row.expanded) go(index + 1);
        break;
      case "ArrowLeft":
        if (!row) return;
        if (row.expanded) tree.collapse(row.path);
        else if (row.path !== tree.root) onSelect(parentOf(row.path));
        break;
      default:
        return;
    }
    event.preventDefault();
  };

  return (
    <div className="store-grid">
      <div className="store-head">
        <span aria-hidden>Node</span>
        <span aria-hidden>Value</span>
        <span>
          <Term of="store-owner">Owner</Term>
        </span>
        <span aria-hidden>Others</span>
      </div>
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

function StoreRow({
  row,
  index,
  top,
  selected,
  tree,
  onSelect,
}: {
  row: Row;
  index: number;
  top: number;
  selected: boolean;
  tree: StoreTree;
  onSelect: (path: string) => void;
}) {
  const { path, name, depth, node, expanded } = row;
  const changed = tree.changed(path);
  const flashing = changed !== null && performance.now() - changed.at < FLASH_MS;
  const leaf = node !== null && node.children.length === 0;
  const toggle = (): void => (expanded ? tree.collapse(path) : tree.expand(path));
  return (
    <div
      id={`store-row-${index}`}
      role="row"
      className={selected ? "store-row selected" : "store-row"}
      aria-level={depth + 1}
      aria-rowindex={index + 1}
      aria-selected={selected}
      aria-expanded={leaf ? undefined : expanded}
      data-path={path}
      data-changes={changed?.count ?? 0}
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => onSelect(path)}
      onDoubleClick={toggle}
    >
      {flashing && <span key={changed.count} className="store-flash" aria-hidden />}
      <span role="gridcell" className="store-name" style={{ paddingLeft: 6 + depth * 14 }}>
        <span
          className={`store-twist${expanded ? " open" : ""}${leaf ? " leaf" : ""}`}
          onClick={(event) => {
            event.stopPropagation();
            if (!leaf) toggle();
          }}
        >
          <ChevronRight size={14} aria-hidden />
        </span>
        <span className="mono">{name}</span>
        {node && node.children.length > 0 && <span className="store-count">{node.children.length}</span>}
      </span>
      <span role="gridcell" className="store-value mono" title={node ? textOf(node.value) : undefined}>
        {node ? textOf(node.value) : "…"}
      </span>
      <span role="gridcell" className="store-owner">
        {node && `dom${permissionOf(node.permissions[0]!).domid}`}
      </span>
      <span role="gridcell" className="store-others">
        {node && <Others permissions={node.permissions} />}
      </span>
    </div>
  );
}

/** Shows who besides the owner may do what, in the form of xenstore-ls -p. The words are shown where the pointer rests. */
export function Others({ permissions }: { permissions: string[] }) {
  const [first, ...rest] = permissions.map(permissionOf);
  const words = [
    ...rest.map(({ access, domid }) => `domain ${domid}: ${accessWords(access)}`),
    `all others: ${accessWords(first!.access)}`,
  ].join("; ");
  return (
    <span className="mono" title={words}>
      {rest.map(({ access, domid }) => `${access}${domid}`).join(" ")}
      {rest.length > 0 && first!.access !== "n" && " "}
      {first!.access !== "n" && `*${first!.access}`}
    </span>
  );
}
