/** Whether a view has anything to follow: the host runs, the connection stands, and somebody can see the window. */
import { useSyncExternalStore } from "react";
import { useApp } from "./store.ts";

function subscribe(listener: () => void): () => void {
  document.addEventListener("visibilitychange", listener);
  return () => document.removeEventListener("visibilitychange", listener);
}

/** There is a host to look at. */
export function useHostRuns(): boolean {
  return useApp(({ connection, host }) => connection === "open" && host?.power === "running");
}

/** The window can be seen. */
export function useWindowSeen(): boolean {
  return useSyncExternalStore(subscribe, () => document.visibilityState === "visible");
}

/** A view that is shown asks and listens only while this is true; what it has shown, and what was typed into it, stays. */
export function useLive(): boolean {
  const visible = useWindowSeen();
  return useHostRuns() && visible;
}
