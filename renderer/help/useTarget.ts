/** Where the thing that a step is about is on the screen, followed while it moves, comes and goes. */
import { useEffect, useState } from "react";

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** null while it is not there. Nothing is asked again and again: what changes the page, scrolls it or sizes it leads to a look. */
export function useTarget(find: () => Element | null, key: string): Box | null {
  const [box, setBox] = useState<Box | null>(null);
  useEffect(() => {
    let frame = 0;
    let seen: Element | null = null;
    const sizes = new ResizeObserver(() => ask());
    const look = (): void => {
      frame = 0;
      const target = find();
      if (target !== seen) {
        if (seen) sizes.unobserve(seen);
        if (target) sizes.observe(target);
        seen = target;
        target?.scrollIntoView({ block: "nearest", inline: "nearest" });
      }
      const rectangle = target?.getBoundingClientRect();
      const next = rectangle && rectangle.width > 0 ? visible(rectangle) : null;
      setBox((before) => (same(before, next) ? before : next));
    };
    const ask = (): void => {
      frame ||= requestAnimationFrame(look);
    };
    const changes = new MutationObserver(ask);
    // A diagram is moved and scaled by styles.
    const attributeFilter = ["style", "class", "hidden"];
    changes.observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter });
    window.addEventListener("resize", ask);
    window.addEventListener("scroll", ask, true);
    ask();
    return () => {
      cancelAnimationFrame(frame);
      sizes.disconnect();
      changes.disconnect();
      window.removeEventListener("resize", ask);
      window.removeEventListener("scroll", ask, true);
    };
  }, [key]);
  return box;
}

/** What of it is in the window. */
function visible({ left, top, right, bottom }: DOMRect): Box | null {
  const [x, y] = [Math.max(0, left), Math.max(0, top)];
  const [width, height] = [Math.min(innerWidth, right) - x, Math.min(innerHeight, bottom) - y];
  return width > 0 && height > 0 ? { left: x, top: y, width, height } : null;
}
function same(a: Box | null, b: Box | null): boolean {
  return (
    a === b || (a !== null && b !== null && (Object.keys(a) as (keyof Box)[]).every((each) => a[each] === b[each]))
  );
}

const GAP = 14;

/** Where a card of that size hides least of the thing: beside it, below, above, or over its lower right corner. */
export function placeFor(box: Box | null, width: number, height: number): { left: number; top: number } {
  const within = (at: number, size: number, room: number): number => Math.max(GAP, Math.min(at, room - size - GAP));
  if (!box) return { left: innerWidth - width - 2 * GAP, top: innerHeight - height - 4 * GAP };
  const beside = within(box.top, height, innerHeight);
  const along = within(box.left, width, innerWidth);
  if (box.left + box.width + 2 * GAP + width <= innerWidth) return { left: box.left + box.width + GAP, top: beside };
  if (box.top + box.height + 2 * GAP + height <= innerHeight) return { left: along, top: box.top + box.height + GAP };
  if (box.top - 2 * GAP - height >= 0) return { left: along, top: box.top - GAP - height };
  if (box.left - 2 * GAP - width >= 0) return { left: box.left - GAP - width, top: beside };
  return {
    left: within(box.left + box.width - width - GAP, width, innerWidth),
    top: within(box.top + box.height - height - GAP, height, innerHeight),
  };
}
