import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { RANGE_SECONDS, type LongHistory, type LongRange } from "../state/long-history.ts";
import { drawMarkers, formatValue, short } from "./Graph.tsx";
import { GraphExport } from "./GraphExport.tsx";
import { usePlotLife } from "./plot-life.ts";
import { themeColor } from "./theme.ts";

const COLUMNS = ["mean", "least", "largest"] as const;

/** The mean of each minute as a line, in the band from the least to the largest that was measured in it. */
export function LongGraph({
  title,
  history,
  metric,
  unit,
  range,
  max,
  height = 112,
}: {
  title: string;
  history: LongHistory;
  metric: string;
  unit: string;
  range: LongRange;
  /** Top of the scale; else the largest value. */
  max?: number;
  height?: number;
}) {
  const host = useRef<HTMLDivElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const shown = useRef(history);
  shown.current = history;
  const series = history.metrics.get(metric);
  const now = Date.now() / 1000;
  const from = now - RANGE_SECONDS[range];
  const inRange = history.times.flatMap((time, i) => {
    const mean = time >= from ? series?.mean[i] : null;
    return mean === null || mean === undefined
      ? []
      : [{ mean, least: series!.least[i]!, largest: series!.largest[i]! }];
  });

  usePlotLife(
    plot,
    host,
    height,
    (parent) => {
      const axis = { stroke: themeColor("--text-faint"), grid: { stroke: themeColor("--line"), width: 1 } };
      const color = themeColor("--graph-1");
      const faint = color.replace("rgb(", "rgba(").replace(")", ", 0.22)");
      const options: uPlot.Options = {
        width: parent.clientWidth,
        height,
        legend: { show: false },
        cursor: { y: false, points: { show: false } },
        padding: [8, 8, 0, 0],
        hooks: {
          draw: [
            (u) =>
              drawMarkers(
                u,
                shown.current.events.map(({ at, title: what, trouble }) => ({ at: at / 1000, title: what, trouble })),
              ),
          ],
          setCursor: [(u) => tip.current && showTip(tip.current, u, shown.current, unit)],
        },
        scales: {
          x: { time: true, range: () => [Date.now() / 1000 - RANGE_SECONDS[range], Date.now() / 1000] },
          y: { range: (_u, _low, high) => [0, max ?? Math.max(1, high * 1.1)] },
        },
        axes: [
          { ...axis, size: 26, font: "11px system-ui", space: 60, values: (_u, ticks) => ticks.map((at) => clock(at)) },
          { ...axis, size: 44, font: "11px system-ui", values: (_u, ticks) => ticks.map((v) => short(v)), space: 28 },
        ],
        series: [
          {},
          {
            label: "mean",
            stroke: color,
            width: 1.5,
            points: { show: true, size: 4, width: 0, fill: color, filter: alone },
          },
          { label: "least", stroke: faint, width: 1, points: { show: false } },
          { label: "largest", stroke: faint, width: 1, points: { show: false } },
        ],
        bands: [{ series: [3, 2], fill: faint }],
      };
      return new uPlot(options, columnsOf(shown.current, metric), parent);
    },
    [metric, max, unit, range],
  );
  useEffect(() => plot.current?.setData(columnsOf(history, metric)), [history, metric]);

  const least = inRange.reduce((low, each) => Math.min(low, each.least), Infinity);
  const largest = inRange.reduce((high, each) => Math.max(high, each.largest), -Infinity);
  const mean = inRange.reduce((sum, each) => sum + each.mean, 0) / inRange.length;
  return (
    <figure className="graph" data-points={inRange.length}>
      <figcaption>
        <span className="graph-title">{title}</span>
        <span className="graph-values">
          {(
            [
              ["least", least],
              ["mean", mean],
              ["largest", largest],
            ] as const
          ).map(([label, value]) => (
            <span key={label} className="graph-value graph-color-1">
              <span className="graph-label">{label}</span>
              {formatValue(value, unit)}
            </span>
          ))}
        </span>
        <GraphExport
          title={title}
          plot={() => plot.current}
          columns={COLUMNS.map((each) => `${each} (${unit})`)}
          timeOf={(seconds) => seconds * 1000}
        />
      </figcaption>
      <div
        ref={host}
        className="graph-plot"
        role="img"
        aria-label={`${title}, last ${range === "1h" ? "hour" : "24 hours"}`}
      >
        <div ref={tip} className="graph-tip" hidden />
      </div>
    </figure>
  );
}

/** A minute between two that were not measured makes no line: it is a point. */
function alone(u: uPlot, series: number): number[] {
  const values = u.data[series]!;
  const measured = (i: number): boolean => values[i] !== null && values[i] !== undefined;
  return Array.from(values.keys()).filter((i) => measured(i) && !measured(i - 1) && !measured(i + 1));
}

function columnsOf({ times, metrics }: LongHistory, metric: string): uPlot.AlignedData {
  const series = metrics.get(metric);
  if (!series) return [[], [], [], []];
  return [times, ...COLUMNS.map((column) => series[column])] as uPlot.AlignedData;
}

function clock(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

function showTip(tip: HTMLDivElement, u: uPlot, history: LongHistory, unit: string): void {
  const { left, idx } = u.cursor;
  const time = idx === null || idx === undefined ? undefined : u.data[0][idx];
  if (left === undefined || left < 0 || time === undefined) {
    tip.hidden = true;
    return;
  }
  const near = history.events.filter(({ at }) => Math.abs(u.valToPos(at / 1000, "x") - left) <= 6);
  const lines = [
    clock(time),
    ...COLUMNS.map((column, i) => `${column} ${formatValue(u.data[i + 1]?.[idx!] ?? NaN, unit)}`),
    ...near.map(({ at, title }) => `${clock(at / 1000)} ${title}`),
  ];
  tip.replaceChildren(
    ...lines.map((text) => {
      const line = document.createElement("div");
      line.textContent = text;
      return line;
    }),
  );
  tip.hidden = false;
  const room = u.over.clientWidth - tip.offsetWidth;
  const place = u.over.offsetLeft + (left + 12 > room ? left - tip.offsetWidth - 12 : left + 12);
  tip.style.left = `${Math.max(0, place)}px`;
}
