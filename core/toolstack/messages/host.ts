/** What is said of the host as a whole: its figures, its log, how it came up, its power. */
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

/** Counters are since the domain (or host) began; times in nanoseconds. A reader takes differences. */
export interface VcpuStatistics {
  vcpu: number;
  online: boolean;
  cpuTime: number;
  /** Nanoseconds in each runstate, up to now; null where the hypervisor's counters can't be read. */
  runstates: { running: number; runnable: number; blocked: number; offline: number } | null;
}

export interface DomainStatistics {
  domid: number;
  uuid: string;
  name: string;
  cpuTime: number;
  memoryPages: number;
  maxPages: number;
  /** What xenstore has of its memory: the target of its balloon driver and the most it was created for; null where it has none. */
  memoryTargetMiB: number | null;
  staticMaxMiB: number | null;
  /** Bytes that went through its disks and networks, as the backends here counted them. */
  diskRead: number;
  diskWritten: number;
  netReceived: number;
  netSent: number;
  /** null where the hypervisor doesn't count it. */
  hypercalls: number | null;
  events: number | null;
  pageFaults: number | null;
  instructions: number | null;
  /** Exits from guest code to the hypervisor by EXIT_* (core/machine/cpu/exits.ts). */
  exits: number[] | null;
  vcpus: VcpuStatistics[];
}

/** What a domain has asked of the hypervisor since it was created. */
export interface DomainCounts extends DomainCalls {
  domid: number;
  /** When it was read, nanoseconds since power-on. */
  time: number;
}

export interface PcpuStatistics {
  pcpu: number;
  /** Nanoseconds spent idle. */
  idleTime: number;
}

export interface StatisticsSnapshot {
  /** Nanoseconds since host power-on. */
  time: number;
  totalMemoryMiB: number;
  freeMemoryMiB: number;
  domains: DomainStatistics[];
  pcpus: PcpuStatistics[];
}

/** Addresses and sizes in bytes. */
export interface BootBuilt {
  memory: MemoryLayout;
  freeFrames: number;
  /** dom0's memory and its start-of-day page, as struct start_info has it. */
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
  /** Violations of the hypervisor's invariants (references = mappings, ports paired, ...), described on the Xen console. */
  checkInvariants: { args: Record<string, never>; result: number };
  /** Machine address of the hypervisor's counters (core/hypervisor/abi/native.ts), for who shares the machine's memory. */
  statisticsArea: { args: Record<string, never>; result: { address: number } };
  /** Machine address of the trace buffers (core/hypervisor/abi/trace.ts), made when first asked for. */
  traceBuffers: { args: Record<string, never>; result: { address: number } };
  /** Whether the domain's hypercalls are recorded in them. */
  traceDomain: { args: { domid: number; on: boolean }; result: null };
  debugKeys: { args: { keys: string }; result: null };
  schedulerParameters: { args: Record<string, never>; result: SchedulerParameters };
  frameMap: { args: Record<string, never>; result: FrameMap };
  bootBuilt: { args: Record<string, never>; result: BootBuilt };
  /** Context switches from `since` on, in nanoseconds since power-on, and the time now. */
  switches: { args: { since: number }; result: { time: number; pcpus: PcpuSwitches[] } };
  /** Asks every guest to power off, destroys what is left after the time, then shuts the host down. */
  hostShutdown: { args: { reboot?: boolean; graceMilliseconds: number }; result: null };
}
