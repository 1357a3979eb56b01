import {
  useEffect,
  useRef,
  useState,
  type KeyboardEvent,
  type PointerEvent,
  type ReactNode,
  type RefObject,
} from "react";
import type { Rgb } from "./colors.ts";
import { afterKey } from "./keys.ts";
import { drawMap, paint } from "./picture.ts";
import { useWheel } from "../../ui/wheel.ts";
import { bounded, frameAt, gridOf, zoomed, type Grid, type Viewport } from "./viewport.ts";

const DRAG_PIXELS = 4;

export interface MapCanvasProps {
  indices: Uint8Array;
  /** Changes when the indices do. */
  version: number;
  colors: readonly Rgb[];
  view: Viewport;
  onView: (view: Viewport) => void;
  /** The frame that is looked at, and the one under the pointer. */
  chosen: number | null;
  onChoose: (mfn: number) => void;
  onHover: (mfn: number | null) => void;
  describedBy: string;
  children?: ReactNode;
}

/** Draws every frame as a square. */
export function MapCanvas(props: MapCanvasProps) {
  const { indices, version, colors, view, onView, chosen, onChoose, describedBy } = props;
  const box = useRef<HTMLDivElement>(null);
  const { width, height } = useSize(box);
  const canvas = useRef<HTMLCanvasElement>(null);
  const picture = useRef<HTMLCanvasElement | null>(null);
  const grid = width > 0 ? gridOf(indices.length, width, height) : null;
  const shown = grid ? bounded(grid, view, width, height) : view;

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

  useWheel(box, (event) => {
    if (!grid) return;
    event.preventDefault();
    const { left, top } = box.current!.getBoundingClientRect();
    const factor = Math.exp(-Math.max(-200, Math.min(200, event.deltaY)) / 250);
    onView(zoomed(grid, shown, factor, event.clientX - left, event.clientY - top, width, height));
  });

  const { isDragging, listeners } = usePointer(box, grid, shown, { width, height }, props);
  const keys = (event: KeyboardEvent): void => {
    if (!grid || event.ctrlKey || event.altKey || event.metaKey) return;
    const next = afterKey(event.key, { grid, view: shown, width, height, chosen });
    if (!next) return;
    event.preventDefault();
    if (next.chosen !== undefined) onChoose(next.chosen);
    onView(next.view);
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
        if (chosen === null && grid && !isDragging()) onChoose(0);
      }}
      {...listeners}
    >
      <canvas ref={canvas} aria-hidden data-columns={grid?.columns} data-rows={grid?.rows} data-zoom={shown.zoom} />
    </div>
  );
}

/** The pointer on the map: it says which frame it is on, drags the map, and chooses a frame where it did not drag. */
function usePointer(
  box: RefObject<HTMLElement | null>,
  grid: Grid | null,
  shown: Viewport,
  { width, height }: { width: number; height: number },
  { onView, onChoose, onHover }: Pick<MapCanvasProps, "onView" | "onChoose" | "onHover">,
) {
  const drag = useRef<{ x: number; y: number; view: Viewport; moved: boolean } | null>(null);
  const at = (event: PointerEvent): number | null => {
    if (!grid) return null;
    const { left, top } = box.current!.getBoundingClientRect();
    return frameAt(grid, shown, event.clientX - left, event.clientY - top, width, height);
  };
  const listeners = {
    onPointerDown: (event: PointerEvent): void => {
      event.currentTarget.setPointerCapture(event.pointerId);
      drag.current = { x: event.clientX, y: event.clientY, view: shown, moved: false };
    },
    onPointerMove: (event: PointerEvent): void => {
      const from = drag.current;
      if (!from || !grid) {
        onHover(at(event));
        return;
      }
      const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
      if (Math.hypot(dx, dy) > DRAG_PIXELS) from.moved = true;
      if (from.moved)
        onView(bounded(grid, { ...from.view, left: from.view.left + dx, top: from.view.top + dy }, width, height));
    },
    onPointerUp: (event: PointerEvent): void => {
      const clicked = drag.current && !drag.current.moved ? at(event) : null;
      drag.current = null;
      if (clicked !== null) onChoose(clicked);
    },
    onPointerCancel: (): void => {
      drag.current = null;
    },
    onPointerLeave: (): void => onHover(null),
  };
  return { isDragging: () => drag.current !== null, listeners };
}

function useSize(box: RefObject<HTMLElement | null>): { width: number; height: number } {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useEffect(() => {
    const element = box.current!;
    const observer = new ResizeObserver(() => setSize({ width: element.clientWidth, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return size;
}
