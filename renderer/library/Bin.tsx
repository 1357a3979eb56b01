import { useEffect, useState } from "react";
import { useTaskStates } from "../state/journal.ts";
import { onSnapshots } from "../state/session.ts";
import { useApp } from "../state/store.ts";
import { dateText } from "../ui/clock.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { TableHead, type Columns } from "../ui/Table.tsx";
import { Refusal } from "../ui/Refusal.tsx";
import { look, purgeAll, type BinContent, type BinItem } from "./binned.ts";

const COLUMNS: Columns = [
  "Name",
  "Deleted",
  "Gone for good",
  { title: "On disk", isNumber: true },
  { title: "What can be done", isOnlyHeard: true },
];

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** What was deleted, for a day. */
export function Bin({ onClose }: { onClose: () => void }) {
  // A domain that enters or leaves the bin changes the list of kept domains. Whatever else somebody puts there or takes out is among the tasks and events;
  // a snapshot that goes by itself is among what happens to snapshots.
  const kept = useApp((state) => state.kept);
  const tasks = useTaskStates();
  const [content, setContent] = useState<BinContent | null>(null);
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    let current = true;
    void look().then((found) => current && setContent(found));
    return () => {
      current = false;
    };
  }, [kept, tasks, asked]);
  useEffect(() => onSnapshots(({ work }) => work === null && setAsked((count) => count + 1)), []);
  const then = (deed: Promise<unknown>): void => void deed.then(() => setAsked((count) => count + 1));
  const { items, failures } = content ?? { items: [], failures: [] };
  const bytes = items.reduce((sum, each) => sum + each.bytes, 0);
  return (
    <Dialog title="Bin" onClose={onClose} wide>
      {failures.map((each) => (
        <Refusal key={each} text={each} />
      ))}
      <p className="dialog-text">
        {content !== null && items.length === 0 && failures.length === 0
          ? "The bin is empty. Domains, snapshots, disk images, kernels and captures that are deleted lie here for a day."
          : `What was deleted lies here for a day, domains and snapshots with what was saved of them. Total: ${mebibytes(bytes)}.`}
      </p>
      {items.length > 0 && (
        <table className="table bin">
          <TableHead columns={COLUMNS} />
          <tbody>
            {items.map((item) => (
              <BinRow key={item.key} item={item} then={then} />
            ))}
          </tbody>
        </table>
      )}
      <footer className="dialog-footer">
        <button type="button" onClick={onClose} data-autofocus>
          Close
        </button>
        <button type="button" className="danger" disabled={items.length === 0} onClick={() => then(purgeAll())}>
          Empty the bin
        </button>
      </footer>
    </Dialog>
  );
}

function BinRow({ item, then }: { item: BinItem; then: (deed: Promise<unknown>) => void }) {
  return (
    <tr>
      <th scope="row">
        {item.name} <span className="bin-kind">{item.kind}</span>
      </th>
      <td>
        <Moment at={item.deletedAt} />
      </td>
      <td>
        <Moment at={item.goneAt} />
      </td>
      <td className="number">{mebibytes(item.bytes)}</td>
      <td>
        <span className="button-row">
          <button type="button" aria-label={`Put back ${item.name}`} onClick={() => then(item.putBack())}>
            Put back
          </button>
          <button
            type="button"
            className="danger-quiet"
            aria-label={`Remove for good: ${item.name}`}
            onClick={() => then(item.purge())}
          >
            Remove for good
          </button>
        </span>
      </td>
    </tr>
  );
}

/** A date and a time, each of which stays in one line. */
function Moment({ at }: { at: number }) {
  const [date, time] = dateText(at).split(" ");
  return (
    <>
      <span className="bin-moment">{date}</span> <span className="bin-moment">{time}</span>
    </>
  );
}
