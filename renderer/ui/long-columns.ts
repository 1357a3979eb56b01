/** What a graph of minutes draws of each of its lines. */
import type uPlot from "uplot";
import type { LongHistory, LongSeries } from "../state/long-history.ts";
import { lineColor, lineDash, type LineStyle } from "./graph-lines.ts";

/** Means of minutes. Some lines also have the least and largest values. */
export interface LongLine extends LineStyle {
  series: Pick<LongSeries, "mean"> & Partial<LongSeries>;
}

export interface LongColumn extends LineStyle {
  values: (number | null)[];
}

/** A single line whose least and largest are known is drawn in the band between them. */
export function hasBand(lines: readonly LongLine[]): boolean {
  return lines.length === 1 && lines[0]!.series.least !== undefined && lines[0]!.series.largest !== undefined;
}

export function columnsOf(lines: readonly LongLine[]): LongColumn[] {
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

export function dataOf({ times }: LongHistory, columns: readonly LongColumn[]): uPlot.AlignedData {
  return [times, ...columns.map(({ values }) => values)] as uPlot.AlignedData;
}

/** A minute between two that were not measured makes no line, so it is drawn as a point. */
function alone(u: uPlot, series: number): number[] {
  const values = u.data[series]!;
  const measured = (i: number): boolean => values[i] !== null && values[i] !== undefined;
  return Array.from(values.keys()).filter((i) => measured(i) && !measured(i - 1) && !measured(i + 1));
}

/** `isBand`: the first is the mean, the others are the edges of the band around it. */
export function longSeries(
  columns: readonly LongColumn[],
  isBand: boolean,
): { series: uPlot.Series[]; bands?: uPlot.Band[] } {
  const faint = lineColor(columns[0] ?? { label: "" }, 0)
    .replace("rgb(", "rgba(")
    .replace(")", ", 0.22)");
  const series = columns.map((column, i): uPlot.Series => {
    if (isBand && i > 0) return { label: column.label, stroke: faint, width: 1, points: { show: false } };
    const color = lineColor(column, i);
    const points = { show: true, size: 4, width: 0, fill: color, filter: alone };
    return { label: column.label, stroke: color, width: 1.5, points, ...lineDash(column) };
  });
  return isBand ? { series, bands: [{ series: [3, 2], fill: faint }] } : { series };
}
