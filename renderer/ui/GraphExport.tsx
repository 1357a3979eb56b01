import { Download } from "lucide-react";
import type uPlot from "uplot";
import { download } from "./download.ts";
import { themeColor } from "./theme.ts";
import { say } from "../state/messages.ts";

const TITLE_PIXELS = 28;
const EDGE_PIXELS = 12;
const LEGEND_PIXELS = 18;
const LEGEND_GAP = 14;
const LEGEND_FONT = "12px system-ui";

/** Offers what a graph shows as a picture and as a table. */
export function GraphExport({
  title,
  plot,
  columns,
  timeOf,
}: {
  title: string;
  plot: () => uPlot | null;
  /** A heading for each series. */
  columns: readonly string[];
  /** Returns milliseconds since 1970 for a position on the graph's time axis. */
  timeOf: (x: number) => number;
}) {
  const name = title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  const png = async (): Promise<void> => {
    const shown = plot();
    const blob = shown && (await picture(shown, title, columns));
    if (blob) download(`${name}.png`, "image/png", blob);
    else say("error", "The graph could not be made a picture.");
  };
  const csv = (): void => {
    const shown = plot();
    if (shown) download(`${name}.csv`, "text/csv", table(shown, columns, timeOf));
    else say("error", "The graph has not been drawn yet: there is nothing to save.");
  };
  return (
    <span className="graph-export">
      <button type="button" aria-label={`${title} as PNG`} title="Save as a picture" onClick={() => void png()}>
        <Download size={12} aria-hidden /> PNG
      </button>
      <button type="button" aria-label={`${title} as CSV`} title="Save the figures" onClick={csv}>
        CSV
      </button>
    </span>
  );
}

/** Draws the plot with its title and, below it, the names of its lines in their present colours, in as many rows as they need. */
function picture(plot: uPlot, title: string, columns: readonly string[]): Promise<Blob | null> {
  const ratio = devicePixelRatio;
  const source = plot.ctx.canvas;
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d")!;
  const room = source.width / ratio;
  context.font = LEGEND_FONT;
  const rows: { name: string; left: number; series: number }[][] = [];
  let left = Infinity;
  columns.forEach((name, i) => {
    const { width } = context.measureText(name);
    if (left + width > room) {
      rows.push([]);
      left = 0;
    }
    rows.at(-1)!.push({ name, left, series: i + 1 });
    left += width + LEGEND_GAP;
  });
  const head = TITLE_PIXELS + rows.length * LEGEND_PIXELS;
  canvas.width = source.width + 2 * EDGE_PIXELS * ratio;
  canvas.height = source.height + (head + EDGE_PIXELS) * ratio;
  context.fillStyle = themeColor("--surface");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.scale(ratio, ratio);
  context.textBaseline = "middle";
  context.font = "600 13px system-ui";
  context.fillStyle = themeColor("--text");
  context.fillText(title, EDGE_PIXELS, TITLE_PIXELS / 2 + 2);
  context.font = LEGEND_FONT;
  rows.forEach((row, i) => {
    for (const { name, left: x, series } of row) {
      const stroke = plot.series[series]?.stroke;
      const color: unknown = typeof stroke === "function" ? stroke(plot, series) : stroke;
      context.fillStyle = typeof color === "string" ? color : themeColor("--text-muted");
      context.fillText(name, EDGE_PIXELS + x, TITLE_PIXELS + (i + 0.5) * LEGEND_PIXELS);
    }
  });
  context.drawImage(source, EDGE_PIXELS, head, room, source.height / ratio);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

function table(plot: uPlot, columns: readonly string[], timeOf: (x: number) => number): string {
  const [times, ...series] = plot.data;
  const rows = Array.from(times, (x, i) => [
    new Date(timeOf(x)).toISOString(),
    ...series.map((values) => {
      const value = values[i];
      return value === null || value === undefined ? "" : String(Math.round(value * 1000) / 1000);
    }),
  ]);
  return [["time (UTC)", ...columns.map((name) => `"${name.replace(/"/g, '""')}"`)], ...rows]
    .map((row) => `${row.join(",")}\r\n`)
    .join("");
}
