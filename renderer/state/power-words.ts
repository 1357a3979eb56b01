import type { HostPower } from "../../core/api/schema.ts";
import { useApp } from "./store.ts";

/** "The host is running", without a full stop, so that it can be a title. */
export function hostIs(power: HostPower): string {
  return power === "crashed" ? "The host has crashed" : `The host is ${power}`;
}

/** What is shown beside the host. When the connection is lost, the last known state is no longer the state. */
export function useShownPower(): { word: string; looks: string } {
  const power = useApp(({ host }) => host?.power);
  const lost = useApp(({ connection }) => connection === "lost");
  return lost ? { word: "no connection", looks: "crashed" } : { word: power ?? "…", looks: power ?? "off" };
}
