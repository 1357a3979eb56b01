/** The time that the timeline shows, and what moves it. */
const LEAST_SPAN = 2e3;
const MOST_SPAN = 600e9;

/** The times at both edges, in nanoseconds since power-on. */
export interface Span {
  from: number;
  to: number;
}

/** A `factor` below 1 zooms in. The time at `at` stays where it is. */
export function zoomed({ from, to }: Span, factor: number, at: number): Span {
  const length = Math.min(MOST_SPAN, Math.max(LEAST_SPAN, (to - from) * factor));
  const share = (at - from) / (to - from);
  return { from: at - share * length, to: at + (1 - share) * length };
}
export function moved({ from, to }: Span, share: number): Span {
  const by = (to - from) * share;
  return { from: from + by, to: to + by };
}

/** Of the span, how far an arrow key moves it. */
const STEP = 0.2;

/** What is seen after a key; "follow": what comes in, again; null: the key is none of the timeline's. */
export function afterKey(key: string, span: Span): Span | "follow" | null {
  const middle = (span.from + span.to) / 2;
  switch (key) {
    case "ArrowLeft":
      return moved(span, -STEP);
    case "ArrowRight":
      return moved(span, STEP);
    case "+":
    case "=":
    case "ArrowUp":
      return zoomed(span, 0.5, middle);
    case "-":
    case "ArrowDown":
      return zoomed(span, 2, middle);
    case "End":
      return "follow";
    default:
      return null;
  }
}
