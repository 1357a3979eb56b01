/** A tree of snapshots as the lines of a list. */
import type { SnapshotReport, SnapshotTree } from "../../core/api/schema.ts";

export interface SnapshotRow {
  snapshot: SnapshotReport;
  /** How many levels are above it. */
  depth: number;
  /** Whether the domain continues from it. */
  isCurrent: boolean;
}

/**
 * Each snapshot stands below the one that it followed, the oldest first. A line of snapshots without branches stays straight; only a branch is moved
 * to the right.
 */
export function rowsOf({ snapshots, current }: SnapshotTree): SnapshotRow[] {
  const rows: SnapshotRow[] = [];
  const below = (parent: string | null, depth: number): void => {
    const children = snapshots.filter((each) => each.parent === parent).sort((a, b) => a.takenAt - b.takenAt);
    children.forEach((snapshot, i) => {
      // The last child stays at the depth of its parent.
      const at = i === children.length - 1 ? depth : depth + 1;
      rows.push({ snapshot, depth: at, isCurrent: snapshot.id === current });
      below(snapshot.id, at);
    });
  };
  below(null, 0);
  return rows;
}

/** Returns a name that no snapshot has yet. */
export function freeName(base: string, taken: readonly string[]): string {
  if (!taken.includes(base)) return base;
  for (let n = 2; ; n++) if (!taken.includes(`${base} ${n}`)) return `${base} ${n}`;
}
