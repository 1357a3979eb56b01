/** What there is to inspect. Each section is loaded when it is first shown. */
import { lazy, type ComponentType } from "react";
import { INSPECT_TITLES, type InspectId } from "./titles.ts";

export interface InspectSection {
  id: InspectId;
  title: string;
  /** What it is called of a PVH domain. */
  pvhTitle: string;
  /** Of vCPUs that are x86 code: Domain-0 has none. */
  ofVcpus: boolean;
  /** Whether the section shows a state, which can be held. A trace shows events and has its own pause. */
  isState: boolean;
  View: ComponentType<{ domid: number }>;
}

const TRACE = "hypercalls";
/** Its accesses to ports and devices are recorded too. */
const PVH_TRACE = "Hypercalls and I/O";

const titleOf = (id: InspectId): string => INSPECT_TITLES.find(([each]) => each === id)![1];

const section = (
  id: InspectId,
  ofVcpus: boolean,
  load: () => Promise<ComponentType<{ domid: number }>>,
): InspectSection => ({
  id,
  title: titleOf(id),
  pvhTitle: id === TRACE ? PVH_TRACE : titleOf(id),
  ofVcpus,
  isState: id !== TRACE,
  View: lazy(async () => ({ default: await load() })),
});

export const SECTIONS: readonly InspectSection[] = [
  section("registers", true, async () => (await import("./RegistersSection.tsx")).RegistersSection),
  section("page-tables", true, async () => (await import("./WalkSection.tsx")).WalkSection),
  section("memory", true, async () => (await import("./MemorySection.tsx")).MemorySection),
  section("events", false, async () => (await import("./EventsSection.tsx")).EventsSection),
  section("grants", false, async () => (await import("./GrantsSection.tsx")).GrantsSection),
  section(TRACE, false, async () => (await import("./trace/TraceSection.tsx")).TraceSection),
];
