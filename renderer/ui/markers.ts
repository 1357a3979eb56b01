import { useMemo } from "react";
import { useMarks } from "../state/marks.ts";
import type { Marker } from "./graph-lines.ts";

/** What happened to the domain with that UUID, or to the whole host if it is null, as marks for graphs. */
export function useMarkers(uuid: string | null): readonly Marker[] {
  const marks = useMarks((state) => state.marks);
  return useMemo(
    () =>
      marks
        .filter((mark) => uuid === null || mark.uuid === uuid)
        .map(({ at, title, trouble }) => ({ at: at / 1000, title, trouble })),
    [marks, uuid],
  );
}
