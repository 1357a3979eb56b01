import { useEffect, useRef, useState, type ReactNode } from "react";
import { themeColor } from "../../ui/theme.ts";
import type { Rgb } from "./colors.ts";
import { bounded, frameAt, gridOf, revealing, scaleOf, zoomed, type Grid, type Viewport } from "./viewport.ts";

/** A frame so large has a border. */
const GRID_PIXELS = 8;
const DRAG_PIXELS = 4;
const PAGE_ROWS = 16;
export const ZOOM_STEP = 1.6;

export interface MapCanvasProps {
  indices: Uint8Array;
  /** Changes when the indices do. */
  version: number;
  colors: readonly Rgb[];
  view: Viewport;
  onView: (view: Viewport) => void;
  /** The frame that is looked at, and one under the pointer. */
  chosen: number | null;
  onChoose: (mfn: number) => void;
  onHover: (mfn: number | null) => void;
  describedBy: string;
  children?: ReactNode;
}

/** Every frame as a square. */
export function MapCanvas(props: MapCanvasProps) {
  const { indices, version, colors, view, onView, chosen, onChoose, onHover, describedBy } = props;
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const picture = useRef<HTMLCanvasElement | null>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const drag = useRef<{ x: number; y: number; view: Viewport; moved: boolean } | null>(null);
  const { width, height } = size;
  const grid = width > 0 ? gridOf(indices.length, width, height) : null;
  const shown = grid ? bounded(grid, view, width, height) : view;

  useEffect(() => {
    const element = box.current!;
    const observer = new ResizeObserver(() => setSize({ width: element.clientWidth, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  // Frames to pixels, one each.
  useEffect(() => {
    if (!grid) return;
    const target = (picture.current ??= document.createElement("canvas"));
    target.width = grid.columns;
    target.height = grid.rows;
    paint(target, indices, colors);
  }, [indices, version, colors, grid?.columns, grid?.rows]);

  useEffect(() => {
    if (grid && canvas.current && picture.current)
      drawMap(canvas.current, picture.current, grid, shown, width, height, chosen);
  });

  // React's own wheel listener may not keep the page from scrolling.
  const latest = useRef<(event: WheelEvent) => void>(() => {});
  latest.current = (event) => {
    if (!grid) return;
    event.preventDefault();
    const { left, top } = box.current!.getBoundingClientRect();
    const factor = Math.exp(-Math.max(-200, Math.min(200, event.deltaY)) / 250);
    onView(zoomed(grid, shown, factor, event.clientX - left, event.clientY - top, width, height));
  };
  useEffect(() => {
    const element = box.current!;
    const wheel = (event: WheelEvent): void => latest.current(event);
    element.addEventListener("wheel", wheel, { passive: false });
    return () => element.removeEventListener("wheel", wheel);
  }, []);

  const at = (event: React.PointerEvent): number | null => {
    if (!grid) return null;
    const { left, top } = box.current!.getBoundingClientRect();
    return frameAt(grid, shown, event.clientX - left, event.clientY - top, width, height);
  };
  const choose = (mfn: number): void => {
    if (!grid) return;
    const within = Math.max(0, Math.min(grid.frames - 1, mfn));
    onChoose(within);
    onView(revealing(grid, shown, within, width, height));
  };
  const keys = (event: React.KeyboardEvent): void => {
    if (!grid || event.ctrlKey || event.altKey || event.metaKey) return;
    const from = chosen ?? 0;
    const zoom = (factor: number): void => {
      const row = Math.floor(from / grid.columns);
      const scale = scaleOf(grid, shown, width, height);
      const [x, y] = [shown.left + ((from % grid.columns) + 0.5) * scale, shown.top + (row + 0.5) * scale];
      onView(zoomed(grid, shown, factor, x, y, width, height));
    };
    const deeds: Record<string, () => void> = {
      ArrowLeft: () => choose(from - 1),
      ArrowRight: () => choose(from + 1),
      ArrowUp: () => choose(from - grid.columns),
      ArrowDown: () => choose(from + grid.columns),
      PageUp: () => choose(from - PAGE_ROWS * grid.columns),
      PageDown: () => choose(from + PAGE_ROWS * grid.columns),
      Home: () => choose(0),
      End: () => choose(grid.frames - 1),
      "+": () => zoom(ZOOM_STEP),
      "=": () => zoom(ZOOM_STEP),
      "-": () => zoom(1 / ZOOM_STEP),
      "0": () => onView({ zoom: 1, left: 0, top: 0 }),
    };
    const deed = deeds[event.key];
    if (!deed) return;
    event.preventDefault();
    deed();
  };

  return (
    <div
      ref={box}
      className="frame-map"
      role="application"
      aria-label="Map of the machine’s frames"
      aria-describedby={describedBy}
      tabIndex={0}
      onKeyDown={keys}
      onFocus={() => {
        if (chosen === null && grid && !drag.current) onChoose(0);
      }}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        drag.current = { x: event.clientX, y: event.clientY, view: shown, moved: false };
      }}
      onPointerMove={(event) => {
        const from = drag.current;
        if (!from || !grid) {
          onHover(at(event));
          return;
        }
        const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
        if (Math.hypot(dx, dy) > DRAG_PIXELS) from.moved = true;
        if (from.moved)
          onView(bounded(grid, { ...from.view, left: from.view.left + dx, top: from.view.top + dy }, width, height));
      }}
      onPointerUp={(event) => {
        const clicked = drag.current && !drag.current.moved ? at(event) : null;
        drag.current = null;
        if (clicked !== null) onChoose(clicked);
      }}
      onPointerCancel={() => (drag.current = null)}
      onPointerLeave={() => onHover(null)}
    >
      <canvas ref={canvas} aria-hidden data-columns={grid?.columns} data-rows={grid?.rows} data-zoom={shown.zoom} />
    </div>
  );
}

function paint(target: HTMLCanvasElement, indices: Uint8Array, colors: readonly Rgb[]): void {
  const context = target.getContext("2d")!;
  const image = context.createImageData(target.width, target.height);
  const pixels = new Uint32Array(image.data.buffer);
  // Pixels are bytes in the order red, green, blue, alpha: on every machine that browsers run on, little-endian words.
  const words = Uint32Array.from(
    colors,
    ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0,
  );
  for (let mfn = 0; mfn < indices.length; mfn++) pixels[mfn] = words[indices[mfn]!]!;
  context.putImageData(image, 0, 0);
}

function drawMap(
  canvas: HTMLCanvasElement,
  picture: HTMLCanvasElement,
  grid: Grid,
  view: Viewport,
  width: number,
  height: number,
  chosen: number | null,
): void {
  const ratio = devicePixelRatio;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) [canvas.width, canvas.height] = [across, down];
  const context = canvas.getContext("2d")!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const scale = scaleOf(grid, view, width, height);
  context.imageSmoothingEnabled = scale * ratio < 1;
  context.drawImage(picture, view.left, view.top, grid.columns * scale, grid.rows * scale);
  if (scale >= GRID_PIXELS) {
    context.strokeStyle = themeColor("--surface");
    context.lineWidth = 1;
    context.beginPath();
    for (let x = ((view.left % scale) + scale) % scale; x < width; x += scale) {
      context.moveTo(x, 0);
      context.lineTo(x, height);
    }
    for (let y = ((view.top % scale) + scale) % scale; y < height; y += scale) {
      context.moveTo(0, y);
      context.lineTo(width, y);
    }
    context.stroke();
  }
  if (chosen === null) return;
  const x = view.left + (chosen % grid.columns) * scale;
  const y = view.top + Math.floor(chosen / grid.columns) * scale;
  // A frame may be smaller than a pixel: the mark is not.
  const around = Math.max(0, (10 - scale) / 2);
  context.lineWidth = 2;
  context.strokeStyle = themeColor("--surface");
  context.strokeRect(x - around - 2, y - around - 2, scale + 2 * around + 4, scale + 2 * around + 4);
  context.strokeStyle = themeColor("--text");
  context.strokeRect(x - around, y - around, scale + 2 * around, scale + 2 * around);
}
