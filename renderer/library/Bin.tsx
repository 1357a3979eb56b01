import { useEffect, useState } from "react";
import type { BinEntry } from "../../core/api/schema.ts";
import { act, request, sentence } from "../state/session.ts";
import { useApp } from "../state/store.ts";
import { dateText } from "../ui/clock.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { TableHead, type Columns } from "../ui/Table.tsx";
import { Refusal } from "../ui/Refusal.tsx";

const COLUMNS: Columns = [
  "Name",
  "Deleted",
  "Gone for good",
  { title: "On disk", isNumber: true },
  { title: "What can be done", isOnlyHeard: true },
];

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** Domains that were deleted, for a day. */
export function Bin({ onClose }: { onClose: () => void }) {
  // What is kept changes whenever something comes into the bin or out of it.
  const kept = useApp((state) => state.kept);
  const [entries, setEntries] = useState<readonly BinEntry[] | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    let current = true;
    request("binList", {}).then(
      (found) => current && setEntries(found),
      (error: unknown) => current && setFailure(sentence(error)),
    );
    return () => {
      current = false;
    };
  }, [kept, asked]);
  const then = (deed: Promise<unknown>): void => void deed.then(() => setAsked((count) => count + 1));
  const bytes = entries?.reduce((sum, each) => sum + each.bytes, 0) ?? 0;
  return (
    <Dialog title="Bin" onClose={onClose} wide>
      <Refusal text={failure} />
      <p className="dialog-text">
        {entries?.length === 0
          ? "The bin is empty. Domains that are deleted lie here for a day."
          : `Domains that were deleted lie here for a day, with what was saved of them: ${mebibytes(bytes)}, total.`}
      </p>
      {entries !== null && entries.length > 0 && (
        <table className="table">
          <TableHead columns={COLUMNS} />
          <tbody>
            {entries.map(({ id, name, deletedAt, goneAt, bytes: own }) => (
              <tr key={id}>
                <th scope="row">{name}</th>
                <td>{dateText(deletedAt)}</td>
                <td>{dateText(goneAt)}</td>
                <td className="number">{mebibytes(own)}</td>
                <td>
                  <span className="button-row">
                    <button
                      type="button"
                      aria-label={`Put back ${name}`}
                      onClick={() => then(act("binRestore", { id }))}
                    >
                      Put back
                    </button>
                    <button
                      type="button"
                      className="danger-quiet"
                      aria-label={`Remove for good: ${name}`}
                      onClick={() => then(act("binPurge", { id }))}
                    >
                      Remove for good
                    </button>
                  </span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <footer className="dialog-footer">
        <button type="button" onClick={onClose} data-autofocus>
          Close
        </button>
        <button type="button" className="danger" disabled={!entries?.length} onClick={() => then(act("binPurge", {}))}>
          Empty the bin
        </button>
      </footer>
    </Dialog>
  );
}
