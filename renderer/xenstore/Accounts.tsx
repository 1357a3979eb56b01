import { useState, type ReactNode } from "react";
import type { XenstoreAccounts } from "../../core/api/schema.ts";
import { useRepeated } from "../state/repeated.ts";
import { Table, type Columns } from "../ui/Table.tsx";

const COLUMNS: Columns = [
  { title: "Domain", term: "domain" },
  { title: "Nodes", term: "store-nodes" },
  { title: "Watches", term: "store-watches" },
  { title: "Open transactions", term: "store-transactions" },
  "Begun",
  "Committed",
  { title: "Conflicts", hint: "Answered EAGAIN: somebody else changed what it looked at" },
  "Requests",
  "Watch events",
  { title: "Waiting replies", hint: "Not yet taken from its ring" },
  { title: "Waiting bytes", hint: "Replies and watch events that wait for room in its ring" },
];

const EVERY_MS = 1000;

/** Shows who uses how much of xenstored, beside what each may use. It is asked for only while it is open. */
export function Accounts({ only }: { only: number | null }) {
  const [open, setOpen] = useState(true);
  const accounts = useRepeated("xenstoreAccounts", {}, open ? EVERY_MS : null);
  const shown = accounts?.domains.filter(({ domid }) => only === null || domid === only) ?? [];
  return (
    <details className="card store-accounts" open={open} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>
        <h2>Quotas and transactions</h2>
        {accounts && <span className="muted">{accounts.nodes} nodes, total</span>}
      </summary>
      {!accounts ? (
        <p className="muted">Counting…</p>
      ) : (
        <Table label="Quotas and transactions" columns={COLUMNS}>
          {shown.map((each) => {
            const quota = each.domid === 0 ? null : accounts.quota;
            return (
              <tr key={each.domid}>
                <th scope="row">
                  {each.name} <span className="muted">{each.domid}</span>
                  {each.broken && <span className="badge state-crashed">not listened to</span>}
                </th>
                <Used used={each.nodes} most={quota?.nodes} />
                <Used used={each.watches} most={quota?.watches} />
                <Used used={each.transactions} most={quota?.transactions}>
                  {each.transactions > 0 && <Touched touched={each.touched} most={quota?.transactionNodes} />}
                </Used>
                <td>{each.begun}</td>
                <td>{each.committed}</td>
                <td>{each.conflicts}</td>
                <td>{each.requests}</td>
                <td>{each.events}</td>
                <Used used={each.waitingReplies} most={quota?.replies} />
                <Used used={each.waitingBytes} most={quota?.bytes} />
              </tr>
            );
          })}
        </Table>
      )}
      {accounts && <Limits quota={accounts.quota} />}
    </details>
  );
}

/** Shows limits that have no sum of their own. */
function Limits({ quota }: { quota: XenstoreAccounts["quota"] }) {
  return (
    <p className="muted store-limits">
      A domain’s node has less than {quota.nodeSize} bytes and up to {quota.permissions} permissions, its path up to{" "}
      {quota.pathLength} bytes; a transaction touches up to {quota.transactionNodes} nodes and makes up to{" "}
      {quota.transactionChanges} changes. Domain-0 has no quota.
    </p>
  );
}

function Touched({ touched, most }: { touched: number; most: number | undefined }) {
  return (
    <span className="muted">
      , {touched}
      {most !== undefined && ` of ${most}`} nodes touched
    </span>
  );
}

function Used({ used, most, children }: { used: number; most: number | undefined; children?: ReactNode }) {
  if (most === undefined)
    return (
      <td title="dom0 has no quota">
        {used}
        {children}
      </td>
    );
  const share = used / most;
  return (
    <td className={share >= 1 ? "used-full" : share > 0.8 ? "used-much" : undefined}>
      {used} <span className="muted">of {most}</span>
      {children}
    </td>
  );
}
