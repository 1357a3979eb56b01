/** How a graph's lines look, in the plot and beside it, and what happened as lines across it. */
import type uPlot from "uplot";
import type { TipLine } from "./graph-tip.ts";
import { themeColor } from "./theme.ts";

/** How a line looks: its place in GRAPH_COLORS, which is its place among the lines if not given, and whether it is dashed. */
export interface LineStyle {
  label: string;
  color?: number;
  dashed?: boolean;
}
/** Something that happened, drawn as a line across the graph. */
export interface Marker {
  /** Seconds since 1970. */
  at: number;
  title: string;
  trouble: boolean;
}

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

/** Describes a line as the tip names it. */
export function tipLine(line: LineStyle, i: number): TipLine {
  return { label: line.label, className: lineClass(line, i) };
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
