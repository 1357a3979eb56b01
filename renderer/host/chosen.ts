/** Which domains of the list are chosen. */
import { useRef, useState } from "react";

/** After a click on the box of `domid`: it alone, or all from `anchor` to it, in the order of `ids`, get what it gets. */
export function toggled(
  chosen: ReadonlySet<number>,
  ids: readonly number[],
  domid: number,
  anchor: number,
): ReadonlySet<number> {
  const next = new Set(chosen);
  const [from, to] = [ids.indexOf(anchor), ids.indexOf(domid)];
  const touched = from >= 0 ? ids.slice(Math.min(from, to), Math.max(from, to) + 1) : [domid];
  for (const each of touched) {
    if (chosen.has(domid)) next.delete(each);
    else next.add(each);
  }
  return next;
}

export interface Chosen {
  chosen: ReadonlySet<number>;
  choose: (domids: Iterable<number>) => void;
  /** `isRange`: all from the one that was clicked last. */
  toggle: (domid: number, isRange: boolean) => void;
}

/** `ids`: of all that can be chosen, in the order in which they are shown. */
export function useChosen(ids: readonly number[]): Chosen {
  const [chosen, setChosen] = useState<ReadonlySet<number>>(new Set());
  const anchor = useRef<number | null>(null);
  const toggle = (domid: number, isRange: boolean): void => {
    setChosen(toggled(chosen, ids, domid, isRange ? (anchor.current ?? domid) : domid));
    anchor.current = domid;
  };
  return { chosen, choose: (domids) => setChosen(new Set(domids)), toggle };
}
