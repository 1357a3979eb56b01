import { TableHead, type Columns } from "../../ui/Table.tsx";
import type { Trace } from "./trace.ts";

const COLUMNS: Columns = [{ title: "Accessed", term: "access" }, "Reads", "Writes"];

/** Of a PVH domain: which ports and devices it accesses, by what was recorded. */
export function Places({ trace }: { trace: Trace }) {
  const places = [...trace.places.values()].sort((a, b) => b.reads + b.writes - (a.reads + a.writes));
  return (
    <div className="card trace-counts" tabIndex={0} role="region" aria-label="Counts of accesses">
      <table>
        <TableHead columns={COLUMNS} />
        <tbody>
          {places.map(({ space, address, reads, writes }) => (
            <tr key={`${space} ${address}`} data-place={`${space} 0x${address.toString(16)}`}>
              <th scope="row">
                {space} <span className="mono">0x{address.toString(16)}</span>
              </th>
              <td>{reads.toLocaleString("en")}</td>
              <td>{writes.toLocaleString("en")}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {places.length === 0 && <p className="muted">No port and no device was accessed yet.</p>}
      {trace.elsewhere > 0 && (
        <p className="muted">{trace.elsewhere.toLocaleString("en")} accesses to more places than are listed.</p>
      )}
    </div>
  );
}
