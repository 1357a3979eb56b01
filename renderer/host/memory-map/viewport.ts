/** Where frames lie on the canvas: rows of frames in order of mfn, seen through a window that zooms and moves. */
export interface Grid {
  frames: number;
  /** Frames of a row. */
  columns: number;
  rows: number;
}
export interface Viewport {
  /** 1: all frames are seen. */
  zoom: number;
  /** Pixels from the canvas's corner to the map's. */
  left: number;
  top: number;
}

export const WHOLE: Viewport = { zoom: 1, left: 0, top: 0 };
/** Pixels of a frame at most. */
const LARGEST = 28;

/** Rows begin at multiples of so many frames. */
const ROW_STEP = 64;

/** Of the canvas's shape, as near as rows of whole steps get. */
export function gridOf(frames: number, width: number, height: number): Grid {
  const columns = Math.max(1, Math.round(Math.sqrt((frames * width) / height) / ROW_STEP)) * ROW_STEP;
  return { frames, columns, rows: Math.ceil(frames / columns) };
}

function least({ columns, rows }: Grid, width: number, height: number): number {
  return Math.min(width / columns, height / rows);
}
/** Pixels of a frame. */
export function scaleOf(grid: Grid, view: Viewport, width: number, height: number): number {
  return least(grid, width, height) * view.zoom;
}

/** Within bounds: nothing beside the map is shown that it could cover, and it is centred where it cannot. */
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

/** What is at (x, y) stays there. */
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

/** null beside the map. */
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

/** Moved as little as shows the frame. */
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
