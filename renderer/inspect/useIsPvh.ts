import { useApp } from "../state/store.ts";

/** Of such a domain there is more to see: a second stage, a local APIC, accesses to ports and devices. */
export function useIsPvh(domid: number): boolean {
  return useApp((state) => state.domains.find((each) => each.domid === domid)?.type === "pvh");
}
