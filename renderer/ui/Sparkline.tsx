import { useEffect, useRef } from "react";
import type { Series } from "../../core/api/history/live.ts";
import { useApp } from "../state/store.ts";
import { useSeen } from "./seen.ts";
import { themeColor } from "./theme.ts";

const POINTS = 60;

/** Draws the last minute as a small line, from 0 to `max`, in the colour of that custom property. */
export function Sparkline({
  series,
  max,
  label,
  color = "--graph-1",
}: {
  series: Series | undefined;
  max: number;
  label: string;
  color?: string;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const tick = useApp((state) => state.tick);
  const seen = useSeen(canvas);
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (!element || !context || !seen) return;
    const ratio = devicePixelRatio;
    const [width, height] = [element.clientWidth, element.clientHeight];
    if (element.width !== Math.round(width * ratio)) {
      element.width = Math.round(width * ratio);
      element.height = Math.round(height * ratio);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    if (!series) return;
    const values = series.values.subarray(series.values.length - POINTS);
    context.strokeStyle = themeColor(color);
    context.lineWidth = 1.25;
    context.beginPath();
    let down = false;
    values.forEach((value, i) => {
      if (!Number.isFinite(value)) {
        down = false;
        return;
      }
      const x = (i / (POINTS - 1)) * width;
      const y = height - 1 - (Math.min(value, max) / max) * (height - 2);
      if (down) context.lineTo(x, y);
      else context.moveTo(x, y);
      down = true;
    });
    context.stroke();
  }, [tick, seen, series, max, color]);
  return <canvas ref={canvas} className="sparkline" role="img" aria-label={label} />;
}
