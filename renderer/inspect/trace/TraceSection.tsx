import "../../styles/trace.css";
import { Circle, Download, Eraser, Search, Square } from "lucide-react";
import { useEffect, useState } from "react";
import { CALLS } from "../../../core/api/trace/names.ts";
import { useHostRuns } from "../../state/live.ts";
import { useApp } from "../../state/store.ts";
import { formatValue } from "../../ui/units.ts";
import { exportTrace } from "./chrome-export.ts";
import { Places } from "./Places.tsx";
import { Timeline } from "./Timeline.tsx";
import { HYPERCALLS_ONLY, WITH_ACCESSES, type Trace, type TraceFilter, type TraceRow } from "./trace.ts";
import { TraceTable } from "./TraceTable.tsx";
import { useIsPvh } from "../useIsPvh.ts";
import { useTrace } from "./useTrace.ts";
import { TableHead, type Columns } from "../../ui/Table.tsx";

const COUNT_COLUMNS: Columns = [{ title: "Hypercall", term: "hypercall" }, "Calls", "Rate"];

/** A domain's hypercalls, and a PVH domain's accesses to ports and devices, live. The hypervisor records them only while this is looked at, and until the recording is stopped. */
export function TraceSection({ domid }: { domid: number }) {
  const runs = useHostRuns();
  const name = useApp((state) => state.domains.find((each) => each.domid === domid)?.name ?? `domain-${domid}`);
  const [stopped, setStopped] = useState(false);
  const [selected, select] = useState<TraceRow | null>(null);
  const trace = useTrace(domid, !stopped);
  const isPvh = useIsPvh(domid);
  const words = isPvh ? WITH_ACCESSES : HYPERCALLS_ONLY;
  useEffect(() => {
    // A trace from before the last power-on belongs to another domain.
    if (!runs) trace.clear();
  }, [runs, trace]);
  if (!runs) return <p className="page-empty">There are no hypercalls while the host does not run.</p>;
  return (
    <section className="trace" aria-label="Hypercall trace">
      <div className="trace-tools">
        <button type="button" title="The domain runs on" onClick={() => setStopped(!stopped)}>
          {stopped ? <Circle size={14} /> : <Square size={14} />} {stopped ? "Record again" : "Stop recording"}
        </button>
        <button
          type="button"

          onClick={() => {
            select(null);
            trace.clear();
          }}
        >
          <Eraser size={14} /> Clear
        </button>
        <button
          type="button"

          title="In Chrome's trace format, for chrome://tracing and Perfetto: what the filter lets through"
          disabled={trace.shown.length === 0}
          onClick={() => exportTrace(trace, domid, name)}
        >
          <Download size={14} /> Export
        </button>
        <Filters trace={trace} />
        <span className="spacer" />
        <span className="muted trace-figures" role="status">
          {trace.recorded.toLocaleString("en")} recorded
          {trace.missing > 0 && `, ${trace.missing.toLocaleString("en")} not`}
        </span>
      </div>
      <Timeline trace={trace} selected={selected} onSelect={select} />
      <div className="trace-split">
        <div className="trace-main">
          {trace.rows.length === 0 ? (
            <p className="page-empty">
              {stopped
                ? "Nothing is recorded until you record again."
                : `It has made no ${words.one} since this is looked at.`}
            </p>
          ) : (
            <TraceTable rows={trace.shown} words={words} selected={selected} onSelect={select} />
          )}
        </div>
        <div className="trace-side">
          <Counts trace={trace} />
          {isPvh && <Places trace={trace} />}
        </div>
      </div>
    </section>
  );
}

function Filters({ trace }: { trace: Trace }) {
  const change = (part: Partial<TraceFilter>): void => {
    trace.filter = { ...trace.filter, ...part };
  };
  const { number, result, text } = trace.filter;
  const choices = [...trace.seen].sort(([, a], [, b]) => a.localeCompare(b));
  return (
    <>
      <select
        aria-label="Hypercall"
        value={number ?? ""}
        onChange={({ target }) => change({ number: target.value === "" ? null : Number(target.value) })}
      >
        <option value="">All hypercalls</option>
        {choices.map(([each, name]) => (
          <option key={each} value={each}>
            {name}
          </option>
        ))}
      </select>
      <select
        aria-label="Result"
        value={result}
        onChange={({ target }) => change({ result: target.value as TraceFilter["result"] })}
      >
        <option value="all">All results</option>
        <option value="ok">Succeeded</option>
        <option value="failed">Failed</option>
      </select>
      <div className="search trace-search">
        <Search size={14} aria-hidden />
        <input
          type="search"
          placeholder="Name, argument, result"
          aria-label="Filter the trace"
          defaultValue={text}
          onChange={({ target }) => change({ text: target.value.toLowerCase() })}
        />
      </div>
    </>
  );
}

function Counts({ trace }: { trace: Trace }) {
  return (
    <div className="card trace-counts" tabIndex={0} role="region" aria-label="Counts of hypercalls">
      <table>
        <TableHead columns={COUNT_COLUMNS} />
        <tbody>
          {trace.counts.map(({ number, calls, rate }) => (
            <tr key={number} data-hypercall={CALLS.get(number)}>
              <th scope="row">
                <span className={`trace-swatch trace-color-${(trace.colorOf(number) ?? -1) + 1}`} aria-hidden />
                {CALLS.get(number) ?? `hypercall ${number}`}
              </th>
              <td>{calls.toLocaleString("en")}</td>
              <td>{formatValue(rate, "/s")}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {trace.counts.length === 0 && <p className="muted">No figures yet.</p>}
    </div>
  );
}
