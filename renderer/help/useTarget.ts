/** Where on the screen the thing is that a step describes, followed as it moves, appears and disappears. */
import { useEffect, useState } from "react";

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/**
 * Returns null while the thing is not there. Nothing is polled: every change of the page, every scroll and every change of size leads to a new look.
 */
export function useTarget(find: () => Element | null, key: string): Box | null {
  const [box, setBox] = useState<Box | null>(null);
  useEffect(() => {
    let frame = 0;
    let seen: Element | null = null;
    /** What cuts it off where it scrolls. */
    let frames: Element[] = [];
    const sizes = new ResizeObserver(() => ask());
    const look = (): void => {
      frame = 0;
      const target = find();
      if (target !== seen) {
        if (seen) sizes.unobserve(seen);
        if (target) sizes.observe(target);
        seen = target;
        frames = target ? framesOf(target) : [];
        target?.closest("details:not([open])")?.setAttribute("open", "");
        bringInSight();
      }
      const rectangle = target?.getBoundingClientRect();
      const next = rectangle && rectangle.width > 0 ? visible(rectangle, frames) : null;
      setBox((before) => (same(before, next) ? before : next));
    };
    const ask = (): void => {
      frame ||= requestAnimationFrame(look);
    };
    const bringInSight = (): void => seen?.scrollIntoView({ block: "nearest", inline: "nearest" });
    // In a window of another size it may lie elsewhere, also out of sight.
    const resized = (): void => {
      ask();
      requestAnimationFrame(bringInSight);
    };
    const changes = new MutationObserver(ask);
    // A diagram is moved and scaled by styles.
    const attributeFilter = ["style", "class", "hidden"];
    changes.observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter });
    window.addEventListener("resize", resized);
    window.addEventListener("scroll", ask, true);
    ask();
    return () => {
      cancelAnimationFrame(frame);
      sizes.disconnect();
      changes.disconnect();
      window.removeEventListener("resize", resized);
      window.removeEventListener("scroll", ask, true);
    };
  }, [key]);
  return box;
}

/** Returns those that scroll it, or cut it off. */
function framesOf(target: Element): Element[] {
  const found: Element[] = [];
  for (let each = target.parentElement; each; each = each.parentElement)
    if (getComputedStyle(each).overflowY !== "visible") found.push(each);
  return found;
}

/** Returns the part of it that is inside the window and not cut off. */
function visible(rectangle: DOMRect, frames: readonly Element[]): Box | null {
  let { left, top, right, bottom } = rectangle;
  const inside = frames.map((each) => each.getBoundingClientRect());
  for (const edge of [...inside, new DOMRect(0, 0, innerWidth, innerHeight)]) {
    [left, top] = [Math.max(left, edge.left), Math.max(top, edge.top)];
    [right, bottom] = [Math.min(right, edge.right), Math.min(bottom, edge.bottom)];
  }
  const [width, height] = [right - left, bottom - top];
  return width > 0 && height > 0 ? { left, top, width, height } : null;
}
function same(a: Box | null, b: Box | null): boolean {
  return (
    a === b || (a !== null && b !== null && (Object.keys(a) as (keyof Box)[]).every((each) => a[each] === b[each]))
  );
}

const GAP = 14;

/** Returns where a card of that size hides least of the thing: to the right of it, below, above, to the left, or else in a corner of the window. */
export function placeFor(box: Box | null, width: number, height: number): { left: number; top: number } {
  const [right, bottom] = [Math.max(GAP, innerWidth - width - GAP), Math.max(GAP, innerHeight - height - GAP)];
  if (!box) return { left: right, top: bottom };
  const beside = Math.max(GAP, Math.min(box.top, bottom));
  const along = Math.max(GAP, Math.min(box.left, right));
  if (box.left + box.width + GAP <= right) return { left: box.left + box.width + GAP, top: beside };
  if (box.top + box.height + GAP <= bottom) return { left: along, top: box.top + box.height + GAP };
  if (box.top - GAP - height >= GAP) return { left: along, top: box.top - GAP - height };
  if (box.left - GAP - width >= GAP) return { left: box.left - GAP - width, top: beside };
  const shared = (from: number, size: number, start: number, length: number): number =>
    Math.max(0, Math.min(from + size, start + length) - Math.max(from, start));
  const hidden = ({ left, top }: { left: number; top: number }): number =>
    shared(left, width, box.left, box.width) * shared(top, height, box.top, box.height);
  const corners = [bottom, GAP].flatMap((top) => [right, GAP].map((left) => ({ left, top })));
  return corners.reduce((best, corner) => (hidden(corner) < hidden(best) ? corner : best));
}
