import { useEffect, useState } from "react";
import type { Span } from "./span.ts";
import type { Trace, TraceRow } from "./trace.ts";

const FIRST_SPAN = 2e9;

export interface ShownSpan {
  span: Span;
  /** It stays where it is; otherwise it follows what comes in. */
  isHeld: boolean;
  hold: (span: Span) => void;
  /** As wide as it is, to what comes in. */
  follow: () => void;
}

/** The time that is seen: as far as there is something, until it is moved or something is selected. */
export function useSpan(trace: Trace, selected: TraceRow | null): ShownSpan {
  const [length, setLength] = useState(FIRST_SPAN);
  const [held, hold] = useState<Span | null>(null);
  const newest = trace.rows.at(-1)?.time ?? 0;
  const span = held ?? { from: newest - length * 0.98, to: newest + length * 0.02 };
  useEffect(() => {
    // A call that was chosen elsewhere is moved into sight.
    if (!selected) return;
    const half = (span.to - span.from) / 2;
    const isSeen = selected.time >= span.from && selected.time <= span.to;
    hold(isSeen ? span : { from: selected.time - half, to: selected.time + half });
  }, [selected]);
  const follow = (): void => {
    setLength(span.to - span.from);
    hold(null);
  };
  return { span, isHeld: held !== null, hold, follow };
}
