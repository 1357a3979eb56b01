/** What `xl list`, `vcpu-list`, `info` and the graphs show, read from the hypervisor. */
import { XEN_DOMINF_blocked, XEN_DOMINF_dying, XEN_DOMINF_paused, XEN_DOMINF_running } from "../abi/domctl.ts";
import { HypercallError } from "../dom0/kernel/errno.ts";
import { guestTypeOf } from "../dom0/kernel/hypercalls/domains.ts";
import type { StatisticsArea } from "../dom0/kernel/statistics.ts";
import type { DomainInfoRecord, Hypercalls } from "../dom0/kernel/hypercalls.ts";
import { cpusText } from "./cpu-list.ts";
import type { BackendDevices } from "../dom0/xenbus/devices.ts";
import type { StoreMemory } from "./domain-store.ts";
import type { ManagedDomain } from "./lifecycle.ts";
import { shutdownCode, shutdownReason } from "./stop-reason.ts";
import { Refusal } from "./error.ts";
import type { DomainCounts, DomainInfo, HostInfo, StatisticsSnapshot, VcpuInfo } from "./messages.ts";

const SCHEDULERS: Record<number, string> = {
  4: "sedf",
  5: "credit",
  6: "credit2",
  7: "arinc653",
  8: "rtds",
  9: "null",
};
const PAGES_PER_MIB = 256;
const NANOSECONDS = 1e9;

const NOT_COUNTED = { hypercalls: null, events: null, pageFaults: null, instructions: null, exits: null };

export class Reports {
  readonly #hypercalls: Hypercalls;
  readonly #domains: ReadonlyMap<number, ManagedDomain>;
  readonly #now: () => number;
  readonly #area: StatisticsArea | null;
  readonly #storeMemory: (domid: number) => StoreMemory;
  readonly #backends: Pick<BackendDevices, "bytes">;
  readonly #startedAt = Date.now();
  /** Returns why a domain is kept from running. */
  readonly #held: (domid: number) => string | null;
  readonly #isShell: (domid: number) => boolean;

  /**
   * `now` returns the nanoseconds since power-on. `area` is null if the hypervisor has no counters to read. `isShell` says of which domains of the
   * hypervisor none of its users' is made yet (held-domains.ts): they are in no list, and only what is free of the host's memory tells of them.
   */
  constructor(
    hypercalls: Hypercalls,
    domains: ReadonlyMap<number, ManagedDomain>,
    now: () => number,
    area: StatisticsArea | null,
    storeMemory: (domid: number) => StoreMemory,
    backends: Pick<BackendDevices, "bytes">,
    held: (domid: number) => string | null,
    isShell: (domid: number) => boolean,
  ) {
    this.#held = held;
    this.#isShell = isShell;
    this.#backends = backends;
    this.#storeMemory = storeMemory;
    this.#area = area;
    this.#hypercalls = hypercalls;
    this.#domains = domains;
    this.#now = now;
  }

  /** Nanoseconds since power-on. */
  now(): number {
    return this.#now();
  }

  name(domid: number): string {
    return domid === 0 ? "Domain-0" : (this.#domains.get(domid)?.name ?? `(domain ${domid})`);
  }

  /** Returns the domid for the name of a domain or for the digits of a domid, or null if there is none. */
  find(domain: string | number): number | null {
    // A number is a domid, whatever domains are called, as in libxl.
    const wanted = String(domain);
    const found = this.list().find(({ name, domid }) =>
      /^\d+$/.test(wanted) ? domid === Number(wanted) : name === wanted,
    );
    return found?.domid ?? null;
  }

  list(): DomainInfo[] {
    return this.#listed().map((record) => this.#describe(record));
  }

  #listed(): DomainInfoRecord[] {
    return this.#hypercalls.host.listDomains().filter(({ domid }) => this.#domains.has(domid) || !this.#isShell(domid));
  }

