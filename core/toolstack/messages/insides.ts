/** What is said of the insides of domains, as ../inspect/report.ts has it. Nothing of a domain changes by it. */
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
  /** What is inside a domain, as it is now: inspect/report.ts. Nothing of it changes. */
  inspectRegisters: { args: VcpuArguments; result: RegistersReport };
  inspectWalk: { args: WalkArguments; result: WalkReport };
  inspectFrame: { args: { mfn: number }; result: FrameFacts };
  /** Where a function of its kernel's begins. */
  inspectSymbol: { args: { domid: number; name: string }; result: { address: string } };
  inspectMemory: { args: MemoryArguments; result: MemoryReport };
  inspectEvents: { args: { domid: number }; result: EventsReport };
  inspectGrants: { args: { domid: number }; result: GrantsReport };
  /** Of the vCPUs of a domain that crashed, as they were then: also when it is gone. */
  crashRegisters: { args: { domid: number }; result: RegistersReport[] };
}
