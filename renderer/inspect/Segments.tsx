import type { SegmentValue } from "../../core/api/schema.ts";
import { Table, type Columns } from "../ui/Table.tsx";
import { AddressButton, Flags } from "./parts.tsx";

const SEGMENT_COLUMNS: Columns = ["Segment", "Selector", "Base", "Limit", "Attributes"];

/** Selectors and what is known of their segments. */
export function Segments({ segments }: { segments: readonly SegmentValue[] }) {
  if (segments.some(({ limit }) => limit !== null)) return <SegmentTable segments={segments} />;
  return (
    <dl className="registers">
      {segments.map(({ name, selector, base }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd className="mono">
            {selector !== null && selector.toString(16).padStart(4, "0")}{" "}
            {base !== null && <AddressButton value={base} />}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** Shows the segments of a PVH vCPU, with the hidden parts that were loaded with each selector. */
function SegmentTable({ segments }: { segments: readonly SegmentValue[] }) {
  return (
    <Table label="Segments" columns={SEGMENT_COLUMNS}>
      {segments.map(({ name, selector, base, limit, attributes }) => (
        <tr key={name}>
          <th scope="row">{name}</th>
          <td className="mono">{selector === null ? "–" : selector.toString(16).padStart(4, "0")}</td>
          <td>{base === null ? "–" : <AddressButton value={base} />}</td>
          <td className="mono">{limit === null ? "–" : limit.toString(16)}</td>
          <td>
            <Flags flags={attributes.map((each) => ({ name: each }))} />
          </td>
        </tr>
      ))}
    </Table>
  );
}
