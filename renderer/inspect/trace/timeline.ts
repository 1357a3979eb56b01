/** Draws hypercalls over time: a lane for each vCPU, and a box for each call, as long as the call took and with the colour of its hypercall. */
import type { TraceCall } from "../../../core/api/trace/calls.ts";
import { themeColor } from "../../ui/theme.ts";
import type { Span } from "./span.ts";
import { COLORS, durationText, isGap, type TraceRow } from "./trace.ts";

export const LANE_PIXELS = 22;
export const AXIS_PIXELS = 20;
/** The width of the names, to the left of the lanes. */
export const LABEL_PIXELS = 52;

export function timeAt({ from, to }: Span, x: number, width: number): number {
  return from + ((x - LABEL_PIXELS) / (width - LABEL_PIXELS)) * (to - from);
}

/** Returns the first row that may reach into the span. Rows are in the order of their times, except that a batch may have brought some late. */
function firstIn(rows: readonly TraceRow[], from: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]!.time < from) low = middle + 1;
    else high = middle;
  }
  // A long call may have begun before.
  return Math.max(0, low - 64);
}

/** Returns the call at a place of the canvas, the shortest if there are several, or null if there is none within two pixels. */
export function callAt(
  rows: readonly TraceRow[],
  vcpus: readonly number[],
  span: Span,
  width: number,
  x: number,
  y: number,
): TraceCall | null {
  const vcpu = vcpus[Math.floor((y - AXIS_PIXELS) / LANE_PIXELS)];
  if (vcpu === undefined || x < LABEL_PIXELS) return null;
  const near = ((span.to - span.from) / (width - LABEL_PIXELS)) * 2;
  const time = timeAt(span, x, width);
  let best: TraceCall | null = null;
  let bestAway = Infinity;
  for (let i = firstIn(rows, time - near); i < rows.length; i++) {
    const row = rows[i]!;
    if (row.time > time + near) break;
    if (isGap(row) || row.vcpu !== vcpu) continue;
    const away = Math.max(0, row.time - time, time - row.time - row.duration);
    if (away > near) continue;
    if (away < bestAway || (away === bestAway && best && row.duration < best.duration)) {
      best = row;
      bestAway = away;
    }
  }
  return best;
}

export interface Colors {
  calls: string[];
  failed: string;
  text: string;
  line: string;
  gap: string;
  mark: string;
}
export function themeColors(): Colors {
  return {
    calls: Array.from({ length: COLORS }, (_, n) => themeColor(`--graph-${n + 1}`)),
    failed: themeColor("--danger"),
    text: themeColor("--text-faint"),
    line: themeColor("--line"),
    gap: themeColor("--warn"),
    mark: themeColor("--text"),
  };
}

export function draw(
  canvas: HTMLCanvasElement,
  colors: Colors,
  rows: readonly TraceRow[],
  vcpus: readonly number[],
  span: Span,
  selected: TraceRow | null,
  colorOf: (number: number) => number,
): void {
  const ratio = devicePixelRatio;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  if (!context) return;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = "11px system-ui";
  context.textBaseline = "middle";
  drawFrame(context, colors, vcpus, span, width, height);
  const scale = (width - LABEL_PIXELS) / (span.to - span.from);
  const place = (time: number): number => LABEL_PIXELS + (time - span.from) * scale;
  /** By lane and colour, the last pixel that was painted. A call that falls on the same pixel is not painted again. */
  const painted = new Map<number, number>();
  context.save();
  context.beginPath();
  context.rect(LABEL_PIXELS, 0, width - LABEL_PIXELS, height);
  context.clip();
  for (let i = firstIn(rows, span.from); i < rows.length; i++) {
    const row = rows[i]!;
    if (row.time > span.to) break;
    const lane = row.vcpu === null ? -1 : vcpus.indexOf(row.vcpu);
    const x = place(row.time);
    if (isGap(row)) {
      context.fillStyle = colors.gap;
      const top = lane < 0 ? AXIS_PIXELS : AXIS_PIXELS + lane * LANE_PIXELS;
      context.fillRect(x - 1, top, 2, lane < 0 ? vcpus.length * LANE_PIXELS : LANE_PIXELS);
      continue;
    }
    const right = Math.max(x + 1, place(row.time + row.duration));
    const color = row.failed ? COLORS : colorOf(row.number);
    const key = (lane * 2 + (row.member ? 1 : 0)) * (COLORS + 1) + color;
    if (right <= (painted.get(key) ?? -Infinity)) continue;
    painted.set(key, Math.ceil(right));
    context.fillStyle = row.failed ? colors.failed : colors.calls[color]!;
    const inset = row.member ? 8 : 3;
    context.fillRect(x, AXIS_PIXELS + lane * LANE_PIXELS + inset, right - x, LANE_PIXELS - inset - 3);
  }
  if (selected && selected.time >= span.from && selected.time <= span.to) {
    context.fillStyle = colors.mark;
    context.fillRect(place(selected.time) - 0.5, AXIS_PIXELS - 4, 1, height);
  }
  context.restore();
}

function drawFrame(
  context: CanvasRenderingContext2D,
  colors: Colors,
  vcpus: readonly number[],
  span: Span,
  width: number,
  height: number,
): void {
  context.fillStyle = colors.text;
  context.textAlign = "left";
  vcpus.forEach((vcpu, lane) =>
    context.fillText(`vCPU ${vcpu}`, 6, AXIS_PIXELS + lane * LANE_PIXELS + LANE_PIXELS / 2 + 1),
  );
  context.fillStyle = colors.line;
  for (let lane = 0; lane <= vcpus.length; lane++) context.fillRect(0, AXIS_PIXELS + lane * LANE_PIXELS, width, 1);
  const step = niceStep(((span.to - span.from) / (width - LABEL_PIXELS)) * 110);
  for (let time = Math.ceil(span.from / step) * step; time <= span.to; time += step) {
    const x = LABEL_PIXELS + ((time - span.from) / (span.to - span.from)) * (width - LABEL_PIXELS);
    context.fillStyle = colors.line;
    context.fillRect(Math.round(x), AXIS_PIXELS - 5, 1, height);
    context.fillStyle = colors.text;
    const text = markText(time, step);
    if (x + 4 + context.measureText(text).width < width) context.fillText(text, x + 4, AXIS_PIXELS / 2);
  }
}

function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((each) => each * power).find((each) => each >= least)!;
}
/** In seconds, with as many digits as the step needs. */
function markText(time: number, step: number): string {
  return `${(time / 1e9).toFixed(Math.min(9, Math.max(0, Math.ceil(9 - Math.log10(step)))))} s`;
}

export function spanText({ from, to }: Span): string {
  return durationText(Math.round(to - from));
}
