import type { ReactNode } from "react";
import type { FrameFacts, WalkReport } from "../../core/api/schema.ts";
import { Flags, FrameButton, TypeText } from "./parts.tsx";
import { Table } from "../ui/Table.tsx";

type Step = WalkReport["steps"][number];

/** Chooses an entry by its row. `row` is the chosen one. */
interface Choice {
  row: number;
  title: string;
  choose: (row: number) => void;
}

/**
 * Lists the entries that a walk has read, and what each frame is that they name. `at` and `number` name the address space of their addresses and of
 * their frames.
 */
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
  /** The contents before them. */
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

/** `none` is the text for an entry without a frame. */
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

/** Says in a sentence where a walk ends, and at which machine address if it reaches one. */
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
