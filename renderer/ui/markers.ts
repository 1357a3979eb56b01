import { useMemo } from "react";
import { useMarks } from "../state/marks.ts";
import { history } from "../state/session.ts";
import { useApp } from "../state/store.ts";
import type { Marker } from "./Graph.tsx";

/** What happened to a domain by its UUID, or to all of the host when null, as marks for its graphs. */
export function useMarkers(uuid: string | null): readonly Marker[] {
  const marks = useMarks((state) => state.marks);
  // Where the host's clock stands against this computer's is known with the first figures.
  const measured = useApp((state) => state.tick > 0);
  return useMemo(
    () =>
      measured
        ? marks
            .filter((mark) => uuid === null || mark.uuid === uuid)
            .map(({ at, title, trouble }) => ({ at: history.hostTime(at), title, trouble }))
        : [],
    [marks, uuid, measured],
  );
}
