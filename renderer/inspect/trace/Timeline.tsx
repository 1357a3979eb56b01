import { useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import type { TraceCall } from "../../../core/api/trace/calls.ts";
import { useWheel } from "../../ui/wheel.ts";
import { afterKey, moved, zoomed, type Span } from "./span.ts";
import { AXIS_PIXELS, callAt, LABEL_PIXELS, LANE_PIXELS, spanText, timeAt } from "./timeline.ts";
import { argumentsText, durationText, resultText, timeText, type Trace, type TraceRow } from "./trace.ts";
import { useDrawnCalls } from "./useDrawnCalls.ts";
import { useSpan } from "./useSpan.ts";

/** How many pixels the pointer moves before this is a drag. */
const DRAG_PIXELS = 3;

interface Props {
  trace: Trace;
  selected: TraceRow | null;
  onSelect: (row: TraceRow | null) => void;
}

/** Follows what arrives until it is moved. The End key follows again. */
export function Timeline({ trace, selected, onSelect }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { span, isHeld, hold, follow } = useSpan(trace, selected);
  const vcpus = [...trace.vcpus].sort((a, b) => a - b);
  const height = AXIS_PIXELS + Math.max(1, vcpus.length) * LANE_PIXELS + 1;
  useDrawnCalls(canvas, trace, vcpus, span, selected);
  // The page scrolls by the wheel, but over the timeline the wheel zooms.
  useWheel(canvas, (event) => {
    event.preventDefault();
    const { clientWidth } = canvas.current!;
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (sideways) hold(moved(span, event.deltaX / clientWidth));
    else {
      const x = event.clientX - canvas.current!.getBoundingClientRect().left;
      hold(zoomed(span, Math.exp(Math.sign(event.deltaY) * 0.25), timeAt(span, x, clientWidth)));
    }
  });
  const { tip, listeners } = usePointer(trace, vcpus, span, hold, onSelect);
  const onKey = (event: KeyboardEvent): void => {
    const next = afterKey(event.key, span);
    if (next === null) return;
    if (next === "follow") follow();
    else hold(next);
    event.preventDefault();
  };
  return (
    <div className="trace-timeline">
      <canvas
        ref={canvas}
        style={{ height }}
        tabIndex={0}
        role="application"
        aria-label={`Timeline of hypercalls, ${spanText(span)} wide${isHeld ? "" : ", following"}. Plus and minus zoom, arrows move, End follows.`}
        data-span={Math.round(span.to - span.from)}
        onKeyDown={onKey}
        {...listeners}
      />
      {tip && <Tip call={tip.call} x={tip.x} width={canvas.current?.clientWidth ?? 0} />}
      <div className="trace-span">
        <span className="muted">{spanText(span)} wide</span>
        <span className="spacer" />
        {isHeld && (
          <button type="button" onClick={follow}>
            Follow
          </button>
        )}
      </div>
    </div>
  );
}

/** The pointer on the canvas: it says what it is on, drags the time, and selects a call where it did not drag. */
function usePointer(
  trace: Trace,
  vcpus: readonly number[],
  span: Span,
  hold: (span: Span) => void,
  onSelect: Props["onSelect"],
) {
  const [tip, setTip] = useState<{ call: TraceCall; x: number } | null>(null);
  const drag = useRef<{ x: number; span: Span; moved: boolean } | null>(null);
  const under = (event: PointerEvent<HTMLCanvasElement>): { call: TraceCall | null; x: number } => {
    const box = event.currentTarget.getBoundingClientRect();
    const x = event.clientX - box.left;
    return { x, call: callAt(trace.shown, vcpus, span, box.width, x, event.clientY - box.top) };
  };
  const listeners = {
    onPointerDown: (event: PointerEvent<HTMLCanvasElement>): void => {
      event.currentTarget.setPointerCapture(event.pointerId);
      drag.current = { x: event.clientX, span, moved: false };
      setTip(null);
    },
    onPointerMove: (event: PointerEvent<HTMLCanvasElement>): void => {
      const from = drag.current;
      if (!from) {
        const { call, x } = under(event);
        setTip(call && { call, x });
        return;
      }
      const by = from.x - event.clientX;
      from.moved ||= Math.abs(by) > DRAG_PIXELS;
      if (from.moved) hold(moved(from.span, by / (event.currentTarget.clientWidth - LABEL_PIXELS)));
    },
    onPointerUp: (event: PointerEvent<HTMLCanvasElement>): void => {
      const wasDragged = drag.current?.moved;
      drag.current = null;
      if (!wasDragged) onSelect(under(event).call);
    },
    onPointerLeave: (): void => setTip(null),
  };
  return { tip, listeners };
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
