import { useEffect, useState } from "react";
import type { BinnedImage } from "../../core/api/schema.ts";
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

/** A domain or a disk image. */
interface Entry extends BinnedImage {
  kind: "Domain" | "Disk image";
}

async function allEntries(): Promise<Entry[]> {
  const [domains, images] = await Promise.all([request("binList", {}), request("imageBin", {})]);
  const entries = [
    ...domains.map((each) => ({ ...each, kind: "Domain" as const })),
    ...images.map((each) => ({ ...each, kind: "Disk image" as const })),
  ];
  return entries.sort((a, b) => b.deletedAt - a.deletedAt);
}

const putBack = ({ kind, id }: Entry) => (kind === "Domain" ? act("binRestore", { id }) : act("imageRestore", { id }));
const purge = ({ kind, id }: Entry) => (kind === "Domain" ? act("binPurge", { id }) : act("imagePurge", { id }));
/** Domains first: what lies in the bin with them may need images there. */
const purgeAll = async (): Promise<void> => {
  await act("binPurge", {});
  await act("imagePurge", {});
};

/** Domains and disk images that were deleted, for a day. */
export function Bin({ onClose }: { onClose: () => void }) {
  // The list of kept domains changes whenever something enters or leaves the bin.
  const kept = useApp((state) => state.kept);
  const [entries, setEntries] = useState<readonly Entry[] | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    let current = true;
    allEntries().then(
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
          ? "The bin is empty. Domains and disk images that are deleted lie here for a day."
          : `What was deleted lies here for a day, domains with what was saved of them: ${mebibytes(bytes)}, total.`}
      </p>
      {entries !== null && entries.length > 0 && (
        <table className="table">
          <TableHead columns={COLUMNS} />
          <tbody>
            {entries.map((entry) => (
              <tr key={`${entry.kind} ${entry.id}`}>
                <th scope="row">
                  {entry.name} <span className="bin-kind">{entry.kind}</span>
                </th>
                <td>{dateText(entry.deletedAt)}</td>
                <td>{dateText(entry.goneAt)}</td>
                <td className="number">{mebibytes(entry.bytes)}</td>
                <td>
                  <span className="button-row">
                    <button type="button" aria-label={`Put back ${entry.name}`} onClick={() => then(putBack(entry))}>
                      Put back
                    </button>
                    <button
                      type="button"
                      className="danger-quiet"
                      aria-label={`Remove for good: ${entry.name}`}
                      onClick={() => then(purge(entry))}
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
        <button type="button" className="danger" disabled={!entries?.length} onClick={() => then(purgeAll())}>
          Empty the bin
        </button>
      </footer>
    </Dialog>
  );
}
