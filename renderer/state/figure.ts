/** A figure of the history, looked up with every snapshot. */
import type { DomainHistory } from "../../core/api/history/live.ts";
import { history } from "./session.ts";
import { useApp } from "./store.ts";

/** Renders what calls it again when the figure is another one, not with every snapshot: hence text or a number, no object made anew. */
export function useFigure<T extends string | number | boolean | DomainHistory | undefined>(look: () => T): T {
  return useApp(look);
}

/** The figures of a domain from its first snapshot on; the same object as long as it is the same domain. */
export function useDomainHistory(domid: number): DomainHistory | undefined {
  return useFigure(() => history.domains.get(domid));
}
