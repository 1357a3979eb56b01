/** A figure of the history, looked up with every snapshot. */
import type { DomainHistory } from "../../core/api/history/live.ts";
import { history } from "./session.ts";
import { useApp } from "./store.ts";

/** Renders its caller again only when the figure changes, not with every snapshot. The figure is therefore text or a number and not a new object. */
export function useFigure<T extends string | number | boolean | DomainHistory | undefined>(look: () => T): T {
  return useApp(look);
}

/** The figures of a domain since its first snapshot. It is the same object as long as it is the same domain. */
export function useDomainHistory(domid: number): DomainHistory | undefined {
  return useFigure(() => history.domains.get(domid));
}
