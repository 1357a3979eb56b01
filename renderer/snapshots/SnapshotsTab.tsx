import { useState } from "react";
import "../styles/snapshots.css";
import { CloneDialog, RenameDialog, RevertDialog, TakeDialog } from "./dialogs.tsx";
import { rowsOf } from "./rows.ts";
import { SnapshotCard } from "./SnapshotCard.tsx";
import { SnapshotList } from "./SnapshotList.tsx";
import { SnapshotTools } from "./SnapshotTools.tsx";
import { useSnapshots } from "./use-snapshots.ts";

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
      <SnapshotTools
        uuid={uuid}
        isRunning={isRunning}
        tree={tree}
        work={work}
        isWrong={problem !== null}
        onTake={() => setAsked("take")}
      />
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
          <SnapshotCard uuid={uuid} snapshot={selected} isBusy={work !== null} onAsk={setAsked} />
        </div>
      )}
      {asked === "take" && <TakeDialog {...dialog} />}
      {asked === "revert" && selected && <RevertDialog {...dialog} snapshot={selected} />}
      {asked === "clone" && selected && <CloneDialog {...dialog} snapshot={selected} />}
      {asked === "rename" && selected && <RenameDialog {...dialog} snapshot={selected} />}
    </div>
  );
}
