import { useApp } from "../state/store.ts";
import { TakeDialog } from "./dialogs.tsx";
import { useSnapshots } from "./use-snapshots.ts";

/** Asks for a snapshot where none are looked at: from a menu, or by the palette. */
export function TakeSnapshot({ uuid, name, onClose }: { uuid: string; name: string; onClose: () => void }) {
  const { tree } = useSnapshots(uuid);
  const isRunning = useApp(({ domains }) => domains.some((each) => each.uuid === uuid));
  // The name that it offers is to be one that no snapshot has. Where they can't be read, taking one says why.
  if (tree === undefined) return null;
  return (
    <TakeDialog uuid={uuid} name={name} snapshots={tree?.snapshots ?? []} isRunning={isRunning} onClose={onClose} />
  );
}
