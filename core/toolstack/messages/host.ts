/** Messages about the host as a whole: its figures, its log, how it came up, its power. */
import type { FrameMap, MemoryLayout } from "../../dom0/kernel/frame-table.ts";
import type { DomainCalls } from "../../dom0/kernel/statistics.ts";
import type { SchedulerParameters } from "../../dom0/kernel/hypercalls.ts";
import type { PcpuSwitches } from "../../dom0/kernel/switches.ts";

export interface HostInfo {
  release: string;
  xenMajor: number;
  xenMinor: number;
  xenExtra: string;
  xenCaps: string;
  xenScheduler: string;
  xenPagesize: number;
  platformParams: string;
  xenChangeset: string;
  xenCommandline: string;
  ccCompiler: string;
  ccCompileBy: string;
  ccCompileDomain: string;
  ccCompileDate: string;
  nrCpus: number;
  maxCpuId: number;
  nrNodes: number;
  coresPerSocket: number;
  threadsPerCore: number;
  cpuMhz: number;
  totalMemoryMiB: number;
  freeMemoryMiB: number;
}

/** Counters begin when the domain (or the host) begins, and times are nanoseconds. A reader takes differences. */
export interface VcpuStatistics {
  vcpu: number;
  online: boolean;
  cpuTime: number;
  /** The nanoseconds in each runstate, up to now; null if the hypervisor's counters can't be read. */
  runstates: { running: number; runnable: number; blocked: number; offline: number } | null;
}

export interface DomainStatistics {
  domid: number;
  uuid: string;
  name: string;
  cpuTime: number;
  memoryPages: number;
  maxPages: number;
  /** What xenstore has about its memory: the target of its balloon driver and the most that it was created for; null if it has none. */
  memoryTargetMiB: number | null;
  staticMaxMiB: number | null;
  /** The bytes that went through its disks and networks, as far as the backends here counted them. */
  diskRead: number;
  diskWritten: number;
  netReceived: number;
  netSent: number;
  /** null if the hypervisor doesn't count them. */
  hypercalls: number | null;
  events: number | null;
  pageFaults: number | null;
  instructions: number | null;
  /** Exits from guest code to the hypervisor, by EXIT_* (core/machine/cpu/exits.ts). */
  exits: number[] | null;
  vcpus: VcpuStatistics[];
}

/** What a domain has asked of the hypervisor since it was created. */
export interface DomainCounts extends DomainCalls {
  domid: number;
  /** The time at which it was read, in nanoseconds since power-on. */
  time: number;
}

export interface PcpuStatistics {
  pcpu: number;
  /** The nanoseconds spent idle. */
  idleTime: number;
}

export interface StatisticsSnapshot {
  /** Nanoseconds since the host's power-on. */
  time: number;
  totalMemoryMiB: number;
  freeMemoryMiB: number;
  domains: DomainStatistics[];
  pcpus: PcpuStatistics[];
}

/** Addresses and sizes are in bytes. */
export interface BootBuilt {
  memory: MemoryLayout;
  freeFrames: number;
  /** dom0's memory and its start-of-day page, as struct start_info describes them. */
  dom0: {
    from: number;
    to: number;
    startInfo: number;
    magic: string;
    pages: number;
    sharedInfo: number;
    flags: number;
  };
  storeNodes: number;
}

/** Requests: name → arguments and result. */
export interface HostRequests {
  hostInfo: { args: Record<string, never>; result: HostInfo };
  dmesg: { args: { clear?: boolean }; result: string };
  statistics: { args: Record<string, never>; result: StatisticsSnapshot };
  domainCounts: { args: { domid: number }; result: DomainCounts };
  /** The number of violations of the hypervisor's invariants (references = mappings, ports paired, ...). The Xen console describes them. */
  checkInvariants: { args: Record<string, never>; result: number };
  /** The machine address of the hypervisor's counters (core/hypervisor/abi/native.ts), for threads that share the machine's memory. */
  statisticsArea: { args: Record<string, never>; result: { address: number } };
  /** The machine address of the trace buffers (core/hypervisor/abi/trace.ts), which are made when they are first asked for. */
  traceBuffers: { args: Record<string, never>; result: { address: number } };
  /** Whether the hypercalls of the domain are recorded in them. */
  traceDomain: { args: { domid: number; on: boolean }; result: null };
  debugKeys: { args: { keys: string }; result: null };
  schedulerParameters: { args: Record<string, never>; result: SchedulerParameters };
  frameMap: { args: Record<string, never>; result: FrameMap };
  bootBuilt: { args: Record<string, never>; result: BootBuilt };
  /** The context switches after `since`, in nanoseconds since power-on, and the present time. */
  switches: { args: { since: number }; result: { time: number; pcpus: PcpuSwitches[] } };
  /** Asks every guest to power off, destroys what is left when the time is over, and then shuts the host down. */
  hostShutdown: { args: { reboot?: boolean; graceMilliseconds: number }; result: null };
}
