/** What keys do in the tree of nodes: they go from row to row, and unfold and fold. */
import { parentOf, type Row, type StoreTree } from "./tree.ts";

const PAGE_ROWS = 15;

/** What a key asks for: another row by its place, another node by its path, or one that is unfolded or folded; null: nothing. */
export type GridMove = { go: number } | { select: string } | { expand: string } | { collapse: string } | null;

/** `index`: of the row that is selected, -1 if it is not among them. undefined: the key is none of the tree's. */
export function afterKey(
  key: string,
  rows: readonly Row[],
  index: number,
  root: StoreTree["root"],
): GridMove | undefined {
  const row = rows[index];
  switch (key) {
    case "ArrowDown":
      return { go: index + 1 };
    case "ArrowUp":
      return { go: index - 1 };
    case "PageDown":
      return { go: index + PAGE_ROWS };
    case "PageUp":
      return { go: index - PAGE_ROWS };
    case "Home":
      return { go: 0 };
    case "End":
      return { go: rows.length - 1 };
    case "ArrowRight":
      if (!row) return undefined;
      if (row.expanded) return { go: index + 1 };
      return row.node?.children.length ? { expand: row.path } : null;
    case "ArrowLeft":
      if (!row) return undefined;
      if (row.expanded) return { collapse: row.path };
      return row.path === root ? null : { select: parentOf(row.path) };
    default:
      return undefined;
  }
}
