import { useApp } from "../state/store.ts";

/** Names of all domains that are kept: one that is made gets another. */
export function useTakenNames(): ReadonlySet<string> {
  return new Set(useApp((state) => state.kept).map(({ name }) => name));
}
