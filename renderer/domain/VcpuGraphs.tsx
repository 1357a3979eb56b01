import type { DomainHistory } from "../../core/api/history/live.ts";
import type { LongHistory, LongRange } from "../state/long-history.ts";
import { lineClass, type Marker } from "../ui/graph-lines.ts";
import { Graph } from "../ui/Graph.tsx";
import { LongGraph } from "../ui/LongGraph.tsx";
import { Term } from "../glossary/Term.tsx";

/** What a vCPU does with its time: it runs, waits for a pCPU, or has nothing to do (RUNSTATE_*). */
const STATES = ["running", "runnable", "blocked"] as const;
const HEIGHT = 84;

/** One graph for each vCPU, of the last ten minutes. */
export function VcpuGraphs({
  name,
  figures,
  markers,
}: {
  name: string;
  figures: DomainHistory;
  markers: readonly Marker[];
}) {
  return (
    <Grid name={name}>
      {figures.runstates.map((states, vcpu) => (
        <Graph
          key={vcpu}
          markers={markers}
          title={`vCPU ${vcpu}`}
          unit="%"
          max={100}
          height={HEIGHT}
          lines={STATES.map((state) => ({ label: state, series: states[state] }))}
        />
      ))}
    </Grid>
  );
}

/** The same for the last hour or day. */
export function LongVcpuGraphs({ name, history, range }: { name: string; history: LongHistory; range: LongRange }) {
  if (history.vcpus.length === 0) return null;
  return (
    <Grid name={name}>
      {history.vcpus.map((states, vcpu) => (
        <LongGraph
          key={vcpu}
          history={history}
          range={range}
          title={`vCPU ${vcpu}`}
          unit="%"
          max={100}
          height={HEIGHT}
          lines={STATES.map((state) => ({ label: state, series: { mean: states[state] } }))}
        />
      ))}
    </Grid>
  );
}

/** As many graphs stand side by side as there is room for; more are scrolled. The colours are explained once. */
function Grid({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <section className="card">
      <h2 className="vcpu-graphs-title">
        <Term of="runstate">Time of each vCPU</Term>
        <span className="graph-values">
          {STATES.map((state, i) => (
            <span key={state} className={lineClass({ label: state }, i)}>
              <Term of={`runstate-${state}`}>{state}</Term>
            </span>
          ))}
        </span>
      </h2>
      <div className="vcpu-graphs" tabIndex={0} role="group" aria-label={`Time of each vCPU of ${name}`}>
        {children}
      </div>
    </section>
  );
}
