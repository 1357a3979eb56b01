import { useRef, useState } from "react";
import type { EventPort, EventsReport } from "../../core/api/schema.ts";
import { bitsOf, otherEndOf, rateText } from "../devices/figures.ts";
import { useInspected } from "./inspected.ts";
import { Waiting } from "./parts.tsx";
import { Term, termProps } from "../glossary/Term.tsx";
import { Table, type Columns } from "../ui/Table.tsx";

const columnsOf = (hasPriorities: boolean): Columns => [
  { title: "Port", term: "port" },
  { title: "Type", term: "port-type" },
  { title: "Other end", term: "other-end" },
  { title: "vCPU", term: "vcpu" },
  ...(hasPriorities ? [{ title: "Priority", term: "event-priority" } as const] : []),
  { title: "Bits", term: "event-bits" },
  { title: "Received", term: "events-received" },
  { title: "Sent", term: "events-sent" },
  "Received/s",
  "Sent/s",
];

/** More rows help nobody; the filter finds the others. */
const MOST_ROWS = 250;

/** Lists a domain's ports, with what goes through them. */
export function EventsSection({ domid }: { domid: number }) {
  const { value, error } = useInspected("inspectEvents", { domid });
  const before = useBefore(value);
  const [filter, setFilter] = useState("");
  if (error !== null || !value) return <Waiting error={error} />;
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const found = value.ports.filter((port) => {
    const text = `${port.port} ${port.state} ${otherEnd(port)} ${bitsOf(port)}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const fifo = value.abi === "FIFO";
  return (
    <section className="card">
      <header className="card-header">
        <h2>
          <Term of="event-channel">Event channels</Term>
        </h2>
        <span className="muted">
          {value.ports.length} {value.ports.length === 1 ? "port" : "ports"}, {value.abi} ABI
        </span>
        <span className="spacer" />
        <input
          type="search"
          placeholder="Filter"
          aria-label="Filter the ports"
          value={filter}
          onChange={({ target }) => setFilter(target.value)}
        />
      </header>
      <Table label="Ports of the domain" columns={columnsOf(fifo)}>
        {found.slice(0, MOST_ROWS).map((port) => {
          const rates = ratesOf(port, value, before);
          return (
            <tr key={port.port} data-port={port.port}>
              <th scope="row">{port.port}</th>
              <td>
                <PortType state={port.state} />
              </td>
              <td>{otherEnd(port)}</td>
              <td>{port.vcpu}</td>
              {fifo && <td>{port.priority}</td>}
              <td>{bitsOf(port) || "–"}</td>
              <td>{port.received.toLocaleString("en")}</td>
              <td>{port.sent === null ? "–" : port.sent.toLocaleString("en")}</td>
              <td className={rates.received > 0 ? "busy" : undefined}>{rateText(rates.received)}</td>
              <td className={rates.sent > 0 ? "busy" : undefined}>{rateText(rates.sent)}</td>
            </tr>
          );
        })}
      </Table>
      {found.length === 0 && <p className="muted">No port is so.</p>}
      {found.length > MOST_ROWS && <p className="muted">{found.length - MOST_ROWS} more are open.</p>}
      <p className="muted inspect-note">
        Counted by the hypervisor since each port was bound: an event received is one that was made pending here, one
        sent was made pending at the other end.
      </p>
    </section>
  );
}

/** Interdomain ports and VIRQs are words of Xen's; the other types explain themselves. */
function PortType({ state }: { state: string }) {
  if (state === "interdomain" || state === "virq") return <span {...termProps(state)}>{state}</span>;
  return state;
}

function otherEnd(port: EventPort): string {
  return otherEndOf(port) ?? (port.state === "ipi" ? "the domain itself" : "–");
}

/** Returns events per second since the report before, or NaN if there was none or the port was a different one then. */
function ratesOf(port: EventPort, now: EventsReport, before: EventsReport | null): { received: number; sent: number } {
  const was = before?.ports.find((each) => each.port === port.port && each.state === port.state);
  const seconds = before ? (now.time - before.time) / 1e9 : 0;
  if (!was || seconds <= 0) return { received: NaN, sent: NaN };
  return {
    received: ((port.received - was.received) >>> 0) / seconds,
    sent: port.sent === null || was.sent === null ? NaN : ((port.sent - was.sent) >>> 0) / seconds,
  };
}

function useBefore(report: EventsReport | null): EventsReport | null {
  const kept = useRef<{ now: EventsReport | null; before: EventsReport | null }>({ now: report, before: null });
  if (kept.current.now !== report) kept.current = { now: report, before: kept.current.now };
  return kept.current.before;
}
