/** The host's present disk images. They are asked for when they are first shown, and again when a task or a domain has come or gone. */
import { useEffect, useState } from "react";
import type { ImageList } from "../../core/api/schema.ts";
import { useTaskStates } from "../state/journal.ts";
import { useWindowSeen } from "../state/live.ts";
import { request, sentence } from "../state/session.ts";
import { useApp } from "../state/store.ts";

export interface ShownImages {
  /** null until the host has answered. */
  list: ImageList | null;
  /** A sentence that says why there is no list; else null. */
  problem: string | null;
  again: () => void;
}

export function useImages(): ShownImages {
  const [list, setList] = useState<ImageList | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [asked, setAsked] = useState(0);
  const isOpen = useApp(({ connection }) => connection === "open");
  const isSeen = useWindowSeen();
  const tasks = useTaskStates();
  const kept = useApp((state) => state.kept);
  const running = useApp(({ domains }) => domains.map(({ domid, name }) => `${domid}${name}`).join());
  useEffect(() => {
    if (!isOpen || !isSeen) return;
    let current = true;
    request("imageList", {}).then(
      (answer) => {
        if (!current) return;
        setList(answer);
        setProblem(null);
      },
      (error: unknown) => current && setProblem(sentence(error)),
    );
    return () => {
      current = false;
    };
  }, [isOpen, isSeen, tasks, kept, running, asked]);
  return { list, problem, again: () => setAsked((count) => count + 1) };
}
