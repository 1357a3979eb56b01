import { useState, type ReactNode } from "react";
import type { SnapshotReport } from "../../core/api/schema.ts";
import { clashOf, nameLike } from "../library/names.ts";
import { useTakenNames } from "../library/useTakenNames.ts";
import { act } from "../state/session.ts";
import { show, useApp } from "../state/store.ts";
import { FormDialog } from "../ui/FormDialog.tsx";
import { NameField } from "../ui/NameField.tsx";
import { freeName } from "./rows.ts";

/** The length that SNAPSHOT_NAME allows. */
const MOST_NAME = 128;

/** Asks for a name, and for what belongs to it. */
function NameDialog({
  title,
  label,
  initial,
  action,
  clash,
  isOptional = false,
  children,
  onDone,
  onClose,
}: {
  title: string;
  label: string;
  initial: string;
  action: string;
  /** Says who has that name; null: nobody. */
  clash: (name: string) => string | null;
  /** Whether the name may be left out. */
  isOptional?: boolean;
  children?: ReactNode;
  onDone: (name: string) => void;
  onClose: () => void;
}) {
  const [name, setName] = useState(initial);
  const problem = name.length > MOST_NAME ? `A name has at most ${MOST_NAME} characters.` : clash(name.trim());
  return (
    <FormDialog
      title={title}
      action={action}
      ready={isOptional || (name.trim() !== "" && problem === null)}
      deed={() => onDone(name.trim())}
      onClose={onClose}
    >
      {children}
      {!isOptional && <NameField label={label} value={name} onValue={setName} problem={problem} />}
    </FormDialog>
  );
}

/** Snapshots of one domain have different names. */
const snapshotClash =
  (taken: readonly string[]) =>
  (name: string): string | null =>
    taken.includes(name) ? `There is a snapshot named ${name} already.` : null;

interface Props {
  uuid: string;
  /** The domain's name. */
  name: string;
  snapshots: readonly SnapshotReport[];
  isRunning: boolean;
  onClose: () => void;
}

export function TakeDialog({ uuid, name, snapshots, isRunning, onClose }: Props) {
  const [memory, setMemory] = useState(isRunning);
  const taken = snapshots.map((each) => each.name);
  return (
    <NameDialog
      title={`Take a snapshot of ${name}`}
      label="Name"
      initial={freeName(`Snapshot ${snapshots.length + 1}`, taken)}
      action="Take it"
      clash={snapshotClash(taken)}
      onClose={onClose}
      onDone={(called) => void act("snapshotTake", { uuid, name: called, memory })}
    >
      {isRunning ? (
        <label className="check">
          <input type="checkbox" checked={memory} onChange={({ target }) => setMemory(target.checked)} />
          With its memory: going back, it goes on where it was. Without, its disks are as after a loss of power.
        </label>
      ) : (
        <p className="dialog-text">The domain does not run: the snapshot has its disks.</p>
      )}
    </NameDialog>
  );
}

export function RevertDialog({
  uuid,
  name,
  snapshots,
  isRunning,
  onClose,
  snapshot,
}: Props & { snapshot: SnapshotReport }) {
  const [keeps, setKeeps] = useState(true);
  const taken = snapshots.map((each) => each.name);
  return (
    <NameDialog
      title={`Go back to ${snapshot.name}`}
      label="Name of the snapshot of now"
      initial={freeName(`Before going back to ${snapshot.name}`.slice(0, 100), taken)}
      action="Go back"
      clash={snapshotClash(taken)}
      isOptional={!keeps}
      onClose={onClose}
      onDone={(called) => void goBack(uuid, snapshot.id, keeps ? called : null)}
    >
      <p className="dialog-text">
        {isRunning ? `${name} stops, and ` : `${name} `}
        {snapshot.hasMemory
          ? "goes on where it was then, with its memory and its disks of that time."
          : "has its disks of that time, and is halted: it can be started from them."}
      </p>
      <label className="check">
        <input type="checkbox" checked={keeps} onChange={({ target }) => setKeeps(target.checked)} />
        Take a snapshot of now first. Without it, what {name} is now is lost.
      </label>
    </NameDialog>
  );
}

/** If the domain was looked at, the domain that continues is shown afterwards. */
async function goBack(uuid: string, snapshot: string, keepNow: string | null): Promise<void> {
  const domid = useApp.getState().domains.find((each) => each.uuid === uuid)?.domid;
  const done = await act("snapshotRevert", { uuid, snapshot, ...(keepNow !== null && { keepNow }) });
  const { view } = useApp.getState();
  if (done && done.domid !== null && view.page === "domain" && (view.domid === domid || domid === undefined))
    show({ page: "domain", domid: done.domid, tab: "snapshots" });
}

export function CloneDialog({ uuid, name, onClose, snapshot }: Props & { snapshot: SnapshotReport }) {
  const taken = useTakenNames();
  const usual = `${name}-clone`;
  return (
    <NameDialog
      title={`New domain from ${snapshot.name}`}
      label="Name of the domain"
      initial={taken.has(usual) ? nameLike(usual, taken) : usual}
      action="Clone"
      clash={(called) => clashOf(called, taken)}
      onClose={onClose}
      onDone={(called) => void make(uuid, snapshot.id, called)}
    >
      <p className="dialog-text">
        Its disks are based on those of the snapshot, which can’t be deleted while the new domain is kept. Its
        interfaces have addresses of their own.
      </p>
    </NameDialog>
  );
}

async function make(uuid: string, snapshot: string, name: string): Promise<void> {
  const made = await act("snapshotClone", { uuid, snapshot, name });
  if (typeof made?.domid === "number") show({ page: "domain", domid: made.domid, tab: "console" });
}

export function RenameDialog({ uuid, snapshots, onClose, snapshot }: Props & { snapshot: SnapshotReport }) {
  const others = snapshots.filter(({ id }) => id !== snapshot.id).map((each) => each.name);
  return (
    <NameDialog
      title={`Rename ${snapshot.name}`}
      label="Name"
      initial={snapshot.name}
      action="Rename"
      clash={snapshotClash(others)}
      onClose={onClose}
      onDone={(called) => void act("snapshotRename", { uuid, snapshot: snapshot.id, name: called })}
    />
  );
}
