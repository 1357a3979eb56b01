import { useEffect, useRef, type KeyboardEvent, type PointerEvent } from "react";
import { onTheme } from "../../ui/theme.ts";
import { drawLanes, heightOf, LABEL_PIXELS, LANE_PIXELS } from "./draw.ts";
import { afterKey, type Cursor } from "./keys.ts";
import type { Lane } from "./lanes.ts";

/** The lanes between two moments; pointer and arrow keys say what is looked at. */
export function LaneCanvas({
  lanes,
  from,
  to,
  nameOf,
  cursor,
  onPoint,
  onLeave,
  onKeys,
}: {
  lanes: readonly Lane[];
  from: number;
  to: number;
  nameOf: (domid: number) => string;
  cursor: Cursor | null;
  /** null: the pointer is nowhere on a lane. */
  onPoint: (cursor: Cursor | null) => void;
  onLeave: () => void;
  onKeys: (cursor: Cursor) => void;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const paint = useRef(() => {});
  useEffect(() => {
    paint.current = () => drawLanes(canvas.current!, lanes, from, to, nameOf, cursor);
    paint.current();
  });
  useEffect(() => {
    const draw = (): void => paint.current();
    const observer = new ResizeObserver(draw);
    observer.observe(canvas.current!);
    const ended = onTheme(draw);
    return () => {
      observer.disconnect();
      ended();
    };
  }, []);
  const point = (event: PointerEvent<HTMLCanvasElement>): void => {
    const { left, top, width } = event.currentTarget.getBoundingClientRect();
    const lane = Math.floor((event.clientY - top) / LANE_PIXELS);
    const part = (event.clientX - left - LABEL_PIXELS) / (width - LABEL_PIXELS);
    onPoint(part >= 0 && part <= 1 && lane < lanes.length ? { lane, time: from + part * (to - from) } : null);
  };
  const keys = (event: KeyboardEvent): void => {
    const next = afterKey(event.key, cursor, lanes, from, to);
    if (!next) return;
    event.preventDefault();
    onKeys(next);
  };
  return (
    <div
      className="timeline-box"
      role="application"
      aria-label="Timeline of the pCPUs"
      aria-describedby="timeline-at"
      tabIndex={0}
      onKeyDown={keys}
    >
      <canvas
        ref={canvas}
        style={{ height: heightOf(lanes.length) }}
        data-turns={lanes.reduce((sum, { turns }) => sum + turns.length, 0)}
        onPointerMove={point}
        onPointerLeave={onLeave}
      />
    </div>
  );
}
