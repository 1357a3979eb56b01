import type { DomainWiring } from "../../core/api/schema.ts";
import { bitsOf, otherEndOf } from "./figures.ts";
import { Table, type Columns } from "../ui/Table.tsx";

const PORT_COLUMNS: Columns = ["Port", "State", "Other end", "vCPU", "Bits", "Received", "Sent"];
const GRANT_COLUMNS: Columns = ["Reference", "Kind", "To", "Frame", "In use"];

/** A guest may have a thousand ports, and so many rows twice a second help nobody. */
const MOST_ROWS = 200;

/** Lists every port of the domain that is not closed. */
export function PortTable({ report: { ports, eventAbi, name } }: { report: DomainWiring }) {
  return (
    <section className="card">
      <header className="card-header">
        <h2>Event channels</h2>
        <span className="muted">
          {ports.length} {ports.length === 1 ? "port" : "ports"}, {eventAbi} ABI
        </span>
      </header>
      <Table label={`Event channels of ${name}`} columns={PORT_COLUMNS}>
        {ports.slice(0, MOST_ROWS).map((port) => (
          <tr key={port.port}>
            <th scope="row">{port.port}</th>
            <td>{port.state}</td>
            <td>{otherEndOf(port) ?? "–"}</td>
            <td>{port.vcpu}</td>
            <td>{bitsOf(port) || "–"}</td>
            <td>{port.received ?? <NotCounted />}</td>
            <td>{port.sent ?? <NotCounted />}</td>
          </tr>
        ))}
      </Table>
      {ports.length > MOST_ROWS && <p className="muted">{ports.length - MOST_ROWS} more are open.</p>}
    </section>
  );
}

function NotCounted() {
  return (
    <span className="muted" title="Domain-0 is at neither end: nobody counts it">
      –
    </span>
  );
}

/** Shows the domain's grant table: what it lets others use. */
export function GrantTable({ report: { grants, name } }: { report: DomainWiring }) {
  return (
    <section className="card">
      <header className="card-header">
        <h2>Grant table</h2>
        <span className="muted">
          version {grants.version}, {grants.frames} of {grants.maxFrames} frames
        </span>
      </header>
      {grants.entries.length === 0 ? (
        <p className="muted">{name} grants nothing to anybody.</p>
      ) : (
        <Table label={`Grant table of ${name}`} columns={GRANT_COLUMNS}>
          {grants.entries.map((grant) => (
            <tr key={grant.ref}>
              <th scope="row">{grant.ref}</th>
              <td>
                {grant.kind}
                {grant.readonly && ", read-only"}
              </td>
              <td>domain {grant.domid}</td>
              <td>mfn {grant.mfn}</td>
              <td>{grant.writing ? "to write" : grant.reading ? "to read" : "no"}</td>
            </tr>
          ))}
        </Table>
      )}
      {grants.more > 0 && <p className="muted">{grants.more} more are in use.</p>}
    </section>
  );
}
