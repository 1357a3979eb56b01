import { RANGE_SECONDS, useLongHistory, type LongHistory, type LongRange } from "../state/long-history.ts";
import type { TermId } from "../glossary/terms.ts";
import { useHostRuns } from "../state/live.ts";
import { dateText } from "../ui/clock.ts";
import type { LineStyle } from "../ui/graph-lines.ts";
import { LongGraph, RANGE_WORDS } from "../ui/LongGraph.tsx";
import type { LongLine } from "../ui/long-columns.ts";
import { MoreGraphs } from "./MoreGraphs.tsx";

export const LARGE_PIXELS = 220;

export interface LongGraphKind {
  title: string;
  term?: TermId;
  unit: string;
  max?: number;
  /** Drawn large, before the graphs that are folded away. */
  large?: true;
  lines: (history: LongHistory) => LongLine[];
}

/** Returns a metric of the history as a line, or no line if the history does not have it. */
export function metricLine(metric: string, style: LineStyle): (history: LongHistory) => LongLine[] {
  return ({ metrics }) => {
    const series = metrics.get(metric);
    return series ? [{ ...style, series }] : [];
  };
}

const NEVER = "Nothing was measured yet: the host keeps a point a minute while it runs.";

const OFF = "The host does not run; what was kept is shown when it does.";

/** The last hour or day of the domain with that UUID, or of the host. `children` are further parts drawn from it. */
export function LongGraphs({
  of,
  range,
  kinds,
  children,
}: {
  of: string;
  range: LongRange;
  kinds: (history: LongHistory) => readonly LongGraphKind[];
  children?: (history: LongHistory) => React.ReactNode;
}) {
  const history = useLongHistory(of);
  const hostRuns = useHostRuns();
  if (history === null) return <p className="page-empty">{hostRuns ? "Asking for what was kept…" : OFF}</p>;
  if (history === "none" || history.times.length === 0) return <p className="page-empty">{NEVER}</p>;
  const latest = history.times.at(-1)!;
  if (latest < Date.now() / 1000 - RANGE_SECONDS[range])
    return (
      <p className="page-empty">
        Nothing was measured in the last {RANGE_WORDS[range]}. The last figures are of {dateText(latest * 1000)}.
      </p>
    );
  const all = kinds(history);
  const draw = ({ lines, large, ...kind }: LongGraphKind): React.ReactNode => (
    <section key={kind.title} className="card">
      <LongGraph
        history={history}
        range={range}
        lines={lines(history)}
        {...(large && { height: LARGE_PIXELS })}
        {...kind}
      />
    </section>
  );
  const large = all.filter((kind) => kind.large);
  const others = (
    <>
      <div className="graphs">{all.filter((kind) => !kind.large).map(draw)}</div>
      {children?.(history)}
    </>
  );
  if (large.length === 0) return others;
  return (
    <>
      <div className="graphs graphs-large">{large.map(draw)}</div>
      <MoreGraphs>{others}</MoreGraphs>
    </>
  );
}
