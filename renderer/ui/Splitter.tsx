import { useRef } from "react";

const STEP_PIXELS = 16;

/** A border that can be moved by pointer and by arrow keys. */
export function Splitter({
  label,
  orientation,
  value,
  least,
  most,
  grows,
  onChange,
}: {
  label: string;
  /** The orientation of the border itself. */
  orientation: "vertical" | "horizontal";
  value: number;
  least: number;
  most: number;
  /** The direction in which the part grows whose size it sets. */
  grows: "right" | "up";
  onChange: (value: number) => void;
}) {
  const from = useRef<{ at: number; value: number } | null>(null);
  const set = (to: number): void => onChange(Math.round(Math.max(least, Math.min(most, to))));
  const place = (event: React.PointerEvent): number => (grows === "right" ? event.clientX : -event.clientY);
  return (
    <div
      className={`splitter splitter-${orientation}`}
      role="separator"
      aria-orientation={orientation}
      aria-label={label}
      aria-valuenow={value}
      aria-valuemin={least}
      aria-valuemax={most}
      tabIndex={0}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        from.current = { at: place(event), value };
      }}
      onPointerMove={(event) => {
        if (from.current) set(from.current.value + place(event) - from.current.at);
      }}
      onPointerUp={() => (from.current = null)}
      onPointerCancel={() => (from.current = null)}
      onKeyDown={(event) => {
        const more = grows === "right" ? "ArrowRight" : "ArrowUp";
        const less = grows === "right" ? "ArrowLeft" : "ArrowDown";
        if (event.key === more) set(value + STEP_PIXELS);
        else if (event.key === less) set(value - STEP_PIXELS);
        else return;
        event.preventDefault();
      }}
    />
  );
}
