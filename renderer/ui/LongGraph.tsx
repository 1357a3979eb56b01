import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { RANGE_SECONDS, type LongHistory, type LongRange } from "../state/long-history.ts";
import { clockText } from "./clock.ts";
import { captionRoom, lineClass, tipLine } from "./graph-lines.ts";
import { graphOptions } from "./graph-options.ts";
import { GraphFigure } from "./GraphFigure.tsx";
import { columnsOf, dataOf, hasBand, longSeries, type LongLine } from "./long-columns.ts";
import { usePlotLife } from "./plot-life.ts";
import { useSeen } from "./seen.ts";
import { formatValue } from "./units.ts";
import type { TermId } from "../glossary/terms.ts";

export const RANGE_WORDS: Record<LongRange, string> = { "1h": "hour", "24h": "24 hours" };
const SUMMARY = ["least", "mean", "largest"] as const;

/**
 * Draws the mean of each minute as lines. A single line whose least and largest values are known is drawn inside the band between them, and its
 * caption gives them for the whole time. With several lines, the caption gives the mean of each.
 */
export function LongGraph({
  title,
  term,
  history,
  lines,
  unit,
  range,
  max,
  height = 112,
}: {
  title: string;
  /** The word of Xen's that the title is, if it is one. */
  term?: TermId;
  history: LongHistory;
  lines: readonly LongLine[];
  unit: string;
  range: LongRange;
  /** The top of the scale. If not given it is the largest value. */
  max?: number;
  height?: number;
}) {
  const host = useRef<HTMLDivElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const seen = useSeen(host);
  const columns = columnsOf(lines);
  const shown = useRef({ history, columns });
  shown.current = { history, columns };
  const looks = JSON.stringify(columns.map(({ label, color, dashed }) => [label, color, dashed]));
  const inRange = valuesSince(history.times, Date.now() / 1000 - RANGE_SECONDS[range]);
  const points = Math.max(0, ...lines.map(({ series }) => inRange(series.mean).length));

  usePlotLife(
    plot,
    host,
    height,
    seen,
    (parent) => {
      const options = graphOptions({
        width: parent.clientWidth,
        height,
        unit,
        max,
        cursorPoints: { show: false },
        times: () => [Date.now() / 1000 - RANGE_SECONDS[range], Date.now() / 1000],
        ...longSeries(shown.current.columns, hasBand(lines)),
        tip,
        markers: () => shown.current.history.events.map((event) => ({ ...event, at: event.at / 1000 })),
        told: () => ({ lines: shown.current.columns.map(tipLine), events: eventsTold(shown.current.history) }),
      });
      return new uPlot(options, dataOf(shown.current.history, shown.current.columns), parent);
    },
    [looks, max, unit, range],
  );
  useEffect(() => {
    if (seen) plot.current?.setData(dataOf(history, columns));
  }, [history, title, seen]);

  return (
    <GraphFigure
      title={title}
      term={term}
      time={RANGE_WORDS[range]}
      nothing={`Nothing of it was measured in the last ${RANGE_WORDS[range]}.`}
      points={points}
      height={height}
      host={host}
      tip={tip}
      plot={() => plot.current}
      columns={columns.map(({ label }) => `${label} (${unit})`)}
    >
      {points > 0 && <Figures lines={lines} unit={unit} inRange={inRange} />}
    </GraphFigure>
  );
}

/** What the pointer is told about the events of the history, with their times in seconds since 1970. */
function eventsTold({ events }: LongHistory): { at: number; title: string }[] {
  return events.map(({ at, title }) => ({ at: at / 1000, title: `${clockText(at)} ${title}` }));
}

/** Of one line with a band the least, the mean and the largest; of several lines the mean of each. */
function Figures({ lines, unit, inRange }: { lines: readonly LongLine[]; unit: string; inRange: InRange }) {
  const [only] = lines;
  if (only && hasBand(lines))
    return SUMMARY.map((which) => (
      <span key={which} className={lineClass(only, 0)}>
        <span className="graph-label">{which}</span>
        {formatValue(SUMMED[which](inRange(only.series[which]!)), unit)}
      </span>
    ));
  return lines.map((line, i) => (
    <span
      key={line.label}
      className={lineClass(line, i)}
      style={captionRoom(line)}
      title="Mean of the time that is shown"
    >
      <span className="graph-label">{line.label}</span>
      {formatValue(SUMMED.mean(inRange(line.series.mean)), unit)}
    </span>
  ));
}

type InRange = (values: readonly (number | null)[]) => number[];

/** Picks what was measured since then; `times` in seconds since 1970. */
function valuesSince(times: readonly number[], from: number): InRange {
  const first = times.findIndex((time) => time >= from);
  return (values) => (first < 0 ? [] : values.slice(first).filter((value) => value !== null));
}

const SUMMED: Record<(typeof SUMMARY)[number], (values: readonly number[]) => number> = {
  least: (values) => values.reduce((low, each) => Math.min(low, each), Infinity),
  mean: (values) => values.reduce((sum, each) => sum + each, 0) / values.length,
  largest: (values) => values.reduce((high, each) => Math.max(high, each), -Infinity),
};
