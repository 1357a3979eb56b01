import { useEffect, useRef, type RefObject } from "react";

/** The wheel over an element, whose listener may keep the page from scrolling: React's own is passive. */
export function useWheel(element: RefObject<HTMLElement | null>, listener: (event: WheelEvent) => void): void {
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => {
    const target = element.current!;
    const turn = (event: WheelEvent): void => latest.current(event);
    target.addEventListener("wheel", turn, { passive: false });
    return () => target.removeEventListener("wheel", turn);
  }, [element]);
}
