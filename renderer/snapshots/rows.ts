/** A tree of snapshots as the lines of a list. */
import type { SnapshotReport, SnapshotTree } from "../../core/api/schema.ts";

export interface SnapshotRow {
  snapshot: SnapshotReport;
  /** How many are above it. */
  depth: number;
  /** The domain goes on from it. */
  isCurrent: boolean;
}

/** Each below the one that it came after, the oldest first. A line of snapshots without branches stays a line: only a branch goes to the right. */
export function rowsOf({ snapshots, current }: SnapshotTree): SnapshotRow[] {
  const rows: SnapshotRow[] = [];
  const below = (parent: string | null, depth: number): void => {
    const children = snapshots.filter((each) => each.parent === parent).sort((a, b) => a.takenAt - b.takenAt);
    children.forEach((snapshot, i) => {
      // The last goes on where its parent stands.
      const at = i === children.length - 1 ? depth : depth + 1;
      rows.push({ snapshot, depth: at, isCurrent: snapshot.id === current });
      below(snapshot.id, at);
    });
  };
  below(null, 0);
  return rows;
}

/** A name that none has yet. */
export function freeName(base: string, taken: readonly string[]): string {
  if (!taken.includes(base)) return base;
  for (let n = 2; ; n++) if (!taken.includes(`${base} ${n}`)) return `${base} ${n}`;
}
