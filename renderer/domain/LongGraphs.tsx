import { useLongHistory, type LongRange } from "../state/long-history.ts";
import { LongGraph } from "../ui/LongGraph.tsx";

export interface LongGraphKind {
  metric: string;
  title: string;
  unit: string;
  max?: number;
}

const NEVER = "Nothing was measured yet: the host keeps a point a minute while it runs.";

/** The last hour or day of a domain by its UUID, or of the host. */
export function LongGraphs({ of, range, kinds }: { of: string; range: LongRange; kinds: readonly LongGraphKind[] }) {
  const history = useLongHistory(of);
  if (history === null) return <p className="page-empty">Asking for what was kept…</p>;
  if (history === "none" || history.times.length === 0) return <p className="page-empty">{NEVER}</p>;
  return (
    <div className="graphs">
      {kinds.map((kind) => (
        <section key={kind.metric} className="card">
          <LongGraph history={history} range={range} {...kind} />
        </section>
      ))}
    </div>
  );
}
