/** What there is to inspect: a section each, loaded when it is first looked at. */
import { lazy, type ComponentType } from "react";

export interface InspectSection {
  id: string;
  title: string;
  /** Of vCPUs that are x86 code: Domain-0 has none. */
  ofVcpus: boolean;
  /** Shows how things are, which may be held; a trace shows what happens and has its own pause. */
  isState: boolean;
  View: ComponentType<{ domid: number }>;
}

const TRACE = "hypercalls";

const section = (
  id: string,
  title: string,
  ofVcpus: boolean,
  load: () => Promise<ComponentType<{ domid: number }>>,
): InspectSection => ({
  id,
  title,
  ofVcpus,
  isState: id !== TRACE,
  View: lazy(async () => ({ default: await load() })),
});

export const SECTIONS: readonly InspectSection[] = [
  section("registers", "vCPU registers", true, async () => (await import("./RegistersSection.tsx")).RegistersSection),
  section("page-tables", "Page tables", true, async () => (await import("./WalkSection.tsx")).WalkSection),
  section("memory", "Memory", true, async () => (await import("./MemorySection.tsx")).MemorySection),
  section("events", "Event channels", false, async () => (await import("./EventsSection.tsx")).EventsSection),
  section("grants", "Grant table", false, async () => (await import("./GrantsSection.tsx")).GrantsSection),
  section(TRACE, "Hypercalls", false, async () => (await import("./trace/TraceSection.tsx")).TraceSection),
];
