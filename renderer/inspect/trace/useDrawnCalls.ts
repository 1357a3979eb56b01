import { useEffect, useRef, type RefObject } from "react";
import { onTheme } from "../../ui/theme.ts";
import type { Span } from "./span.ts";
import { draw, themeColors } from "./timeline.ts";
import type { Trace, TraceRow } from "./trace.ts";

/** Draws the calls that the trace shows into the canvas, at most once a frame of the screen. */
export function useDrawnCalls(
  canvas: RefObject<HTMLCanvasElement | null>,
  trace: Trace,
  vcpus: readonly number[],
  span: Span,
  selected: TraceRow | null,
): void {
  const latest = useRef({ span, vcpus, shown: trace.shown, selected });
  latest.current = { span, vcpus, shown: trace.shown, selected };
  const redraw = useRef<() => void>(() => {});
  useEffect(() => {
    const element = canvas.current!;
    let colors = themeColors();
    let asked = 0;
    redraw.current = () => {
      asked ||= requestAnimationFrame(() => {
        asked = 0;
        const { shown, vcpus: lanes, span: seen, selected: marked } = latest.current;
        draw(element, colors, shown, lanes, seen, marked, (number) => trace.colorOf(number) ?? 0);
      });
    };
    const size = new ResizeObserver(() => redraw.current());
    size.observe(element);
    const deaf = onTheme(() => {
      colors = themeColors();
      redraw.current();
    });
    return () => {
      cancelAnimationFrame(asked);
      size.disconnect();
      deaf();
    };
  }, [trace]);
  useEffect(() => redraw.current());
}
