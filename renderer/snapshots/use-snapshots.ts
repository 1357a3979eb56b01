import { useEffect, useState } from "react";
import type { SnapshotTree, SnapshotWork } from "../../core/api/schema.ts";
import { onSnapshots, request, sentence } from "../state/session.ts";
import { useApp } from "../state/store.ts";

export interface ShownSnapshots {
  /** undefined until the host has answered; null where there are none. */
  tree: SnapshotTree | null | undefined;
  work: SnapshotWork | null;
  /** Why the snapshots cannot be read; null if they can. */
  problem: string | null;
}

/** A domain's present snapshots. They are asked for when they are first shown, and when the host says that they have changed. */
export function useSnapshots(uuid: string): ShownSnapshots {
  const [shown, setShown] = useState<ShownSnapshots>({ tree: undefined, work: null, problem: null });
  const connection = useApp((state) => state.connection);
  useEffect(() => {
    if (connection !== "open") return;
    let isGone = false;
    let asking = false;
    let isStale = false;
    const ask = async (): Promise<void> => {
      isStale = true;
      if (asking) return;
      asking = true;
      while (isStale && !isGone) {
        isStale = false;
        try {
          const tree = await request("snapshots", { uuid });
          if (!isGone) setShown({ tree, work: tree?.work ?? null, problem: null });
        } catch (error) {
          if (!isGone) setShown({ tree: null, work: null, problem: sentence(error) });
        }
      }
      asking = false;
    };
    const unhear = onSnapshots((event) => {
      if (event.uuid !== uuid) return;
      // The progress of work changes often, and then nothing else has changed.
      if (event.work && event.work.share !== null) setShown((before) => ({ ...before, work: event.work }));
      else void ask();
    });
    void ask();
    return () => {
      isGone = true;
      unhear();
    };
  }, [uuid, connection]);
  return shown;
}
