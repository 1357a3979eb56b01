import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { RANGE_SECONDS, type LongHistory, type LongRange, type LongSeries } from "../state/long-history.ts";
import { captionRoom, drawMarkers, lineClass, lineColor, lineDash, tipLine, type LineStyle } from "./Graph.tsx";
import { clockText } from "./clock.ts";
import { graphAxes } from "./graph-axes.ts";
import { showTip } from "./graph-tip.ts";
import { GraphExport } from "./GraphExport.tsx";
import { usePlotLife } from "./plot-life.ts";
import { useSeen } from "./seen.ts";
import { formatValue } from "./units.ts";
import { Term } from "../glossary/Term.tsx";
import type { TermId } from "../glossary/terms.ts";

/** Means of minutes. Some lines also have the least and largest values. */
export interface LongLine extends LineStyle {
  series: Pick<LongSeries, "mean"> & Partial<LongSeries>;
}

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
  const from = Date.now() / 1000 - RANGE_SECONDS[range];
  const first = history.times.findIndex((time) => time >= from);
  const inRange = (values: readonly (number | null)[]): number[] =>
    first < 0 ? [] : values.slice(first).filter((value) => value !== null);
  const points = Math.max(0, ...lines.map(({ series }) => inRange(series.mean).length));
  const looks = JSON.stringify(columns.map(({ label, color, dashed }) => [label, color, dashed]));
  const banded = hasBand(lines);

  usePlotLife(
    plot,
    host,
    height,
    seen,
    (parent) => {
      const faint = lineColor(lines[0] ?? { label: "" }, 0)
        .replace("rgb(", "rgba(")
        .replace(")", ", 0.22)");
      const options: uPlot.Options = {
        width: parent.clientWidth,
        height,
        legend: { show: false },
        cursor: { y: false, points: { show: false } },
        padding: [8, 28, 0, 0],
        hooks: {
          draw: [
            (u) =>
              drawMarkers(
                u,
                shown.current.history.events.map(({ at, title: what, trouble }) => ({
                  at: at / 1000,
                  title: what,
                  trouble,
                })),
              ),
          ],
          setCursor: [
            (u) => {
              const { columns: told, history: kept } = shown.current;
              const events = kept.events.map(({ at, title: what }) => ({
                at: at / 1000,
                title: `${clockText(at)} ${what}`,
              }));
              if (tip.current) showTip(tip.current, u, told.map(tipLine), events, unit);
            },
          ],
        },
        scales: {
          x: { time: false, range: () => [Date.now() / 1000 - RANGE_SECONDS[range], Date.now() / 1000] },
          y: { range: (_u, _low, high) => [0, max ?? Math.max(1, high * 1.1)] },
        },
        axes: graphAxes(unit),
        series: [
          {},
          ...shown.current.columns.map((column, i) => {
            if (banded && i > 0) return { label: column.label, stroke: faint, width: 1, points: { show: false } };
            const color = lineColor(column, i);
            const points = { show: true, size: 4, width: 0, fill: color, filter: alone };
            return { label: column.label, stroke: color, width: 1.5, points, ...lineDash(column) };
          }),
        ],
        ...(banded && { bands: [{ series: [3, 2], fill: faint }] }),
      };
      return new uPlot(options, dataOf(shown.current.history, shown.current.columns), parent);
    },
    [looks, max, unit, range],
  );
  useEffect(() => {
    if (seen) plot.current?.setData(dataOf(history, columns));
  }, [history, title, seen]);

  return (
    <figure className="graph" data-points={points}>
      <figcaption>
        <span className="graph-title">{term ? <Term of={term}>{title}</Term> : title}</span>
        <span className="graph-values">
          {points > 0 &&
            (banded
              ? SUMMARY.map((which) => (
                  <span key={which} className={lineClass(lines[0]!, 0)}>
                    <span className="graph-label">{which}</span>
                    {formatValue(SUMMED[which](inRange(lines[0]!.series[which]!)), unit)}
                  </span>
                ))
              : lines.map((line, i) => (
                  <span
                    key={line.label}
                    className={lineClass(line, i)}
                    style={captionRoom(line)}
                    title="Mean of the time that is shown"
                  >
                    <span className="graph-label">{line.label}</span>
                    {formatValue(SUMMED.mean(inRange(line.series.mean)), unit)}
                  </span>
                )))}
        </span>
        <GraphExport
          title={title}
          plot={() => plot.current}
          columns={columns.map(({ label }) => `${label} (${unit})`)}
          timeOf={(seconds) => seconds * 1000}
        />
      </figcaption>
      <div
        ref={host}
        className="graph-plot"
        style={{ minHeight: height }}
        role="img"
        aria-label={`${title}, last ${RANGE_WORDS[range]}`}
      ></div>
      <div ref={tip} className="graph-tip" />
      {points === 0 && <p className="graph-empty">Nothing of it was measured in the last {RANGE_WORDS[range]}.</p>}
    </figure>
  );
}

const SUMMED: Record<(typeof SUMMARY)[number], (values: readonly number[]) => number> = {
  least: (values) => values.reduce((low, each) => Math.min(low, each), Infinity),
  mean: (values) => values.reduce((sum, each) => sum + each, 0) / values.length,
  largest: (values) => values.reduce((high, each) => Math.max(high, each), -Infinity),
};

interface Column extends LineStyle {
  values: (number | null)[];
}

function hasBand(lines: readonly LongLine[]): boolean {
  return lines.length === 1 && lines[0]!.series.least !== undefined && lines[0]!.series.largest !== undefined;
}

function columnsOf(lines: readonly LongLine[]): Column[] {
  const [only] = lines;
  if (only && hasBand(lines)) {
    const { mean, least, largest } = only.series;
    return [
      { ...only, label: "mean", values: mean },
      { label: "least", values: least! },
      { label: "largest", values: largest! },
    ];
  }
  return lines.map((line) => ({ ...line, values: line.series.mean }));
}

function dataOf({ times }: LongHistory, columns: readonly Column[]): uPlot.AlignedData {
  return [times, ...columns.map(({ values }) => values)] as uPlot.AlignedData;
}

/** A minute between two that were not measured makes no line, so it is drawn as a point. */
function alone(u: uPlot, series: number): number[] {
  const values = u.data[series]!;
  const measured = (i: number): boolean => values[i] !== null && values[i] !== undefined;
  return Array.from(values.keys()).filter((i) => measured(i) && !measured(i - 1) && !measured(i + 1));
}
