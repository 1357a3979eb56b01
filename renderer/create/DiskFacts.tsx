import type { DiskPart, DiskReport } from "../../core/api/schema.ts";
import { sizeText } from "../ui/units.ts";
import type { Looked } from "./disk-images.ts";

/** Shows what an image is and what is on it before anything is made of it. */
export function DiskFacts({ looked }: { looked: Looked }) {
  if (!looked) return <p className="muted disk-facts">Looking into the image…</p>;
  if ("problem" in looked)
    return (
      <p className="field-error disk-facts" role="status">
        {looked.problem}
      </p>
    );
  const { summary, size, allocated, parts, boot, bootProblem, isCd } = looked.report;
  const systems = [...new Set(parts.flatMap(({ system }) => system ?? []))];
  return (
    <div className="disk-facts" role="group" aria-label="What is on the disk">
      <p>
        <strong>{systems.join(", ") || summary}</strong>{" "}
        <span className="muted">
          {systems.length > 0 && `${summary}, `}
          {sizeText(size)},{" "}
          {allocated < size ? `of which ${sizeText(allocated)} are on this computer` : "all of it there"}
        </span>
      </p>
      <PartTable parts={parts} />
      {boot ? (
        <p className="muted">
          The boot loader finds {boot.source}
          {boot.entries[boot.default] && <> and boots “{boot.entries[boot.default]!.title}”</>}.
        </p>
      ) : (
        !isCd && <p className="muted">{bootProblem}</p>
      )}
    </div>
  );
}

function PartTable({ parts }: Pick<DiskReport, "parts">) {
  const shown = parts.filter(({ holds, partition }) => holds !== null || partition > 0);
  if (shown.length === 0) return null;
  return (
    <table className="table disk-parts">
      <thead className="visually-hidden">
        <tr>
          <th scope="col">Partition</th>
          <th scope="col">Size</th>
          <th scope="col">File system</th>
          <th scope="col">System</th>
        </tr>
      </thead>
      <tbody>
        {shown.map((part) => (
          <tr key={part.partition}>
            <th scope="row">{part.partition === 0 ? "whole disk" : `partition ${part.partition}`}</th>
            <td className="number">{sizeText(part.bytes)}</td>
            <td>{holdsText(part)}</td>
            <td>{part.system}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function holdsText({ holds, label, active }: DiskPart): string {
  return [holds ?? "unknown", ...(label ? [`“${label}”`] : []), ...(active ? ["active"] : [])].join(", ");
}
