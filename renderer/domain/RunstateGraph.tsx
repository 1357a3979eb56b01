import { useState } from "react";
import type { DomainInfo } from "../../core/api/schema.ts";
import type { DomainHistory } from "../state/history.ts";
import { Graph, type Marker } from "../ui/Graph.tsx";

/** What a vCPU did with its time: ran, waited for a pCPU, waited for something to do (RUNSTATE_*). */
export function RunstateGraph({
  domain,
  figures,
  markers,
}: {
  domain: DomainInfo;
  figures: DomainHistory;
  markers: readonly Marker[];
}) {
  const [chosen, setChosen] = useState(0);
  const vcpu = chosen < figures.runstates.length ? chosen : 0;
  const series = figures.runstates[vcpu];
  return (
    <section className="card">
      {series && (
        <Graph
          key={vcpu}
          markers={markers}
          title={`States of vCPU ${vcpu}`}
          unit="%"
          max={100}
          lines={[
            { label: "running", series: series.running },
            { label: "runnable", series: series.runnable },
            { label: "blocked", series: series.blocked },
          ]}
        />
      )}
      {figures.runstates.length > 1 && (
        <select
          className="graph-vcpu"
          aria-label={`vCPU of ${domain.name} whose states are shown`}
          value={vcpu}
          onChange={({ target }) => setChosen(Number(target.value))}
        >
          {figures.runstates.map((_, i) => (
            <option key={i} value={i}>
              vCPU {i}
            </option>
          ))}
        </select>
      )}
    </section>
  );
}
