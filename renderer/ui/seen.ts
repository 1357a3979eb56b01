/** Whether a part of the page is in sight. Graphs that are not draw nothing. */
import { useEffect, useState, type RefObject } from "react";
import { useWindowSeen } from "../state/live.ts";

/** A part counts as in sight a little before it is. */
const MARGIN = "120px";

export function useSeen(element: RefObject<HTMLElement | null>): boolean {
  const [inSight, setInSight] = useState(false);
  const windowSeen = useWindowSeen();
  useEffect(() => {
    const observer = new IntersectionObserver((entries) => setInSight(entries.at(-1)!.isIntersecting), {
      rootMargin: MARGIN,
    });
    observer.observe(element.current!);
    return () => observer.disconnect();
  }, []);
  return inSight && windowSeen;
}
