import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { LIVE_SECONDS, type Series } from "../../core/api/history/live.ts";
import { history } from "../state/session.ts";
import { useApp } from "../state/store.ts";
import { graphAxes } from "./graph-axes.ts";
import { showTip, type TipLine } from "./graph-tip.ts";
import { GraphExport } from "./GraphExport.tsx";
import { usePlotLife } from "./plot-life.ts";
import { useSeen } from "./seen.ts";
import { themeColor } from "./theme.ts";
import { formatValue } from "./units.ts";
import { Term } from "../glossary/Term.tsx";
import type { TermId } from "../glossary/terms.ts";

/** How a line looks: its place in GRAPH_COLORS, which is its place among the lines if not given, and whether it is dashed. */
export interface LineStyle {
  label: string;
  color?: number;
  dashed?: boolean;
}
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

/** Something that happened, drawn as a line across the graph. */
export interface Marker {
  /** Seconds since 1970. */
  at: number;
  title: string;
  trouble: boolean;
}
/** How far time may move on before lines that have not changed are drawn again. */
const MOST_BEHIND_PIXELS = 4;

const GRAPH_COLORS = Array.from({ length: 8 }, (_, i) => `--graph-${i + 1}`);
/** The number of lines that can be told apart. */
export const MOST_LINES = GRAPH_COLORS.length;

const place = ({ color }: LineStyle, i: number): number => (color ?? i) % GRAPH_COLORS.length;
export function lineColor(line: LineStyle, i: number): string {
  return themeColor(GRAPH_COLORS[place(line, i)]!);
}
/** The number of characters of a figure with its unit. */
const FIGURE_CHARS = 6;
/** Leaves room for a caption's label and figure, so that nothing moves when the figure grows or is absent. */
export function captionRoom({ label }: LineStyle): React.CSSProperties {
  return { "--caption-chars": label.length + FIGURE_CHARS } as React.CSSProperties;
}
/** Returns the class of text in the line's colour. */
export function lineClass(line: LineStyle, i: number): string {
  return `graph-value graph-color-${place(line, i) + 1}`;
}
export function lineDash({ dashed }: LineStyle): { dash?: number[] } {
  return dashed ? { dash: [6, 4] } : {};
}

/** Draws lines of the last ten minutes from the history's own arrays. */
export function Graph({ title, term, lines, unit, max, height = 112, markers = [] }: GraphProps) {
  const tip = useRef<HTMLDivElement>(null);
  const marked = useRef(markers);
  marked.current = markers;
  const drawn = useRef(lines);
  drawn.current = lines;
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
  const points = lines[0] ? measured(lines[0].series) : 0;

  usePlotLife(
    plot,
    host,
    height,
    seen,
    (parent) => {
      const options: uPlot.Options = {
        width: parent.clientWidth,
        height,
        legend: { show: false },
        cursor: { y: false, points: { size: 6 } },
        padding: [8, 28, 0, 0],
        hooks: {
          draw: [(u) => drawMarkers(u, marked.current)],
          setCursor: [(u) => tip.current && showTip(tip.current, u, drawn.current.map(tipLine), marked.current, unit)],
        },
        scales: {
          x: { time: false, range: (_u, low, high) => [Math.max(low, high - LIVE_SECONDS), high] },
          y: { range: (_u, _low, high) => [0, max ?? Math.max(1, high * 1.1)] },
        },
        axes: graphAxes(unit),
        series: [
          {},
          ...lines.map((line, i) => {
            const color = lineColor(line, i);
            const filled = lines.length === 1 ? { fill: color.replace("rgb(", "rgba(").replace(")", ", 0.14)") } : {};
            return {
              label: line.label,
              stroke: color,
              width: 1.5,
              points: { show: false },
              ...lineDash(line),
              ...filled,
            };
          }),
        ],
      };
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
    <figure className="graph" data-points={points}>
      <figcaption>
        <span className="graph-title">{term ? <Term of={term}>{title}</Term> : title}</span>
        <span className="graph-values">
          {lines.map((line, i) => (
            <span
              key={line.label}
              className={lineClass(line, i)}
              {...(lines.length > 1 && { style: captionRoom(line) })}
            >
              {lines.length > 1 && <span className="graph-label">{line.label}</span>}
              {formatValue(line.series.last, unit)}
            </span>
          ))}
        </span>
        <GraphExport
          title={title}
          plot={draw}
          columns={lines.map(({ label }) => `${label} (${unit})`)}
          timeOf={(seconds) => seconds * 1000}
        />
      </figcaption>
      <div
        ref={host}
        className="graph-plot"
        style={{ minHeight: height }}
        role="img"
        aria-label={`${title}, last ten minutes`}
      ></div>
      <div ref={tip} className="graph-tip" />
      {points === 0 && <p className="graph-empty">Nothing was measured in the last ten minutes.</p>}
    </figure>
  );
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

export function drawMarkers(u: uPlot, markers: readonly Marker[]): void {
  const { left, top, width, height } = u.bbox;
  const { ctx } = u;
  ctx.save();
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const { at, trouble } of markers) {
    const x = u.valToPos(at, "x", true);
    if (!(x >= left && x <= left + width)) continue;
    const color = themeColor(trouble ? "--danger" : "--text-faint");
    ctx.strokeStyle = color;
    ctx.fillStyle = color;
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
    ctx.stroke();
    ctx.beginPath();
    ctx.arc(x, top + 1, 3 * devicePixelRatio, 0, 2 * Math.PI);
    ctx.fill();
  }
  ctx.restore();
}

/** Describes a line as the tip names it. */
export function tipLine(line: LineStyle, i: number): TipLine {
  return { label: line.label, className: lineClass(line, i) };
}
