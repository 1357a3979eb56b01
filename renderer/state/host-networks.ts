import type { ListedNetwork } from "../../core/api/schema.ts";
import { useRepeated } from "./repeated.ts";

const LOOK_MS = 5000;

/** The host's own networks; none before they are known. Those of driver domains are left out: what is on them has its backend there. */
export function useHostNetworks(): readonly ListedNetwork[] {
  return (useRepeated("networkList", {}, LOOK_MS) ?? []).filter(({ backend }) => backend === 0);
}
