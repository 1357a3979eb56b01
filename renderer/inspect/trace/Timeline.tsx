import { useEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import type { TraceCall } from "../../../core/api/trace/calls.ts";
import { onTheme } from "../../ui/theme.ts";
import {
  AXIS_PIXELS,
  LABEL_PIXELS,
  LANE_PIXELS,
  callAt,
  draw,
  moved,
  spanText,
  themeColors,
  timeAt,
  zoomed,
  type Colors,
  type Span,
} from "./timeline.ts";
import { argumentsText, durationText, resultText, timeText, type Trace, type TraceRow } from "./trace.ts";

const FIRST_SPAN = 2e9;
const STEP = 0.2;
/** How many pixels the pointer moves before this is a drag. */
const DRAG_PIXELS = 3;

/** Follows what arrives until it is moved. The End key follows again. */
export function Timeline({
  trace,
  selected,
  onSelect,
}: {
  trace: Trace;
  selected: TraceRow | null;
  onSelect: (row: TraceRow | null) => void;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [length, setLength] = useState(FIRST_SPAN);
  /** null means that the timeline shows the latest calls. */
  const [held, setHeld] = useState<Span | null>(null);
  const [tip, setTip] = useState<{ call: TraceCall; x: number } | null>(null);
  const drag = useRef<{ x: number; span: Span; moved: boolean } | null>(null);
  const vcpus = [...trace.vcpus].sort((a, b) => a - b);
  const newest = trace.rows.at(-1)?.time ?? 0;
  const span = held ?? { from: newest - length * 0.98, to: newest + length * 0.02 };
  const latest = useRef({ span, vcpus, shown: trace.shown, selected });
  latest.current = { span, vcpus, shown: trace.shown, selected };
  const height = AXIS_PIXELS + Math.max(1, vcpus.length) * LANE_PIXELS + 1;

  const redraw = useRef<() => void>(() => {});
  useEffect(() => {
    const element = canvas.current!;
    let colors: Colors = themeColors();
    let asked = 0;
    redraw.current = () => {
      asked ||= requestAnimationFrame(() => {
        asked = 0;
        const { shown, vcpus: lanes, span: seen, selected: marked } = latest.current;
        draw(element, colors, shown, lanes, seen, marked, (number) => trace.colorOf(number) ?? 0);
      });
    };
    const recolor = (): void => {
      colors = themeColors();
      redraw.current();
    };
    const size = new ResizeObserver(() => redraw.current());
    size.observe(element);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", recolor);
    const deaf = onTheme(recolor);
    // The page scrolls by the wheel, but over the timeline the wheel zooms.
    const onWheel = (event: WheelEvent): void => {
      event.preventDefault();
      const { span: seen } = latest.current;
      const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
      if (sideways) setHeld(moved(seen, event.deltaX / element.clientWidth));
      else {
        const x = event.clientX - element.getBoundingClientRect().left;
        setHeld(zoomed(seen, Math.exp(Math.sign(event.deltaY) * 0.25), timeAt(seen, x, element.clientWidth)));
      }
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => {
      cancelAnimationFrame(asked);
      size.disconnect();
      scheme.removeEventListener("change", recolor);
      deaf();
      element.removeEventListener("wheel", onWheel);
    };
  }, [trace]);
  useEffect(() => redraw.current());
  useEffect(() => {
    // A call that was chosen elsewhere is moved into sight.
    if (!selected) return;
    const { span: seen } = latest.current;
    const half = (seen.to - seen.from) / 2;
    if (selected.time < seen.from || selected.time > seen.to)
      setHeld({ from: selected.time - half, to: selected.time + half });
    else setHeld(seen);
  }, [selected]);

  const follow = (): void => {
    setLength(span.to - span.from);
    setHeld(null);
  };
  const onKey = (event: KeyboardEvent): void => {
    const middle = (span.from + span.to) / 2;
    switch (event.key) {
      case "ArrowLeft":
        setHeld(moved(span, -STEP));
        break;
      case "ArrowRight":
        setHeld(moved(span, STEP));
        break;
      case "+":
      case "=":
      case "ArrowUp":
        setHeld(zoomed(span, 0.5, middle));
        break;
      case "-":
      case "ArrowDown":
        setHeld(zoomed(span, 2, middle));
        break;
      case "End":
        follow();
        break;
      default:
        return;
    }
    event.preventDefault();
  };
  const under = (event: PointerEvent<HTMLCanvasElement>): { call: TraceCall | null; x: number } => {
    const box = event.currentTarget.getBoundingClientRect();
    const x = event.clientX - box.left;
    return { x, call: callAt(trace.shown, vcpus, span, box.width, x, event.clientY - box.top) };
  };
  const onMove = (event: PointerEvent<HTMLCanvasElement>): void => {
    const from = drag.current;
    if (!from) {
      const { call, x } = under(event);
      setTip(call && { call, x });
      return;
    }
    const by = from.x - event.clientX;
    from.moved ||= Math.abs(by) > DRAG_PIXELS;
    if (from.moved) setHeld(moved(from.span, by / (event.currentTarget.clientWidth - LABEL_PIXELS)));
  };

  return (
    <div className="trace-timeline">
      <canvas
        ref={canvas}
        style={{ height }}
        tabIndex={0}
        role="application"
        aria-label={`Timeline of hypercalls, ${spanText(span)} wide${held ? "" : ", following"}. Plus and minus zoom, arrows move, End follows.`}
        data-span={Math.round(span.to - span.from)}
        onKeyDown={onKey}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          drag.current = { x: event.clientX, span, moved: false };
          setTip(null);
        }}
        onPointerMove={onMove}
        onPointerUp={(event) => {
          const wasDragged = drag.current?.moved;
          drag.current = null;
          if (!wasDragged) onSelect(under(event).call);
        }}
        onPointerLeave={() => setTip(null)}
      />
      {tip && <Tip call={tip.call} x={tip.x} width={canvas.current?.clientWidth ?? 0} />}
      <div className="trace-span">
        <span className="muted">{spanText(span)} wide</span>
        <span className="spacer" />
        {held && (
          <button type="button" onClick={follow}>
            Follow
          </button>
        )}
      </div>
    </div>
  );
}

function Tip({ call, x, width }: { call: TraceCall; x: number; width: number }) {
  const style = x > width / 2 ? { right: width - x + 12 } : { left: x + 12 };
  return (
    <div className="trace-tip" role="status" style={style}>
      <div>
        {call.name} <b>{call.operation}</b>
      </div>
      <div className="trace-tip-arguments">{argumentsText(call)}</div>
      <div>
        {!call.access && `${resultText(call)}, ${durationText(call.duration)}, `}at {timeText(call.time)} s
      </div>
    </div>
  );
}
