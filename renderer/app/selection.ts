/**
 * Selection of several domains in the sidebar. Ctrl adds and removes one, Shift selects a range from the last one. What is done in the menu of one is
 * done with all of them.
 */
import type { MouseEvent } from "react";
import { create } from "zustand";

interface Selection {
  domids: ReadonlySet<number>;
  /** The domain at which a range that Shift selects begins. */
  anchor: number | null;
}
export const useSelection = create<Selection>()(() => ({ domids: new Set(), anchor: null }));

/**
 * Handles a click on a domain. `order` is the list of the domains that are visible. Returns whether the click changed the selection; if not, it opens
 * the domain.
 */
export function clicked(event: MouseEvent, domid: number, order: readonly number[]): boolean {
  const { domids, anchor } = useSelection.getState();
  if (event.shiftKey) {
    const [a, b] = [order.indexOf(anchor ?? domid), order.indexOf(domid)];
    const from = a < 0 ? b : a;
    useSelection.setState({
      domids: new Set(order.slice(Math.min(from, b), Math.max(from, b) + 1)),
      anchor: order[from] ?? domid,
    });
    return true;
  }
  if (event.ctrlKey || event.metaKey) {
    const next = new Set(domids);
    if (!next.delete(domid)) next.add(domid);
    useSelection.setState({ domids: next, anchor: domid });
    return true;
  }
  useSelection.setState({ domids: new Set(), anchor: domid });
  return false;
}
export function selectAll(order: readonly number[]): void {
  useSelection.setState({ domids: new Set(order) });
}
export function selectNone(): void {
  useSelection.setState({ domids: new Set() });
}
