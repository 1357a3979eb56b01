import { Download, Play, Rocket } from "lucide-react";
import { useEffect, useState } from "react";
import type { HostInfo, HostState } from "../../core/api/schema.ts";
import { LongGraphs, metricLine, type LongGraphKind } from "../domain/LongGraphs.tsx";
import { useLayout } from "../state/layout.ts";
import { act, history, request } from "../state/session.ts";
import { hostIs } from "../state/power-words.ts";
import { openDialog, show, useApp } from "../state/store.ts";
import { MOST_LINES } from "../ui/graph-lines.ts";
import { Graph } from "../ui/Graph.tsx";
import { useMarkers } from "../ui/markers.ts";
import { RangeChoice } from "../ui/RangeChoice.tsx";
import { HostHead } from "./HostHead.tsx";
import { MemoryBar } from "./MemoryBar.tsx";
import { Timeline } from "./timeline/Timeline.tsx";
import { XenLog } from "./log/XenLog.tsx";
import { Term } from "../glossary/Term.tsx";

/** Shows the host: how it was booted, what it has, what Xen says. */
export function HostPage() {
  const host = useApp((state) => state.host);
  const domains = useApp((state) => state.domains);
  const range = useLayout((state) => state.graphRange);
  const power = host?.power ?? "off";
  const info = useHostInfo(power);
  if (!host) return <div className="page-empty">Connecting to the host…</div>;
  const guests = domains.filter(({ domid }) => domid !== 0);
  const running = power === "running";
  return (
    <div className="page">
      <HostHead host={host} />
      {host.reason && power !== "crashed" && (
        <div className="banner" role="alert">
          {host.reason}
        </div>
      )}
      {running && guests.length === 0 && <Welcome />}
      <div className="columns">
        <section className="card">
          <h2>Power-on</h2>
          <Stages stages={host.stages} busy={power === "starting"} />
        </section>
        <section className="card">
          <h2>Memory</h2>
          {running ? <MemoryBar domains={domains} /> : <p className="muted">{hostIs(power)}.</p>}
          {info && running && <Facts info={info} />}
        </section>
      </div>
      {running && (
        <div className="graphs-tools">
          <RangeChoice />
        </div>
      )}
      {running && range !== "10min" && <LongGraphs of="host" range={range} kinds={() => longKinds(host.memoryMiB)} />}
      {running && range === "10min" && <PcpuGraph />}
      {running && <Timeline />}
      <XenLog />
    </div>
  );
}

/** Asked for at each power-on. */
function useHostInfo(power: HostState["power"]): HostInfo | null {
  const [info, setInfo] = useState<HostInfo | null>(null);
  useEffect(() => {
    if (power !== "running") return;
    let current = true;
    request("hostInfo", {}).then(
      (result) => current && setInfo(result),
      () => {},
    );
    return () => {
      current = false;
    };
  }, [power]);
  return info;
}

/** The last ten minutes of each pCPU. */
function PcpuGraph() {
  useApp((state) => state.tick);
  const markers = useMarkers(null);
  return (
    <section className="card">
      <Graph
        title={
          history.pcpus.length > MOST_LINES
            ? `pCPU load, the first ${MOST_LINES} of ${history.pcpus.length}`
            : "pCPU load"
        }
        term="pcpu"
        markers={markers}
        unit="%"
        max={100}
        lines={history.pcpus.slice(0, MOST_LINES).map((series, i) => ({ label: `pCPU ${i}`, series }))}
      />
    </section>
  );
}

function longKinds(memoryMiB: number): LongGraphKind[] {
  return [
    {
      title: "pCPU load, all pCPUs",
      term: "pcpu",
      unit: "%",
      max: 100,
      lines: metricLine("cpu", { label: "pCPU load" }),
    },
    { title: "Free memory", unit: "MiB", max: memoryMiB, lines: metricLine("freeMemory", { label: "Free memory" }) },
  ];
}

function Welcome() {
  const [busy, setBusy] = useState(false);
  const start = async (): Promise<void> => {
    setBusy(true);
    const created = await act("createBundled", { vcpus: 2 });
    setBusy(false);
    if (created) show({ page: "domain", domid: created.domid, tab: "console" });
  };
  return (
    <section className="card welcome">
      <h2>The host is up. Give it a guest.</h2>
      <p>
        Drop a disk image, a kernel with or without its RAM disk, an exported domain or an xl.cfg anywhere on this
        window. Or start the small guest that comes with Xenarium: it is up at once and has a shell.
      </p>
      <div className="button-row">
        <button type="button" className="primary" disabled={busy} onClick={() => void start()}>
          <Rocket size={15} /> Start the bundled guest
        </button>
        <button type="button" onClick={() => openDialog("new-domain")}>
          <Play size={15} /> New domain…
        </button>
        <button type="button" onClick={() => openDialog("fetch-guest")}>
          <Download size={15} /> Get a Linux from the web…
        </button>
      </div>
    </section>
  );
}

function Stages({ stages, busy }: { stages: { name: string; milliseconds: number }[]; busy: boolean }) {
  const total = stages.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  if (!stages.length) return <p className="muted">{busy ? "Starting…" : "Not powered on yet."}</p>;
  return (
    <ol className="stages">
      {stages.map(({ name, milliseconds }) => (
        <li key={name}>
          <span className="stage-name">{name}</span>
          <span
            className="stage-bar"
            role="meter"
            aria-label={`${name}: ${milliseconds.toFixed(1)} ms`}
            aria-valuemin={0}
            aria-valuemax={total}
            aria-valuenow={milliseconds}
          >
            <span style={{ width: `${(100 * milliseconds) / total}%` }} />
          </span>
          <span className="stage-time">{milliseconds.toFixed(1)} ms</span>
        </li>
      ))}
      <li className="stage-total">
        <span className="stage-name">{busy ? "So far" : "Total"}</span>
        <span />
        <span className="stage-time">{total.toFixed(0)} ms</span>
      </li>
    </ol>
  );
}

function Facts({ info }: { info: HostInfo }) {
  return (
    <dl className="facts">
      <dt>Xen</dt>
      <dd>
        {info.xenMajor}.{info.xenMinor}
        {info.xenExtra}
      </dd>
      <dt>
        <Term of="xen-caps">Guests</Term>
      </dt>
      <dd>{info.xenCaps}</dd>
      <dt>
        <Term of="scheduler">Scheduler</Term>
      </dt>
      <dd>{info.xenScheduler}</dd>
      <dt>
        <Term of="xen-cmdline">Command line</Term>
      </dt>
      <dd className="mono">{info.xenCommandline}</dd>
    </dl>
  );
}
