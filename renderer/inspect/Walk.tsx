import { useState } from "react";
import type { SecondWalk, WalkReport } from "../../core/api/schema.ts";
import { EntryTable, FrameCells, WalkEnd } from "./EntryTable.tsx";
import { showMemory } from "./state.ts";
import { Term } from "../glossary/Term.tsx";

/** Shows a walk through a guest's page tables. For a PVH guest, the second-stage walk behind the chosen entry stands below it. */
export function Walk({ report }: { report: WalkReport }) {
  const { address, steps, end, machine, rights, root, rootSecond, parts, symbol } = report;
  const isTwoStage = rootSecond !== null;
  // Until a row is chosen, this is the walk of what the address leads to.
  const [chosen, choose] = useState<number | null>(null);
  const row = chosen !== null && chosen < steps.length ? chosen : steps.length - 1;
  const second = row < 0 ? rootSecond : (steps[row]!.second ?? null);
  return (
    <>
      <section className="card">
        <header className="card-header">
          <h2>
            <Term of="page-walk">Walk</Term>
          </h2>
          <span className="muted mono">
            {address}
            {symbol !== null && `, ${symbol}`}
          </span>
          <span className="spacer" />
          <button type="button" onClick={() => showMemory(address)}>
            Memory there
          </button>
        </header>
        <AddressParts parts={parts} walked={steps.length} />
        <EntryTable
          label="Entries of the page tables"
          at={isTwoStage ? "At guest-physical address" : <Term of="machine-address">At machine address</Term>}
          number={<Term of="pfn">pfn</Term>}
          steps={steps}
          choice={isTwoStage ? { row, title: "Its way through the second stage", choose } : null}
        >
          <tr>
            <th scope="row">
              <Term of="cr3">CR3</Term>
            </th>
            <td>–</td>
            <td>–</td>
            <td>–</td>
            <FrameCells frame={root} none={steps.length ? "names no memory" : "paging is off"} />
          </tr>
        </EntryTable>
        <WalkEnd end={end} machine={machine}>
          {rights && (
            <>
              {" "}
              The guest’s {rights.user ? "user and kernel" : "kernel"} may read
              {rights.writable && ", write"}
              {rights.executable && ", execute"} it.
            </>
          )}
        </WalkEnd>
      </section>
      {second && (
        <SecondStage walk={second} of={row < 0 ? "the address" : `L${steps[row]!.level} [${steps[row]!.index}]`} />
      )}
    </>
  );
}

/** Shows which bits of a linear address are an index into which level's table. `walked` is the number of levels that were walked. */
function AddressParts({ parts, walked }: { parts: WalkReport["parts"]; walked: number }) {
  const firstIndex = parts.findIndex(({ kind }) => kind === "index");
  return (
    <ol className="address-parts" aria-label="Parts of the address">
      {parts.map(({ name, text, kind }, n) => (
        <li key={name} className={partClass(kind, n - firstIndex, walked)}>
          <span>{name}</span>
          <b className="mono">{text}</b>
        </li>
      ))}
    </ol>
  );
}

function partClass(kind: WalkReport["parts"][number]["kind"], index: number, walked: number): string {
  if (kind !== "index") return `part-${kind}`;
  return index < walked ? `part-level part-level-${index + 1}` : "part-unused";
}

/** Shows, for a PVH guest, how Xen finds the machine frame behind a guest-physical address. */
function SecondStage({ walk: { address, steps, end, machine }, of }: { walk: SecondWalk; of: string }) {
  return (
    <section className="card">
      <header className="card-header">
        <h2>
          <Term of="second-stage">Second stage</Term>
        </h2>
        <span className="muted">
          guest-physical <span className="mono">{address}</span>, of {of}
        </span>
      </header>
      <EntryTable label="Entries of the second stage" at="At machine address" number="gfn" steps={steps} />
      <WalkEnd end={end} machine={machine} />
    </section>
  );
}
