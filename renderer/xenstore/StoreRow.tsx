import { ChevronRight } from "lucide-react";
import { permissionOf, textOf } from "./bytes.ts";
import { Others } from "./Others.tsx";
import type { Row, StoreTree } from "./tree.ts";

/** How long a change is shown. */
const FLASH_MS = 1400;

/** A node: its name below its parent's, its value, and who may do what. */
export function StoreRow({
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
