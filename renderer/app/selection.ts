/** Several domains of the sidebar at once: Ctrl adds and takes away, Shift reaches from the last one; what is done in their menu is done with all. */
import type { MouseEvent } from "react";
import { create } from "zustand";

interface Selection {
  domids: ReadonlySet<number>;
  /** Where Shift reaches from. */
  anchor: number | null;
}
export const useSelection = create<Selection>()(() => ({ domids: new Set(), anchor: null }));

/** A click on a domain; `order`: the domains that can be seen. Whether it changed the selection: otherwise it opens the domain. */
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
