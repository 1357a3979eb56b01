/** What has the focus stays in sight when the page around it grows: a graph that comes when there is first something to draw, a notice above it. */
import { useEffect } from "react";

/** Something that leaves the sight so soon after a scroll was scrolled away. */
const RECENT_MS = 150;

export function useFocusInSight(): void {
  useEffect(() => {
    let scrolledAt = -Infinity;
    let wasSeen = false;
    let isOurs = false;
    /** The next scroll is that of the browser, which shows what gets the focus, or ours: nobody scrolls away. It is heard before the next frame is drawn. */
    const expectScroll = (): void => {
      isOurs = true;
      requestAnimationFrame(() => (isOurs = false));
    };
    const scrolled = (): void => {
      if (!isOurs) scrolledAt = performance.now();
    };
    const watcher = new IntersectionObserver((entries) => {
      const { isIntersecting, target, time } = entries.at(-1)!;
      const hasLeft = wasSeen && !isIntersecting;
      wasSeen = isIntersecting;
      // Who scrolls away from it wants to see something else.
      if (!hasLeft || time - scrolledAt < RECENT_MS) return;
      // It may have been taken out of the page.
      if (target !== document.activeElement || !isReachedByScrolling(target)) return;
      expectScroll();
      target.scrollIntoView({ block: "nearest", inline: "nearest" });
    });
    const focused = ({ target }: FocusEvent): void => {
      expectScroll();
      watcher.disconnect();
      // The watcher's first entry tells. It is out of sight if the focus has come back to what was scrolled away from before: then nothing has grown.
      wasSeen = false;
      watcher.observe(target as Element);
    };
    const left = (): void => watcher.disconnect();
    document.addEventListener("focusin", focused);
    document.addEventListener("focusout", left);
    window.addEventListener("scroll", scrolled, true);
    return () => {
      left();
      document.removeEventListener("focusin", focused);
      document.removeEventListener("focusout", left);
      window.removeEventListener("scroll", scrolled, true);
    };
  }, []);
}

/** Not if a part that does not scroll has it outside of its edges, as a diagram that was moved. */
function isReachedByScrolling(element: Element): boolean {
  const { left, right, top, bottom } = element.getBoundingClientRect();
  for (let around = element.parentElement; around && around !== document.body; around = around.parentElement) {
    const { overflowX, overflowY } = getComputedStyle(around);
    if (/auto|scroll/.test(overflowY)) return true;
    if (overflowX === "visible" && overflowY === "visible") continue;
    const box = around.getBoundingClientRect();
    if (right <= box.left || left >= box.right || bottom <= box.top || top >= box.bottom) return false;
  }
  return false;
}
