import { useMemo } from "react";
import { useJournal } from "../state/journal.ts";
import { history } from "../state/session.ts";
import { useApp } from "../state/store.ts";
import type { Marker } from "./Graph.tsx";

/** What happened to a domain, or to all of the host when null, as marks for its graphs. */
export function useMarkers(domid: number | null): readonly Marker[] {
  const entries = useJournal((state) => state.entries);
  // Where the host's clock stands against this computer's is known with the first figures.
  const measured = useApp((state) => state.tick > 0);
  return useMemo(
    () =>
      measured
        ? entries
            .filter((entry) => entry.kind === "event" && (domid === null || entry.domid === domid))
            .map(({ at, title, state }) => ({ at: history.hostTime(at), title, trouble: state === "error" }))
        : [],
    [entries, domid, measured],
  );
}
