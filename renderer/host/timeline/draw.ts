/** Draws the lanes on a canvas, with a bar for each turn on a pCPU. */
import { themeColor } from "../../ui/theme.ts";
import { eachTurn, IDLE, NOT_KEPT, type Lane } from "./lanes.ts";

export const LANE_PIXELS = 30;
export const AXIS_PIXELS = 20;
export const LABEL_PIXELS = 52;
const GAP = 4;
const LEAST_NAMED = 44;
const COLORS = 6;

export function heightOf(lanes: number): number {
  return lanes * LANE_PIXELS + AXIS_PIXELS;
}

export function drawLanes(
  canvas: HTMLCanvasElement,
  lanes: readonly Lane[],
  from: number,
  to: number,
  nameOf: (domid: number) => string,
  cursor: { lane: number; time: number } | null,
): void {
  const ratio = devicePixelRatio;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) [canvas.width, canvas.height] = [across, down];
  const context = canvas.getContext("2d")!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = "11px system-ui";
  context.textBaseline = "middle";
  const room = width - LABEL_PIXELS;
  const x = (time: number): number => LABEL_PIXELS + ((time - from) / (to - from)) * room;
  const color = new Map<string, string>();
  const themed = (property: string): string => {
    let found = color.get(property);
    if (!found) color.set(property, (found = themeColor(property)));
    return found;
  };
  lanes.forEach(({ pcpu, turns }, i) => {
    const top = i * LANE_PIXELS + GAP / 2;
    const tall = LANE_PIXELS - GAP;
    context.fillStyle = themed("--text-muted");
    context.fillText(`pCPU ${pcpu}`, 0, top + tall / 2);
    context.fillStyle = themed("--surface-2");
    context.fillRect(LABEL_PIXELS, top, room, tall);
    eachTurn(turns, from, to, ({ domid, vcpu }, start, end) => {
      if (domid === IDLE) return;
      const left = x(start);
      // A turn shorter than a pixel must still be visible.
      const wide = Math.max(x(end) - left, 0.75);
      if (domid === NOT_KEPT) {
        context.fillStyle = themed("--line-strong");
        context.fillRect(left, top + tall / 2 - 1, wide, 2);
        return;
      }
      context.fillStyle = themed(`--graph-${((domid - 1 + COLORS) % COLORS) + 1}`);
      context.fillRect(left, top, wide, tall);
      // A line separates a vCPU's bar from its neighbour. A paler bar would leave too little contrast for the name.
      context.fillStyle = themed("--surface");
      if (vcpu % 2) context.fillRect(left, top + tall - 5, wide, 2);
      if (wide < LEAST_NAMED) return;
      const text = `${nameOf(domid)} ${vcpu}`;
      if (context.measureText(text).width < wide - 8) context.fillText(text, left + 4, top + tall / 2);
    });
  });
  const bottom = lanes.length * LANE_PIXELS;
  context.fillStyle = themed("--text-faint");
  context.textBaseline = "alphabetic";
  const seconds = (to - from) / 1e9;
  const step = seconds > 5 ? 2 : seconds > 2 ? 1 : 0.2;
  for (let ago = 0; ago < seconds - 1e-9; ago += step) {
    const at = x(to - ago * 1e9);
    context.fillRect(at - (ago === 0 ? 1 : 0), bottom, 1, 4);
    const text = ago === 0 ? "now" : `-${Number(ago.toFixed(1))} s`;
    context.textAlign = ago === 0 ? "right" : "center";
    context.fillText(text, at, bottom + 16);
  }
  context.textAlign = "left";
  if (!cursor) return;
  context.fillStyle = themed("--text");
  context.fillRect(x(cursor.time), cursor.lane * LANE_PIXELS, 1, LANE_PIXELS);
}