  #describe(record: DomainInfoRecord): DomainInfo {
    const { domid, flags } = record;
    const managed = this.#domains.get(domid);
    const reason = shutdownReason(flags);
    const has = (flag: number): boolean => (flags & flag) !== 0;
    const state = {
      running: has(XEN_DOMINF_running),
      blocked: has(XEN_DOMINF_blocked),
      paused: has(XEN_DOMINF_paused),
      shutdown: reason !== null,
      crashed: reason === "crash",
      dying: has(XEN_DOMINF_dying),
    };
    return {
      domid,
      uuid: record.handle,
      name: this.name(domid),
      type: domid === 0 ? "native" : (managed?.type ?? guestTypeOf(record)),
      state,
      stateString: (["running", "blocked", "paused", "shutdown", "crashed", "dying"] as const)
        .map((name) => (state[name] ? name.charAt(0) : "-"))
        .join(""),
      shutdownReason: reason,
      shutdownCode: shutdownCode(flags),
      memoryMiB: record.totPages / PAGES_PER_MIB,
      maxmemMiB: record.maxPages / PAGES_PER_MIB,
      vcpus: record.maxVcpuId + 1,
      onlineVcpus: record.onlineVcpus,
      cpuTimeSeconds: record.cpuTime / NANOSECONDS,
      config: managed?.config ?? null,
      createdAt: managed?.createdAt ?? this.#startedAt,
      held: this.#held(domid),
    };
  }

  vcpuList(only?: number): VcpuInfo[] {
    const records = this.#listed().filter(({ domid }) => only === undefined || domid === only);
    return records.flatMap((record) => this.#vcpus(record));
  }

  #vcpus({ domid, maxVcpuId, flags }: DomainInfoRecord): VcpuInfo[] {
    const vcpus: VcpuInfo[] = [];
    const pcpus = this.#hypercalls.host.physicalInfo().nrCpus;
    for (let vcpu = 0; vcpu <= maxVcpuId; vcpu++) {
      try {
        const info = this.#hypercalls.vcpus.info(domid, vcpu);
        const affinity = this.#hypercalls.vcpus.getAffinity(domid, vcpu);
        const paused = (flags & XEN_DOMINF_paused) !== 0 || !info.online;
        vcpus.push({
          domid,
          name: this.name(domid),
          vcpu,
          pcpu: info.online && domid !== 0 ? info.cpu : null,
          stateString: `${info.running ? "r" : "-"}${info.blocked ? "b" : "-"}${paused ? "p" : "-"}`,
          cpuTimeSeconds: info.cpuTime / NANOSECONDS,
          hardAffinity: cpusText(affinity.hard, pcpus),
          softAffinity: cpusText(affinity.soft, pcpus),
        });
      } catch (error) {
        // This vCPU was never made, or its domain has gone meanwhile.
        if (!(error instanceof HypercallError)) throw error;
      }
    }
    return vcpus;
  }

  hostInfo(): HostInfo {
    const { major, minor } = this.#hypercalls.host.version();
    const extra = this.#hypercalls.host.extraVersion();
    const compile = this.#hypercalls.host.compileInfo();
    const physical = this.#hypercalls.host.physicalInfo();
    return {
      release: `${major}.${minor}${extra}`,
      xenMajor: major,
      xenMinor: minor,
      xenExtra: extra,
      xenCaps: this.#hypercalls.host.capabilities(),
      xenScheduler: SCHEDULERS[this.#hypercalls.host.schedulerId()] ?? "unknown",
      xenPagesize: 4096,
      platformParams: `virt_start=0x${this.#hypercalls.host.platformParameters().toString(16)}`,
      xenChangeset: this.#hypercalls.host.changeset(),
      xenCommandline: this.#hypercalls.host.commandLine(),
      ccCompiler: compile.compiler,
      ccCompileBy: compile.by,
      ccCompileDomain: compile.domain,
      ccCompileDate: compile.date,
      nrCpus: physical.nrCpus,
      maxCpuId: physical.maxCpuId,
      nrNodes: physical.nrNodes,
      coresPerSocket: physical.coresPerSocket,
      threadsPerCore: physical.threadsPerCore,
      cpuMhz: physical.cpuKhz / 1000,
      totalMemoryMiB: Math.floor(physical.totalPages / PAGES_PER_MIB),
      freeMemoryMiB: Math.floor(physical.freePages / PAGES_PER_MIB),
    };
  }

  /** Throws Refusal ESRCH if there is no such domain. */
  counts(domid: number): DomainCounts {
    const time = this.#now();
    const counts = this.#area?.callsOf(domid, time);
    if (!counts) throw new Refusal("ESRCH", `There is no domain ${domid} to count for.`);
    return { domid, time, ...counts };
  }

  statistics(): StatisticsSnapshot {
    const physical = this.#hypercalls.host.physicalInfo();
    const time = this.#now();
    const counters = this.#area?.domains(time);
    const domains = this.#listed().map((record) => {
      const { domid } = record;
      const { runstates, ...counted } = counters?.get(domid) ?? { ...NOT_COUNTED, runstates: [] };
      const vcpus = [];
      for (let vcpu = 0; vcpu <= record.maxVcpuId; vcpu++) {
        try {
          const info = this.#hypercalls.vcpus.info(domid, vcpu);
          vcpus.push({ vcpu, online: info.online, cpuTime: info.cpuTime, runstates: runstates[vcpu] ?? null });
        } catch (error) {
          if (!(error instanceof HypercallError)) throw error;
        }
      }
      const [disk, net] = [this.#backends.bytes(domid, "disk"), this.#backends.bytes(domid, "network")];
      return {
        domid,
        uuid: record.handle,
        name: this.name(domid),
        diskRead: disk.in,
        diskWritten: disk.out,
        netReceived: net.in,
        netSent: net.out,
        cpuTime: record.cpuTime,
        memoryPages: record.totPages,
        maxPages: record.maxPages,
        ...this.#storeMemory(domid),
        ...counted,
        vcpus,
      };
    });
    return {
      time,
      totalMemoryMiB: Math.floor(physical.totalPages / PAGES_PER_MIB),
      freeMemoryMiB: Math.floor(physical.freePages / PAGES_PER_MIB),
      domains,
      pcpus: this.#hypercalls.host.cpuIdleTimes().map((idleTime, pcpu) => ({ pcpu, idleTime })),
    };
  }
}
