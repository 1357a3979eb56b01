import { Table, type Columns } from "../../ui/Table.tsx";
import { totalsOf, type Lane } from "./lanes.ts";

const MOST_SHARES = 6;
const COLUMNS: Columns = [
  { title: "pCPU", term: "pcpu" },
  "Busy",
  { title: "Switches", term: "switches" },
  { title: "By vCPU", term: "vcpu" },
];

/** What the lanes add up to between two moments. */
export function LaneTable({
  lanes,
  from,
  to,
  nameOf,
}: {
  lanes: readonly Lane[];
  from: number;
  to: number;
  nameOf: (domid: number) => string;
}) {
  return (
    <Table label="What each pCPU did" columns={COLUMNS}>
      {lanes.map((lane) => {
        const { pcpu, busy, switchesPerSecond, shares } = totalsOf(lane, Math.max(0, from), to);
        return (
          <tr key={pcpu}>
            <th scope="row">{pcpu}</th>
            <td>{Number.isFinite(busy) ? `${(100 * busy).toFixed(1)}%` : "–"}</td>
            <td>{switchesPerSecond.toFixed(0)}/s</td>
            <td>
              {shares
                .slice(0, MOST_SHARES)
                .map(({ domid, vcpu, part }) => `${nameOf(domid)} vCPU ${vcpu}: ${(100 * part).toFixed(1)}%`)
                .join(", ") || "idle"}
              {shares.length > MOST_SHARES && `, and ${shares.length - MOST_SHARES} more`}
            </td>
          </tr>
        );
      })}
    </Table>
  );
}
