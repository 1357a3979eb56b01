import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { LIVE_SECONDS, type Series } from "../../core/api/history/live.ts";
import { history } from "../state/session.ts";
import { useApp } from "../state/store.ts";
import { captionRoom, lineClass, lineColor, lineDash, tipLine, type LineStyle, type Marker } from "./graph-lines.ts";
import { graphOptions } from "./graph-options.ts";
import { GraphFigure } from "./GraphFigure.tsx";
import { usePlotLife } from "./plot-life.ts";
import { useSeen } from "./seen.ts";
import { formatValue } from "./units.ts";
import type { TermId } from "../glossary/terms.ts";

export interface GraphLine extends LineStyle {
  series: Series;
}

export interface GraphProps {
  title: string;
  /** The word of Xen's that the title is, if it is one. */
  term?: TermId;
  lines: GraphLine[];
  /** As it stands after a number: "%", "MiB", "/s". */
  unit: string;
  /** The top of the scale. If not given it is the largest value. */
  max?: number;
  height?: number;
  markers?: readonly Marker[];
}

/** How far time may move on before lines that have not changed are drawn again. */
const MOST_BEHIND_PIXELS = 4;

/** Draws lines of the last ten minutes from the history's own arrays. */
export function Graph({ title, term, lines, unit, max, height = 112, markers = [] }: GraphProps) {
  const tip = useRef<HTMLDivElement>(null);
  const latest = useRef({ lines, markers });
  latest.current = { lines, markers };
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const tick = useApp((state) => state.tick);
  const seen = useSeen(host);
  /** What was drawn last. */
  const shows = useRef<{ plot: uPlot | null; lines: GraphLine[]; markers: readonly Marker[] }>({
    plot: null,
    lines,
    markers,
  });
  const looks = JSON.stringify(lines.map(({ label, color, dashed }) => [label, color, dashed]));

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
        cursorPoints: { size: 6 },
        times: (low, high) => [Math.max(low, high - LIVE_SECONDS), high],
        series: lines.map((line, i) => plotSeries(line, i, lines.length === 1)),
        tip,
        markers: () => latest.current.markers,
        told: () => ({ lines: latest.current.lines.map(tipLine), events: latest.current.markers }),
      });
      return new uPlot(options, data(lines), parent);
    },
    [looks, max, unit],
  );

  const draw = (): uPlot | null => {
    plot.current?.batch((u: uPlot) => u.setData(data(lines)));
    shows.current = { plot: plot.current, lines, markers };
    host.current!.dataset.drawn = String(tick);
    return plot.current;
  };
  useEffect(() => {
    const { plot: last, lines: were, markers: marks } = shows.current;
    const isSame =
      last === plot.current && marks === markers && lines.every(({ series }, i) => series === were[i]?.series);
    if (seen && plot.current && !(isSame && looksAsDrawn(plot.current, lines))) draw();
  }, [tick, lines, seen, markers]);

  return (
    <GraphFigure
      title={title}
      term={term}
      time="ten minutes"
      nothing="Nothing was measured in the last ten minutes."
      points={lines[0] ? measured(lines[0].series) : 0}
      height={height}
      host={host}
      tip={tip}
      plot={draw}
      columns={lines.map(({ label }) => `${label} (${unit})`)}
    >
      {lines.map((line, i) => (
        <span key={line.label} className={lineClass(line, i)} {...(lines.length > 1 && { style: captionRoom(line) })}>
          {lines.length > 1 && <span className="graph-label">{line.label}</span>}
          {formatValue(line.series.last, unit)}
        </span>
      ))}
    </GraphFigure>
  );
}

/** A line that is alone stands on a ground of its colour. */
function plotSeries(line: LineStyle, i: number, isAlone: boolean): uPlot.Series {
  const color = lineColor(line, i);
  return {
    label: line.label,
    stroke: color,
    width: 1.5,
    points: { show: false },
    ...lineDash(line),
    ...(isAlone && { fill: color.replace("rgb(", "rgba(").replace(")", ", 0.14)") }),
  };
}

function measured(series: Series): number {
  return series.values.reduce((count, value) => count + (Number.isFinite(value) ? 1 : 0), 0);
}

/** Returns whether nobody would see a difference: no line's end is at another height, and time has hardly moved. */
function looksAsDrawn(plot: uPlot, lines: GraphLine[]): boolean {
  const { min, max } = plot.scales.x!;
  const moved =
    ((history.wallTime(history.time.last) / 1000 - plot.data[0].at(-1)!) / (max! - min!)) *
    (plot.bbox.width / devicePixelRatio);
  // The value is NaN while there is nothing.
  if (!(moved < MOST_BEHIND_PIXELS)) return false;
  const height = (value: number | null | undefined): number =>
    Number.isFinite(value) ? Math.round(plot.valToPos(value!, "y")) : NaN;
  return lines.every(({ series }, i) => Object.is(height(series.last), height(plot.data[i + 1]?.at(-1))));
}

/** uPlot wants null where there is no value, and an axis without holes. */
function data(lines: GraphLine[]): uPlot.AlignedData {
  const since = history.time.last - LIVE_SECONDS;
  const first = history.time.values.findIndex((value) => value >= since);
  if (first < 0) return [[], ...lines.map(() => [])] as unknown as uPlot.AlignedData;
  const from = Math.min(first, history.time.values.length - 2);
  const column = (series: Series): (number | null)[] =>
    Array.from(series.values.subarray(from), (value) => (Number.isFinite(value) ? value : null));
  const times = Array.from(history.time.values.subarray(from), (time) => history.wallTime(time) / 1000);
  return [times, ...lines.map(({ series }) => column(series))] as uPlot.AlignedData;
}
