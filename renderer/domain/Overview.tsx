import type { DomainInfo } from "../../core/api/schema.ts";
import { history } from "../state/session.ts";
import { useApp } from "../state/store.ts";
import { useLayout } from "../state/layout.ts";
import { EditLive } from "./EditLive.tsx";
import { RunstateGraph } from "./RunstateGraph.tsx";
import { LongGraphs, type LongGraphKind } from "./LongGraphs.tsx";
import { VcpuTable } from "./VcpuTable.tsx";
import { Graph } from "../ui/Graph.tsx";
import { useMarkers } from "../ui/markers.ts";
import { RangeChoice } from "../ui/RangeChoice.tsx";
import { uptimeText } from "../ui/uptime.ts";

/** State, figures and configuration of a domain. */
export function Overview({ domain }: { domain: DomainInfo }) {
  useApp((state) => state.tick);
  const figures = history.domains.get(domain.domid);
  const markers = useMarkers(domain.domid);
  const range = useLayout((state) => state.graphRange);
  return (
    <div className="overview">
      <div className="graphs-tools">
        <RangeChoice />
      </div>
      {range !== "10min" && <LongGraphs of={domain.uuid} range={range} kinds={longKinds(domain)} />}
      {range === "10min" && !figures && <p className="page-empty">Measuring…</p>}
      {range === "10min" && figures && (
        <div className="graphs">
          <section className="card">
            <Graph
              markers={markers}
              title="vCPUs"
              unit="%"
              max={100}
              lines={figures.vcpus.map((series, i) => ({ label: `vCPU ${i}`, series }))}
            />
          </section>
          <RunstateGraph domain={domain} figures={figures} markers={markers} />
          <section className="card">
            <Graph
              markers={markers}
              title="Memory"
              unit="MiB"
              max={Math.max(figures.maxMemoryMiB, domain.maxmemMiB)}
              lines={[{ label: "Memory", series: figures.memory }]}
            />
          </section>
          <section className="card">
            <Graph
              markers={markers}
              title="Hypercalls"
              unit="/s"
              lines={[{ label: "Hypercalls", series: figures.hypercalls }]}
            />
          </section>
          <section className="card">
            <Graph
              markers={markers}
              title="Events received"
              unit="/s"
              lines={[{ label: "Events", series: figures.events }]}
            />
          </section>
          <section className="card">
            <Graph
              markers={markers}
              title="Page faults"
              unit="/s"
              lines={[{ label: "Faults", series: figures.pageFaults }]}
            />
          </section>
          <section className="card">
            <Graph
              markers={markers}
              title="Instructions"
              unit="M/s"
              lines={[{ label: "Instructions", series: figures.mips }]}
            />
          </section>
        </div>
      )}
      <div className="columns-flow">
        <section className="card">
          <h2>State</h2>
          <dl className="facts">
            <dt>Domain</dt>
            <dd>
              {domain.domid}, {domain.type === "pv" ? "PV, 64-bit" : domain.type}
            </dd>
            <dt>xl list</dt>
            <dd className="mono">{domain.stateString}</dd>
            <dt>Up</dt>
            <dd>
              <Uptime since={domain.createdAt} />
            </dd>
            <dt>CPU time</dt>
            <dd>{domain.cpuTimeSeconds.toFixed(1)} s</dd>
            <dt>vCPUs</dt>
            <dd>
              {domain.onlineVcpus} of {domain.vcpus} online
            </dd>
            <dt>UUID</dt>
            <dd className="mono">{domain.uuid}</dd>
          </dl>
        </section>
        <VcpuTable key={domain.domid} domid={domain.domid} name={domain.name} />
        {domain.config && <EditLive key={`settings ${domain.domid}`} domain={domain} />}
        {domain.config && <Config domain={domain} />}
      </div>
    </div>
  );
}

function longKinds({ maxmemMiB, vcpus }: DomainInfo): LongGraphKind[] {
  return [
    { metric: "cpu", title: "CPU, all vCPUs", unit: "%", max: 100 * vcpus },
    { metric: "runnable", title: "Waiting for a pCPU, all vCPUs", unit: "%" },
    { metric: "memory", title: "Memory", unit: "MiB", max: maxmemMiB },
    { metric: "hypercalls", title: "Hypercalls", unit: "/s" },
    { metric: "events", title: "Events received", unit: "/s" },
    { metric: "pageFaults", title: "Page faults", unit: "/s" },
    { metric: "mips", title: "Instructions", unit: "M/s" },
  ];
}

function Uptime({ since }: { since: number }) {
  useApp((state) => state.tick);
  return <>{uptimeText(since)}</>;
}

function Config({ domain }: { domain: DomainInfo }) {
  const config = domain.config!;
  return (
    <section className="card">
      <h2>Set for its life</h2>
      <p className="muted config-note">To change these, create the domain anew.</p>
      <dl className="facts">
        <dt>Kernel</dt>
        <dd className="mono">{config.kernel}</dd>
        {config.ramdisk && (
          <>
            <dt>RAM disk</dt>
            <dd className="mono">{config.ramdisk}</dd>
          </>
        )}
        {config.cmdline && (
          <>
            <dt>Command line</dt>
            <dd className="mono">{config.cmdline}</dd>
          </>
        )}
        <dt>Memory</dt>
        <dd>
          {config.memoryMiB} MiB at first, at most {config.maxmemMiB}
        </dd>
        <dt>vCPUs</dt>
        <dd>
          {config.vcpus} at first, at most {config.maxvcpus}
        </dd>
        <dt>When it ends</dt>
        <dd>
          poweroff: {config.onPoweroff}, reboot: {config.onReboot}, crash: {config.onCrash}
        </dd>
      </dl>
    </section>
  );
}
