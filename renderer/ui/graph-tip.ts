/** Shows what was measured and what happened at the pointer. It is a line below the plot, which it neither covers nor leaves. */
import type uPlot from "uplot";
import { clockText } from "./clock.ts";
import { formatValue } from "./units.ts";

/** How near the pointer must be to an event to show it. */
const NEAR_PIXELS = 6;
/** With more lines than this, only their colours say which they are. */
const MOST_NAMED = 3;

export interface TipLine {
  label: string;
  /** The class of its text, in the line's colour. */
  className: string;
}
/** `at` is in seconds, as on the graph's time axis. */
export interface TipEvent {
  at: number;
  title: string;
}

export function showTip(
  tip: HTMLElement,
  u: uPlot,
  lines: readonly TipLine[],
  events: readonly TipEvent[],
  unit: string,
): void {
  const { left, idx } = u.cursor;
  const time = idx === null || idx === undefined ? undefined : u.data[0][idx];
  if (left === undefined || left < 0 || time === undefined) {
    tip.replaceChildren();
    return;
  }
  const near = events.filter(({ at }) => Math.abs(u.valToPos(at, "x") - left) <= NEAR_PIXELS);
  const figures = lines.map(({ label, className }, i) => {
    const value = formatValue(u.data[i + 1]?.[idx!] ?? NaN, unit);
    return part(lines.length === 1 || lines.length > MOST_NAMED ? value : `${label} ${value}`, className, label);
  });
  tip.replaceChildren(
    part(clockText(time * 1000), "graph-tip-time"),
    ...near.map(({ title }) => part(title, "graph-tip-event", title)),
    ...figures,
  );
}

function part(text: string, className: string, title = ""): HTMLElement {
  const made = document.createElement("span");
  made.textContent = text;
  made.className = className;
  made.title = title;
  return made;
}
