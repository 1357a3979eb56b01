/** Files that the desktop opens with the application wait here until the host can examine them. */
import { useEffect, useState } from "react";
import { useApp } from "../state/store.ts";
import { say } from "../state/messages.ts";

/** Once the host runs, calls `onFiles` with the files that were opened together, as if they had been dropped. */
export function useOpenedFiles(onFiles: (files: File[]) => void): void {
  const running = useApp(({ connection, host }) => connection === "open" && host?.power === "running");
  const [waiting, setWaiting] = useState<File[]>([]);
  useEffect(() => {
    window.xenariumDesktop?.onOpened((opened) => {
      for (const file of opened) if ("reason" in file) say("error", file.reason);
      const files = opened.flatMap((file) => ("bytes" in file ? [new File([file.bytes], file.name)] : []));
      setWaiting((before) => [...before, ...files]);
    });
  }, []);
  useEffect(() => {
    if (!running || !waiting.length) return;
    setWaiting([]);
    onFiles(waiting);
  }, [running, waiting]);
}
