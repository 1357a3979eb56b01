import { Download } from "lucide-react";
import type uPlot from "uplot";
import { toast } from "../state/store.ts";
import { download } from "./download.ts";
import { themeColor } from "./theme.ts";

const TITLE_PIXELS = 28;
const EDGE_PIXELS = 12;

/** What a graph shows, as a picture and as a table. */
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
  /** Milliseconds since 1970 of a place on the graph's time axis. */
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
    else toast("error", "The graph could not be made a picture.");
  };
  const csv = (): void => {
    const shown = plot();
    if (shown) download(`${name}.csv`, "text/csv", table(shown, columns, timeOf));
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

/** The plot with its title and the names of its lines, in the colours it has now. */
function picture(plot: uPlot, title: string, columns: readonly string[]): Promise<Blob | null> {
  const ratio = devicePixelRatio;
  const source = plot.ctx.canvas;
  const canvas = document.createElement("canvas");
  canvas.width = source.width + 2 * EDGE_PIXELS * ratio;
  canvas.height = source.height + (TITLE_PIXELS + EDGE_PIXELS) * ratio;
  const context = canvas.getContext("2d")!;
  context.fillStyle = themeColor("--surface");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.scale(ratio, ratio);
  context.textBaseline = "middle";
  context.font = "600 13px system-ui";
  context.fillStyle = themeColor("--text");
  context.fillText(title, EDGE_PIXELS, TITLE_PIXELS / 2 + 2);
  context.font = "12px system-ui";
  context.textAlign = "right";
  let right = canvas.width / ratio - EDGE_PIXELS;
  for (let i = columns.length - 1; i >= 0; i--) {
    const stroke = plot.series[i + 1]?.stroke;
    const color: unknown = typeof stroke === "function" ? stroke(plot, i + 1) : stroke;
    context.fillStyle = typeof color === "string" ? color : themeColor("--text-muted");
    context.fillText(columns[i]!, right, TITLE_PIXELS / 2 + 2);
    right -= context.measureText(columns[i]!).width + 12;
  }
  context.drawImage(source, EDGE_PIXELS, TITLE_PIXELS, source.width / ratio, source.height / ratio);
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
  return [["time", ...columns.map((name) => `"${name.replace(/"/g, '""')}"`)], ...rows]
    .map((row) => `${row.join(",")}\r\n`)
    .join("");
}
