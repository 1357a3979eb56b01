import type { DomainWiring } from "../../core/api/schema.ts";
import { virqName } from "./figures.ts";

/** A guest may have a thousand ports: that many rows twice a second help nobody. */
const MOST_ROWS = 200;

/** Every port of the domain that is not closed. */
export function PortTable({ report: { ports, eventAbi, name } }: { report: DomainWiring }) {
  return (
    <section className="card">
      <header className="card-header">
        <h2>Event channels</h2>
        <span className="muted">
          {ports.length} {ports.length === 1 ? "port" : "ports"}, {eventAbi} ABI
        </span>
      </header>
      <div className="table-box" tabIndex={0} role="group" aria-label={`Event channels of ${name}`}>
        <table className="table">
          <thead>
            <tr>
              <th scope="col">Port</th>
              <th scope="col">State</th>
              <th scope="col">Other end</th>
              <th scope="col">vCPU</th>
              <th scope="col">Bits</th>
              <th scope="col">Received</th>
              <th scope="col">Sent</th>
            </tr>
          </thead>
          <tbody>
            {ports.slice(0, MOST_ROWS).map((port) => (
              <tr key={port.port}>
                <th scope="row">{port.port}</th>
                <td>{port.state}</td>
                <td>
                  {port.virq !== null
                    ? virqName(port.virq)
                    : port.remotePort !== null
                      ? `domain ${port.remoteDomid}, port ${port.remotePort}`
                      : port.remoteDomid !== null
                        ? `for domain ${port.remoteDomid}`
                        : "–"}
                </td>
                <td>{port.vcpu}</td>
                <td>{[port.pending && "pending", port.masked && "masked"].filter(Boolean).join(", ") || "–"}</td>
                <td>{port.received ?? <NotCounted />}</td>
                <td>{port.sent ?? <NotCounted />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
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

/** The domain's grant table: what it lets others use. */
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
        <div className="table-box" tabIndex={0} role="group" aria-label={`Grant table of ${name}`}>
          <table className="table">
            <thead>
              <tr>
                <th scope="col">Reference</th>
                <th scope="col">Kind</th>
                <th scope="col">To</th>
                <th scope="col">Frame</th>
                <th scope="col">In use</th>
              </tr>
            </thead>
            <tbody>
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
            </tbody>
          </table>
        </div>
      )}
      {grants.more > 0 && <p className="muted">{grants.more} more are in use.</p>}
    </section>
  );
}
