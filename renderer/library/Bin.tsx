import { useEffect, useState } from "react";
import { useTaskStates } from "../state/journal.ts";
import { onSnapshots } from "../state/session.ts";
import { ask, useApp } from "../state/store.ts";
import { dateText } from "../ui/clock.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { TableHead, type Columns } from "../ui/Table.tsx";
import { Refusal } from "../ui/Refusal.tsx";
import { sizeText } from "../ui/units.ts";
import { look, purgeAll, type BinContent, type BinItem } from "./binned.ts";

const COLUMNS: Columns = [
  "Name",
  "Deleted",
  "Gone for good",
  { title: "On disk", isNumber: true },
  { title: "What can be done", isOnlyHeard: true },
];

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
          : `What was deleted lies here for a day, domains with their snapshots, and each with what was saved of it. Total: ${sizeText(bytes)}.`}
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
        <button
          type="button"
          className="danger"
          disabled={items.length === 0}
          onClick={() =>
            ask({
              title: "Empty the bin",
              text: `${items.length === 1 ? "What lies there is" : `All ${items.length} things that lie there are`} removed for good, and can’t be put back any more. Then ${sizeText(bytes)} of this computer’s disk will be free.`,
              action: "Empty the bin",
              onConfirm: () => then(purgeAll()),
            })
          }
        >
          Empty the bin…
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
      <td className="number">{sizeText(item.bytes)}</td>
      <td>
        <span className="button-row">
          <button type="button" aria-label={`Put back ${item.name}`} onClick={() => then(item.putBack())}>
            Put back
          </button>
          <button
            type="button"
            className="danger-quiet"
            aria-label={`Remove for good: ${item.name}`}
            onClick={() =>
              ask({
                title: `Remove ${item.name} for good`,
                text: `${item.last} It can’t be put back any more. Then ${sizeText(item.bytes)} of this computer’s disk will be free.`,
                action: "Remove for good",
                onConfirm: () => then(item.purge()),
              })
            }
          >
            Remove for good…
          </button>
        </span>
      </td>
    </tr>
  );
}

/** A date and a time to the minute, each of which stays in one line. */
function Moment({ at }: { at: number }) {
  const [date, time] = dateText(at).split(" ");
  return (
    <time dateTime={new Date(at).toISOString()} title={dateText(at)}>
      <span className="bin-moment">{date}</span> <span className="bin-moment">{time!.slice(0, 5)}</span>
    </time>
  );
}
