import { Camera, Trash2 } from "lucide-react";
import type { SnapshotTree, SnapshotWork } from "../../core/api/schema.ts";
import { askLibrary } from "../library/asked.ts";
import { act } from "../state/session.ts";

const WORK_WORDS: Record<SnapshotWork["what"], string> = {
  take: "A snapshot is being taken",
  revert: "The domain goes back to a snapshot",
  delete: "A snapshot is deleted",
  restore: "A snapshot is put back",
  purge: "Snapshots are removed for good, and their disks are merged",
  merge: "Disks are being merged",
  clone: "A domain is made from a snapshot",
  rename: "A snapshot is renamed",
  fork: "The domain is forked",
};
/** The kinds of work that can be cancelled. */
const CANCELLED: readonly SnapshotWork["what"][] = ["take", "delete", "purge", "merge", "fork"];

/** What can be done with a domain's snapshots as a whole, and what the host does with them now. */
export function SnapshotTools({
  uuid,
  isRunning,
  tree,
  work,
  isWrong,
  onTake,
}: {
  uuid: string;
  isRunning: boolean;
  tree: SnapshotTree | null | undefined;
  work: SnapshotWork | null;
  /** There can be none. */
  isWrong: boolean;
  onTake: () => void;
}) {
  return (
    <div className="snapshots-tools">
      <button type="button" className="primary" disabled={work !== null || isWrong} onClick={onTake}>
        <Camera size={14} aria-hidden /> Take a snapshot…
      </button>
      {isRunning && (
        <button type="button" disabled={work !== null || isWrong} onClick={() => askLibrary({ what: "fork", uuid })}>
          Fork…
        </button>
      )}
      {tree && tree.unmerged > 0 && !work && (
        <button type="button" onClick={() => void act("snapshotMerge", { uuid })}>
          Merge what deleted snapshots have left
        </button>
      )}
      {work && <Work uuid={uuid} work={work} />}
      <span className="spacer" />
      <button type="button" onClick={() => askLibrary({ what: "bin" })}>
        <Trash2 size={14} aria-hidden /> Bin…
      </button>
    </div>
  );
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
