import { useEffect, useRef, type KeyboardEvent } from "react";
import { dateText } from "../ui/clock.ts";
import { sizeText } from "../ui/units.ts";
import type { SnapshotRow } from "./rows.ts";

/** One row is in the focus order; the arrow keys go to the others. */
export function SnapshotList({
  rows,
  selected,
  isRunning,
  onSelect,
}: {
  rows: readonly SnapshotRow[];
  selected: string;
  isRunning: boolean;
  onSelect: (id: string) => void;
}) {
  const list = useRef<HTMLUListElement>(null);
  // The snapshot that the domain continues from is the last of many, mostly.
  useEffect(() => {
    list.current?.querySelector(`[data-id="${selected}"]`)?.scrollIntoView({ block: "nearest" });
  }, [selected]);
  const go = (event: KeyboardEvent, to: number): void => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, to))]!;
    event.preventDefault();
    onSelect(row.snapshot.id);
    list.current?.querySelector<HTMLElement>(`[data-id="${row.snapshot.id}"]`)?.focus();
  };
  return (
    <ul className="snapshot-list card" role="tree" aria-label="Snapshots" ref={list}>
      {rows.map(({ snapshot: { id, name, takenAt, hasMemory, bytes }, depth, isCurrent }, i) => (
        <li
          key={id}
          role="treeitem"
          data-id={id}
          data-depth={Math.min(depth, 12)}
          aria-level={depth + 1}
          aria-selected={id === selected}
          aria-current={isCurrent || undefined}
          tabIndex={id === selected ? 0 : -1}
          onClick={() => onSelect(id)}
          onKeyDown={(event) => {
            if (event.key === "ArrowUp") go(event, i - 1);
            if (event.key === "ArrowDown") go(event, i + 1);
            if (event.key === "Home") go(event, 0);
            if (event.key === "End") go(event, rows.length - 1);
          }}
        >
          <span className="snapshot-name" title={name}>
            {name}
          </span>
          {isCurrent && <span className="badge">{isRunning ? "runs from here" : "now"}</span>}
          <span className="muted snapshot-when">
            {dateText(takenAt)}, {hasMemory ? "memory and disks" : "disks"}, {sizeText(bytes)}
          </span>
        </li>
      ))}
    </ul>
  );
}
