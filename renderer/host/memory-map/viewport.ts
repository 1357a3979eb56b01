/** Where frames lie on the canvas: in rows ordered by mfn, seen through a window that zooms and moves. */
export interface Grid {
  frames: number;
  /** The number of frames in a row. */
  columns: number;
  rows: number;
}
export interface Viewport {
  /** At 1 all frames are visible. */
  zoom: number;
  /** Pixels from the corner of the canvas to that of the map. */
  left: number;
  top: number;
}

export const WHOLE: Viewport = { zoom: 1, left: 0, top: 0 };
/** The largest size of a frame in pixels. */
const LARGEST = 28;

/** The number of frames at which a row begins is a multiple of this. */
const ROW_STEP = 64;

/** Returns a grid whose shape is as near to the canvas's as rows of whole steps allow. */
export function gridOf(frames: number, width: number, height: number): Grid {
  const columns = Math.max(1, Math.round(Math.sqrt((frames * width) / height) / ROW_STEP)) * ROW_STEP;
  return { frames, columns, rows: Math.ceil(frames / columns) };
}

function least({ columns, rows }: Grid, width: number, height: number): number {
  return Math.min(width / columns, height / rows);
}
/** Returns the size of a frame in pixels. */
export function scaleOf(grid: Grid, view: Viewport, width: number, height: number): number {
  return least(grid, width, height) * view.zoom;
}

/** Returns the view within bounds: no empty space is shown that the map could cover, and a map that is too small to cover it is centred. */
export function bounded(grid: Grid, view: Viewport, width: number, height: number): Viewport {
  const whole = least(grid, width, height);
  const zoom = Math.max(1, Math.min(Math.max(1, LARGEST / whole), view.zoom));
  const place = (at: number, size: number, room: number): number =>
    size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, at));
  return {
    zoom,
    left: place(view.left, grid.columns * whole * zoom, width),
    top: place(view.top, grid.rows * whole * zoom, height),
  };
}

/** The point (x, y) stays where it is. */
export function zoomed(
  grid: Grid,
  view: Viewport,
  factor: number,
  x: number,
  y: number,
  width: number,
  height: number,
): Viewport {
  const { zoom } = bounded(grid, { ...view, zoom: view.zoom * factor }, width, height);
  const by = zoom / view.zoom;
  return bounded(grid, { zoom, left: x - (x - view.left) * by, top: y - (y - view.top) * by }, width, height);
}

/** As `zoomed`, where nobody knows the bounds: who draws it keeps them. */
export function scaled({ zoom, left, top }: Viewport, factor: number, x: number, y: number): Viewport {
  return { zoom: zoom * factor, left: x - (x - left) * factor, top: y - (y - top) * factor };
}

/** Returns null for a point beside the map. */
export function frameAt(
  grid: Grid,
  view: Viewport,
  x: number,
  y: number,
  width: number,
  height: number,
): number | null {
  const scale = scaleOf(grid, view, width, height);
  const column = Math.floor((x - view.left) / scale);
  const row = Math.floor((y - view.top) / scale);
  const mfn = row * grid.columns + column;
  return column >= 0 && column < grid.columns && row >= 0 && mfn < grid.frames ? mfn : null;
}

/** Returns the view moved as little as is needed to show the frame. */
export function revealing(grid: Grid, view: Viewport, mfn: number, width: number, height: number): Viewport {
  const scale = scaleOf(grid, view, width, height);
  const into = (at: number, position: number, room: number): number => {
    const start = at + position * scale;
    if (start < 0) return at - start;
    const over = start + scale - room;
    return over > 0 ? at - over : at;
  };
  const row = Math.floor(mfn / grid.columns);
  return bounded(
    grid,
    { ...view, left: into(view.left, mfn % grid.columns, width), top: into(view.top, row, height) },
    width,
    height,
  );
}
