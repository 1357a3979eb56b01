import { useEffect, useRef, useState } from "react";
import { request } from "../../state/session.ts";
import { KEPT_NS, Lanes } from "./lanes.ts";

const REFRESH_MS = 500;
const IDLE_REFRESH_MS = 2000;
/** A switch may be written a little after it happened, so this span is asked for again. */
const OVERLAP_NS = 100e6;

/** The scheduler's records, read on while it follows; rendered anew when there is something else to see. */
export function useLanes(following: boolean): Lanes {
  const lanes = useRef(new Lanes());
  /** Whether what was shown last was more than idleness. */
  const drawn = useRef(true);
  const [, redraw] = useState(0);
  useEffect(() => {
    if (!following) return;
    let current = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (): Promise<void> => {
      const since = Math.max(0, lanes.current.time - OVERLAP_NS);
      const answer = await request("switches", { since }).catch(() => null);
      if (!current) return;
      if (answer) {
        const { length } = lanes.current.lanes;
        lanes.current.take(answer);
        // Idle lanes look the same at all times.
        const changed =
          !lanes.current.isIdleSince(lanes.current.time - KEPT_NS) || lanes.current.lanes.length !== length;
        if (changed || drawn.current) redraw((count) => count + 1);
        drawn.current = changed;
      }
      timer = setTimeout(() => void ask(), drawn.current ? REFRESH_MS : IDLE_REFRESH_MS);
    };
    void ask();
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [following]);
  return lanes.current;
}
