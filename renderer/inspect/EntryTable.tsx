import type { ReactNode } from "react";
import type { FrameFacts, WalkReport } from "../../core/api/schema.ts";
import { Flags, FrameButton, TypeText } from "./parts.tsx";
import { Table } from "../ui/Table.tsx";

type Step = WalkReport["steps"][number];

/** Chooses an entry by its row; `row`: the one that is chosen. */
interface Choice {
  row: number;
  title: string;
  choose: (row: number) => void;
}

/** The entries that a walk has read, and what each frame that they name is. `at` and `number`: what their addresses and their frames are counted in. */
export function EntryTable({
  label,
  at,
  number,
  steps,
  choice = null,
  children,
}: {
  label: string;
  at: ReactNode;
  number: ReactNode;
  steps: readonly Omit<Step, "second">[];
  choice?: Choice | null;
  /** What stands in front of them. */
  children?: ReactNode;
}) {
  return (
    <Table
      label={label}
      columns={[
        "Entry",
        { title: at },
        "Value",
        "Flags",
        { title: "mfn", term: "mfn" },
        { title: number },
        { title: "Owner", term: "frame-owner" },
        { title: "Type", term: "frame-type" },
        { title: "Type count", term: "type-count" },
        { title: "References", term: "references" },
      ]}
    >
      {children}
      {steps.map(({ level, index, address, value, flags, frame }, n) => (
        <tr key={level} aria-current={choice?.row === n ? "true" : undefined}>
          <th scope="row">
            <span className={`level-mark part-level-${n + 1}`} aria-hidden />{" "}
            {choice ? (
              <button type="button" className="plain" title={choice.title} onClick={() => choice.choose(n)}>
                L{level} [{index}]
              </button>
            ) : (
              <>
                L{level} [{index}]
              </>
            )}
          </th>
          <td className="mono">{address.slice(2)}</td>
          <td className="mono">{value.slice(2)}</td>
          <td>{flags.length ? <Flags flags={flags} /> : <span className="muted">not present</span>}</td>
          <FrameCells frame={frame} none="names no frame" />
        </tr>
      ))}
    </Table>
  );
}

/** `none`: what is said where there is no frame. */
export function FrameCells({ frame, none }: { frame: FrameFacts | null; none: string }) {
  if (!frame)
    return (
      <td colSpan={6} className="muted">
        {none}
      </td>
    );
  return (
    <>
      <td>
        <FrameButton mfn={frame.mfn} />
      </td>
      <td className="mono">{frame.pfn ?? "–"}</td>
      <td>{frame.owner}</td>
      <td className="mono">
        <TypeText frame={frame} />
      </td>
      <td>{frame.typeReferences}</td>
      <td>{frame.references}</td>
    </>
  );
}

/** Where a walk ends: in a sentence, and at which machine address if it comes to one. */
export function WalkEnd({ end, machine, children }: { end: string; machine: string | null; children?: ReactNode }) {
  return (
    <p className={machine === null ? "walk-end walk-end-none" : "walk-end"} role="status">
      {end}
      {machine !== null && (
        <>
          {" "}
          Machine address <span className="mono">{machine}</span>.
        </>
      )}
      {children}
    </p>
  );
}
