import type { ReactNode } from "react";
import type { FrameFacts, WalkReport } from "../../core/api/schema.ts";
import { Flags, FrameButton, TypeText } from "./parts.tsx";
import { Term } from "../glossary/Term.tsx";

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
    <div className="table-box" tabIndex={0} role="group" aria-label={label}>
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Entry</th>
            <th scope="col">{at}</th>
            <th scope="col">Value</th>
            <th scope="col">Flags</th>
            <th scope="col">
              <Term of="mfn">mfn</Term>
            </th>
            <th scope="col">{number}</th>
            <th scope="col">
              <Term of="frame-owner">Owner</Term>
            </th>
            <th scope="col">
              <Term of="frame-type">Type</Term>
            </th>
            <th scope="col">
              <Term of="type-count">Type count</Term>
            </th>
            <th scope="col">
              <Term of="references">References</Term>
            </th>
          </tr>
        </thead>
        <tbody>
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
        </tbody>
      </table>
    </div>
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
