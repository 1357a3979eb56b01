/** What all graphs ask of uPlot: a scale that begins at 0, what happened as lines across, and a tip below for where the pointer is. */
import type { RefObject } from "react";
import type uPlot from "uplot";
import { graphAxes } from "./graph-axes.ts";
import { drawMarkers, type Marker } from "./graph-lines.ts";
import { showTip, type TipEvent, type TipLine } from "./graph-tip.ts";

export function graphOptions({
  width,
  height,
  unit,
  max,
  cursorPoints,
  times,
  series,
  bands,
  tip,
  markers,
  told,
}: {
  width: number;
  height: number;
  unit: string;
  /** The top of the scale. If not given it is the largest value. */
  max: number | undefined;
  cursorPoints: uPlot.Cursor.Points;
  /** What time is shown, of what there is: seconds since 1970. */
  times: (low: number, high: number) => [number, number];
  series: uPlot.Series[];
  bands?: uPlot.Band[];
  tip: RefObject<HTMLElement | null>;
  markers: () => readonly Marker[];
  /** What the tip tells of. */
  told: () => { lines: readonly TipLine[]; events: readonly TipEvent[] };
}): uPlot.Options {
  const tell = (u: uPlot): void => {
    const { lines, events } = told();
    if (tip.current) showTip(tip.current, u, lines, events, unit);
  };
  return {
    width,
    height,
    legend: { show: false },
    cursor: { y: false, points: cursorPoints },
    padding: [8, 28, 0, 0],
    hooks: { draw: [(u) => drawMarkers(u, markers())], setCursor: [tell] },
    scales: {
      x: { time: false, range: (_u, low, high) => times(low, high) },
      y: { range: (_u, _low, high) => [0, max ?? Math.max(1, high * 1.1)] },
    },
    axes: graphAxes(unit),
    series: [{}, ...series],
    ...(bands && { bands }),
  };
}
