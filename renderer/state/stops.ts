/** How domains stopped since power-on, as the host knows it. */
import { create } from "zustand";
import type { DomainStop } from "../../core/api/schema.ts";

export const useStops = create<{ stops: readonly DomainStop[] }>()(() => ({ stops: [] }));

/** The last stop of a domain by its UUID, which a restart keeps; null if there has been none. */
export function useLastStop(uuid: string | undefined): DomainStop | null {
  return useStops(({ stops }) => stops.findLast((stop) => stop.uuid === uuid) ?? null);
}
