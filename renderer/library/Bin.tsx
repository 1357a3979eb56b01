import { useEffect, useState } from "react";
import type { BinnedImage } from "../../core/api/schema.ts";
import { useTaskStates } from "../state/journal.ts";
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

interface Content {
  entries: Entry[];
  /** A sentence for each kind that could not be listed. */
  failures: string[];
}

const PLURALS = { Domain: "domains", "Disk image": "disk images" };

async function contentOf(kind: Entry["kind"], asked: Promise<BinnedImage[]>): Promise<Content> {
  try {
    return { entries: (await asked).map((each) => ({ ...each, kind })), failures: [] };
  } catch (error) {
    return { entries: [], failures: [`Deleted ${PLURALS[kind]} can’t be listed. ${sentence(error)}`] };
  }
}

/** Domains and disk images are two lists of the host's. What is in the one is shown also if the other can't be had. */
async function look(): Promise<Content> {
  const parts = await Promise.all([
    contentOf("Domain", request("binList", {})),
    contentOf("Disk image", request("imageBin", {})),
  ]);
  return {
    entries: parts.flatMap(({ entries }) => entries).sort((a, b) => b.deletedAt - a.deletedAt),
    failures: parts.flatMap(({ failures }) => failures),
  };
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
  // A domain that enters or leaves the bin changes the list of kept domains. A disk image that does so is among the tasks and events.
  const kept = useApp((state) => state.kept);
  const tasks = useTaskStates();
  const [content, setContent] = useState<Content | null>(null);
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    let current = true;
    void look().then((found) => current && setContent(found));
    return () => {
      current = false;
    };
  }, [kept, tasks, asked]);
  const then = (deed: Promise<unknown>): void => void deed.then(() => setAsked((count) => count + 1));
  const { entries, failures } = content ?? { entries: [], failures: [] };
  const bytes = entries.reduce((sum, each) => sum + each.bytes, 0);
  return (
    <Dialog title="Bin" onClose={onClose} wide>
      {failures.map((each) => (
        <Refusal key={each} text={each} />
      ))}
      <p className="dialog-text">
        {content !== null && entries.length === 0 && failures.length === 0
          ? "The bin is empty. Domains and disk images that are deleted lie here for a day."
          : `What was deleted lies here for a day, domains with what was saved of them. Total: ${mebibytes(bytes)}.`}
      </p>
      {entries.length > 0 && (
        <table className="table bin">
          <TableHead columns={COLUMNS} />
          <tbody>
            {entries.map((entry) => (
              <BinRow key={`${entry.kind} ${entry.id}`} entry={entry} then={then} />
            ))}
          </tbody>
        </table>
      )}
      <footer className="dialog-footer">
        <button type="button" onClick={onClose} data-autofocus>
          Close
        </button>
        <button type="button" className="danger" disabled={entries.length === 0} onClick={() => then(purgeAll())}>
          Empty the bin
        </button>
      </footer>
    </Dialog>
  );
}

function BinRow({ entry, then }: { entry: Entry; then: (deed: Promise<unknown>) => void }) {
  return (
    <tr>
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
  );
}
