/** Whether a view has anything to follow: the host runs, the connection stands, and the window can be seen. */
import { useSyncExternalStore } from "react";
import { useApp } from "./store.ts";

function subscribe(listener: () => void): () => void {
  document.addEventListener("visibilitychange", listener);
  return () => document.removeEventListener("visibilitychange", listener);
}

/** Whether there is a running host. */
export function useHostRuns(): boolean {
  return useApp(({ connection, host }) => connection === "open" && host?.power === "running");
}

/** The window can be seen. */
export function useWindowSeen(): boolean {
  return useSyncExternalStore(subscribe, () => document.visibilityState === "visible");
}

/** While this is true, a view that is shown asks and listens. When it is false, what the view has shown and what was typed into it stays. */
export function useLive(): boolean {
  const visible = useWindowSeen();
  return useHostRuns() && visible;
}
