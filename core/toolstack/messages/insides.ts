/** Messages about the insides of domains, as ../inspect/report.ts describes them. They change nothing in a domain. */
import type {
  EventsReport,
  FrameFacts,
  GrantsReport,
  MemoryArguments,
  MemoryReport,
  RegistersReport,
  VcpuArguments,
  WalkArguments,
  WalkReport,
} from "../inspect/report.ts";

/** Requests: name → arguments and result. */
export interface InsideRequests {
  /** What is inside a domain, as it is now: inspect/report.ts. Nothing in it changes. */
  inspectRegisters: { args: VcpuArguments; result: RegistersReport };
  inspectWalk: { args: WalkArguments; result: WalkReport };
  inspectFrame: { args: { mfn: number }; result: FrameFacts };
  /** The address at which a function of the domain's kernel begins. */
  inspectSymbol: { args: { domid: number; name: string }; result: { address: string } };
  inspectMemory: { args: MemoryArguments; result: MemoryReport };
  inspectEvents: { args: { domid: number }; result: EventsReport };
  inspectGrants: { args: { domid: number }; result: GrantsReport };
  /** The vCPUs of a domain that crashed, as they were then. It also works if the domain is gone. */
  crashRegisters: { args: { domid: number }; result: RegistersReport[] };
}
