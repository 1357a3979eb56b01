/** The hypercalls of a native domain, by subject. hypercalls/calls.ts has the way in which each is made. */
import { NativeCalls } from "./hypercalls/calls.ts";
import { DomainCalls } from "./hypercalls/domains.ts";
import { FrameCalls } from "./hypercalls/frames.ts";
import { GrantCalls } from "./hypercalls/grants.ts";
import { HostCalls } from "./hypercalls/host.ts";
import { PortCalls } from "./hypercalls/ports.ts";
import { VcpuCalls } from "./hypercalls/vcpus.ts";

export { SCRATCH_FRAMES, type NativeExports } from "./hypercalls/calls.ts";
export type { DomainInfoRecord } from "./hypercalls/domain-record.ts";
export { LIBXL_LIMITS, type CreationLimits, type DomainTypeName, type GuestTypeName } from "./hypercalls/domains.ts";
export type { SchedulerParameters } from "./hypercalls/host.ts";

export class Hypercalls extends NativeCalls {
  readonly domains = new DomainCalls(this);
  readonly vcpus = new VcpuCalls(this);
  readonly host = new HostCalls(this);
  readonly frames = new FrameCalls(this);
  readonly ports = new PortCalls(this);
  readonly grants = new GrantCalls(this);
}
