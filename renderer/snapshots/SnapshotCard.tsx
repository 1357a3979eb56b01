import { CopyPlus, History, Pencil, Trash2 } from "lucide-react";
import type { SnapshotReport } from "../../core/api/schema.ts";
import { act } from "../state/session.ts";
import { ask } from "../state/store.ts";
import { dateText } from "../ui/clock.ts";
import { sizeText } from "../ui/units.ts";
import { Picture } from "./Picture.tsx";

/** What one snapshot has, and what can be done with it. */
export function SnapshotCard({
  uuid,
  snapshot,
  isBusy,
  onAsk,
}: {
  uuid: string;
  snapshot: SnapshotReport;
  /** The host works on one of the domain's snapshots. */
  isBusy: boolean;
  onAsk: (asked: "revert" | "clone" | "rename") => void;
}) {
  return (
    <section className="card snapshot-card" aria-label={`Snapshot ${snapshot.name}`}>
      <Picture uuid={uuid} snapshot={snapshot} />
      <h2>{snapshot.name}</h2>
      <Facts snapshot={snapshot} />
      <div className="snapshot-buttons">
        <button type="button" disabled={isBusy} onClick={() => onAsk("revert")}>
          <History size={13} aria-hidden /> Go back…
        </button>
        <button type="button" disabled={isBusy} onClick={() => onAsk("clone")}>
          <CopyPlus size={13} aria-hidden /> New domain…
        </button>
        <button type="button" disabled={isBusy} onClick={() => onAsk("rename")}>
          <Pencil size={13} aria-hidden /> Rename…
        </button>
        <button
          type="button"
          disabled={isBusy || snapshot.clones.length > 0}
          title={
            snapshot.clones.length > 0
              ? `${snapshot.clones.join(", ")} lies on its disks: delete that first`
              : undefined
          }
          onClick={() => askDelete(uuid, snapshot)}
        >
          <Trash2 size={13} aria-hidden /> Delete…
        </button>
      </div>
    </section>
  );
}

/** Says what is deleted with it, and what stays. */
function askDelete(uuid: string, { id, name, hasMemory, bytes }: SnapshotReport): void {
  ask({
    title: `Delete ${name}`,
    text: `It goes to the bin with its place among the snapshots, its picture, its disks${hasMemory ? " and its memory" : ""} of then, and can be put back for a day. Until it is gone from there it takes ${sizeText(bytes)} of this computer’s disk; then its disks are merged into what came after it. The domain and its other snapshots stay as they are.`,
    action: "Delete",
    onConfirm: () => void act("snapshotDelete", { uuid, snapshot: id }),
  });
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
