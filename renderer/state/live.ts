/** Whether a view has anything to follow: the host runs, the connection stands, and somebody can see the window. */
import { useSyncExternalStore } from "react";
import { useApp } from "./store.ts";

function subscribe(listener: () => void): () => void {
  document.addEventListener("visibilitychange", listener);
  return () => document.removeEventListener("visibilitychange", listener);
}

/** A view that is shown asks and listens only while this is true. */
export function useLive(): boolean {
  const visible = useSyncExternalStore(subscribe, () => document.visibilityState === "visible");
  return useApp(({ connection, host }) => connection === "open" && host?.power === "running") && visible;
}
