import type { DeviceHandshake, HandshakeSide, HandshakeStep } from "../../core/api/schema.ts";
import { textOf } from "../xenstore/bytes.ts";
import { xenbusWord } from "./figures.ts";
import { deviceName, rowsOf, spanText, type HandshakeRow } from "./handshake.ts";

const SIDES = ["frontend", "backend"] as const;

/**
 * Shows two lanes with a row for each step: the time since the first step, what was written, and by whom. A lane's line has the colour of its state.
 */
export function HandshakeTimeline({
  handshake,
  statesOnly,
  nameOf,
}: {
  handshake: DeviceHandshake;
  statesOnly: boolean;
  nameOf: (domid: number) => string;
}) {
  const rows = rowsOf(handshake, statesOnly);
  const paths: Record<HandshakeSide, string> = {
    frontend: handshake.frontendPath,
    backend: handshake.backendPath ?? (handshake.kind === "xenstore" ? "xenstored itself" : "none known"),
  };
  if (rows.length === 0) return <p className="muted">Neither end has written a state.</p>;
  return (
    <div
      className="table-box handshake-box"
      tabIndex={0}
      role="group"
      aria-label={`Handshake of ${deviceName(handshake)}`}
    >
      <table className="handshake-steps">
        <thead>
          <tr>
            <th scope="col">Time</th>
            {SIDES.map((side) => (
              <th key={side} scope="col">
                {side === "frontend" ? "Frontend" : "Backend"} <span className="mono muted">{paths[side]}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.key}>
              <th scope="row">
                {row.since !== null && (
                  <span className={row.together ? "visually-hidden" : undefined}>+{spanText(row.since)}</span>
                )}
              </th>
              {SIDES.map((side) => (
                <td key={side} className="lane" data-state={stateClass(row.states[side])}>
                  {row.side === side && <Entry row={row} nameOf={nameOf} />}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Entry({ row: { step, count }, nameOf }: { row: HandshakeRow; nameOf: (domid: number) => string }) {
  if (!step)
    return (
      <span className="lane-gap">
        {count} more {count === 1 ? "step" : "steps"}, not kept
      </span>
    );
  return (
    <span className={step.key === "state" ? "lane-step lane-state" : "lane-step"}>
      <Written step={step} /> <span className="lane-writer">{step.by === null ? "xenstored" : nameOf(step.by)}</span>
    </span>
  );
}

function Written({ step: { key, before, after, cut } }: { step: HandshakeStep }) {
  const rest = cut ? "…" : "";
  if (key === "") return <span>{after === null ? "removed" : "made"}</span>;
  if (key === "state")
    return (
      <span>
        {before !== null && before !== after && <span className="lane-before">{stateText(before)} → </span>}
        <strong>{after === null ? "state removed" : stateText(after)}</strong>
        {before === after && <span className="lane-before"> again</span>}
      </span>
    );
  return (
    <span className="mono">
      {textOf(key)}
      {after === null ? " removed" : ` = ${textOf(after) || "“”"}${rest}`}
      {before !== null && before !== after && (
        <span className="lane-before">
          {" "}
          was {textOf(before) || "“”"}
          {rest}
        </span>
      )}
    </span>
  );
}

function stateText(state: string): string {
  return xenbusWord(textOf(state));
}

/** Returns the class for a XenbusState that colours its lane, or "none" if the value is no such state. */
function stateClass(state: string | null): string {
  return state !== null && /^[1-8]$/.test(state) ? state : "none";
}
