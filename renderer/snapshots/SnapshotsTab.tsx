import { Camera, CopyPlus, History, Pencil, Trash2 } from "lucide-react";
import { useRef, useState, type KeyboardEvent } from "react";
import type { SnapshotReport, SnapshotWork } from "../../core/api/schema.ts";
import "../styles/snapshots.css";
import { askLibrary } from "../library/asked.ts";
import { act } from "../state/session.ts";
import { ask } from "../state/store.ts";
import { dateText } from "../ui/clock.ts";
import { sizeText } from "../ui/units.ts";
import { CloneDialog, RenameDialog, RevertDialog, TakeDialog } from "./dialogs.tsx";
import { Picture } from "./Picture.tsx";
import { rowsOf, type SnapshotRow } from "./rows.ts";
import { useSnapshots } from "./use-snapshots.ts";

const WORK_WORDS: Record<SnapshotWork["what"], string> = {
  take: "A snapshot is being taken",
  revert: "The domain goes back to a snapshot",
  delete: "A snapshot is deleted, and its disks are merged",
  merge: "Disks are being merged",
  clone: "A domain is made from a snapshot",
  rename: "A snapshot is renamed",
  fork: "The domain is forked",
};
/** The kinds of work that can be cancelled. */
const CANCELLED: readonly SnapshotWork["what"][] = ["take", "delete", "merge", "fork"];

type Asked = "take" | "revert" | "clone" | "rename";

/** Lists the snapshots of a domain, whether it runs or not. */
export function SnapshotsTab({ uuid, name, isRunning }: { uuid: string; name: string; isRunning: boolean }) {
  const { tree, work, problem } = useSnapshots(uuid);
  const [chosen, setChosen] = useState<string | null>(null);
  const [asked, setAsked] = useState<Asked | null>(null);
  const snapshots = tree?.snapshots ?? [];
  const rows = tree ? rowsOf(tree) : [];
  const selected =
    snapshots.find(({ id }) => id === chosen) ?? snapshots.find(({ id }) => id === tree?.current) ?? snapshots[0];
  const dialog = { uuid, name, snapshots, isRunning, onClose: () => setAsked(null) };
  return (
    <div className="snapshots">
      <div className="snapshots-tools">
        <button
          type="button"
          className="primary"
          disabled={work !== null || problem !== null}
          onClick={() => setAsked("take")}
        >
          <Camera size={14} aria-hidden /> Take a snapshot…
        </button>
        {isRunning && (
          <button
            type="button"
            disabled={work !== null || problem !== null}
            onClick={() => askLibrary({ what: "fork", uuid })}
          >
            Fork…
          </button>
        )}
        {tree && tree.unmerged > 0 && !work && (
          <button type="button" onClick={() => void act("snapshotMerge", { uuid })}>
            Merge what deleted snapshots have left
          </button>
        )}
        {work && <Work uuid={uuid} work={work} />}
      </div>
      {problem !== null ? (
        <p className="banner banner-error" role="alert">
          {problem}
        </p>
      ) : tree === undefined ? (
        <p className="page-empty" role="status">
          Looking…
        </p>
      ) : !selected ? (
        <p className="page-empty">
          No snapshots. One keeps the disks of {name}, and its memory while it runs, as they are at one moment: to go
          back to, or to make other domains from.
        </p>
      ) : (
        <div className="snapshots-body">
          <SnapshotList rows={rows} selected={selected.id} isRunning={isRunning} onSelect={setChosen} />
          <section className="card snapshot-card" aria-label={`Snapshot ${selected.name}`}>
            <Picture uuid={uuid} snapshot={selected} />
            <h2>{selected.name}</h2>
            <Facts snapshot={selected} />
            <div className="snapshot-buttons">
              <button type="button" disabled={work !== null} onClick={() => setAsked("revert")}>
                <History size={13} aria-hidden /> Go back…
              </button>
              <button type="button" disabled={work !== null} onClick={() => setAsked("clone")}>
                <CopyPlus size={13} aria-hidden /> New domain…
              </button>
              <button type="button" disabled={work !== null} onClick={() => setAsked("rename")}>
                <Pencil size={13} aria-hidden /> Rename…
              </button>
              <button
                type="button"
                disabled={work !== null || selected.clones.length > 0}
                title={
                  selected.clones.length > 0
                    ? `${selected.clones.join(", ")} lies on its disks: delete that first`
                    : undefined
                }
                onClick={() => askDelete(uuid, selected)}
              >
                <Trash2 size={13} aria-hidden /> Delete…
              </button>
            </div>
          </section>
        </div>
      )}
      {asked === "take" && <TakeDialog {...dialog} />}
      {asked === "revert" && selected && <RevertDialog {...dialog} snapshot={selected} />}
      {asked === "clone" && selected && <CloneDialog {...dialog} snapshot={selected} />}
      {asked === "rename" && selected && <RenameDialog {...dialog} snapshot={selected} />}
    </div>
  );
}

function askDelete(uuid: string, { id, name, hasMemory }: SnapshotReport): void {
  ask({
    title: `Delete ${name}`,
    text: `The domain can’t go back to it any more${hasMemory ? ", and its memory of then is gone" : ""}. What its disks have is merged into what came after it; the domain and its other snapshots stay as they are.`,
    action: "Delete",
    onConfirm: () => void act("snapshotDelete", { uuid, snapshot: id }),
  });
}

function Work({ uuid, work: { what, share } }: { uuid: string; work: SnapshotWork }) {
  return (
    <div className="snapshots-work" role="status">
      <span>{WORK_WORDS[what]}</span>
      <progress aria-label={WORK_WORDS[what]} max={1} value={share ?? undefined} />
      {share !== null && <span className="muted">{Math.floor(share * 100)} %</span>}
      {CANCELLED.includes(what) && (
        <button type="button" onClick={() => void act("snapshotCancel", { uuid })}>
          Cancel
        </button>
      )}
    </div>
  );
}

/** One row is in the focus order; the arrow keys go to the others. */
function SnapshotList({
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

function Facts({ snapshot: { takenAt, hasMemory, memoryMiB, bytes, clones } }: { snapshot: SnapshotReport }) {
  return (
    <dl className="facts">
      <dt>Taken</dt>
      <dd>{dateText(takenAt)}</dd>
      <dt>It has</dt>
      <dd>{hasMemory ? `${Math.round(memoryMiB)} MiB of memory, and the disks` : "the disks"}</dd>
      <dt>On this computer’s disk</dt>
      <dd>{sizeText(bytes)}</dd>
      {clones.length > 0 && (
        <>
          <dt>Domains made from it</dt>
          <dd>{clones.join(", ")}</dd>
        </>
      )}
    </dl>
  );
}
