import { Handle, Position, type NodeProps } from "@xyflow/react";
import { Cable, FileText, KeyRound, Monitor, Repeat2, Server, type LucideIcon } from "lucide-react";
import type { Bar, BoxNode, Part, PartNode } from "./diagram.ts";

const ICONS: Record<Part, LucideIcon> = {
  frontend: Monitor,
  ring: Repeat2,
  channel: Cable,
  grant: KeyRound,
  backend: Server,
  behind: FileText,
};

/** A part of the wiring, with the figures of the report. */
export function PartView({ data, selected }: NodeProps<PartNode>) {
  const Icon = ICONS[data.part];
  return (
    <div className={`part part-kind-${data.part}${selected ? " selected" : ""}${data.wrong ? " wrong" : ""}`}>
      <Ends />
      <strong>
        <Icon size={13} aria-hidden />
        <span>{data.title}</span>
      </strong>
      {data.bars.map((bar) => (
        <Fill key={bar.label} bar={bar} />
      ))}
      {data.lines.map((line, i) => (
        <span key={i} className="part-line">
          {line}
        </span>
      ))}
    </div>
  );
}

function Fill({ bar: { label, share, text } }: { bar: Bar }) {
  return (
    <span className="part-fill">
      <span className="mono">{label}</span>
      <span className="part-gauge">
        <span style={{ width: `${(share ?? 0) * 100}%` }} />
      </span>
      <span>{text}</span>
    </span>
  );
}

/** Places the ends of the edges: one direction above, the other below, and edges without a direction between them. */
function Ends() {
  return (
    <>
      {(["forth", "back", ""] as const).map((lane) =>
        (["source", "target"] as const).map((type) => {
          const right = (lane === "back") !== (type === "source");
          return (
            <Handle
              key={`${lane}${type}`}
              id={`${lane}-${type}`}
              type={type}
              position={right ? Position.Right : Position.Left}
              className={`end end-${lane || "plain"}`}
              isConnectable={false}
            />
          );
        }),
      )}
    </>
  );
}

export function BoxView({ data }: NodeProps<BoxNode>) {
  return <div className="box-title">{data.title}</div>;
}
