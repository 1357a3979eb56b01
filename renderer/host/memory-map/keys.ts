/** What keys do on the map of frames: they go from frame to frame, and zoom in and out. */
import { revealing, scaleOf, zoomed, type Grid, type Viewport } from "./viewport.ts";

const PAGE_ROWS = 16;
export const ZOOM_STEP = 1.6;

/** What is on the screen. `width` and `height` are in pixels. */
interface Shown {
  grid: Grid;
  view: Viewport;
  width: number;
  height: number;
  chosen: number | null;
}

/** Returns what is shown afterwards, and the chosen frame if it changes; null if the key means nothing here. */
export function afterKey(key: string, shown: Shown): { view: Viewport; chosen?: number } | null {
  const { grid, view, width, height, chosen } = shown;
  const from = chosen ?? 0;
  const steps: Record<string, number> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -grid.columns,
    ArrowDown: grid.columns,
    PageUp: -PAGE_ROWS * grid.columns,
    PageDown: PAGE_ROWS * grid.columns,
    Home: -grid.frames,
    End: grid.frames,
  };
  const step = steps[key];
  if (step !== undefined) {
    const to = Math.max(0, Math.min(grid.frames - 1, from + step));
    return { view: revealing(grid, view, to, width, height), chosen: to };
  }
  if (key === "0") return { view: { zoom: 1, left: 0, top: 0 } };
  const factors: Record<string, number> = { "+": ZOOM_STEP, "=": ZOOM_STEP, "-": 1 / ZOOM_STEP };
  const factor = factors[key];
  if (factor === undefined) return null;
  // Zooms around the chosen frame.
  const scale = scaleOf(grid, view, width, height);
  const x = view.left + ((from % grid.columns) + 0.5) * scale;
  const y = view.top + (Math.floor(from / grid.columns) + 0.5) * scale;
  return { view: zoomed(grid, view, factor, x, y, width, height) };
}
