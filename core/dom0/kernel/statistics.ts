/** What the hypervisor counts, read from its own structures without a hypercall for each number (hypervisor/abi/native.ts). */
import { HYPERVISOR_arch_7 } from "../../abi/xen.ts";
import * as area from "../../hypervisor/abi/native.ts";
import { callsByNumber, domainAt } from "./calls-by-number.ts";
import type { Hypercalls } from "./hypercalls.ts";
import type { PhysicalMemory } from "./memory.ts";

/** Counts since the domain was created. A number above 2^53 would lose its last bits. */
export interface DomainCounters {
  hypercalls: number;
  /** Events that were made pending for it. */
  events: number;
  /** Page faults that were passed to its kernel. */
  pageFaults: number;
  /** Guest instructions that were retired on all its vCPUs. */
  instructions: number;
  /** Exits from guest code to the hypervisor on all its vCPUs, by EXIT_* (core/machine/cpu/exits.ts). */
  exits: number[];
  /** By vCPU; null for one that was not made. */
  runstates: (RunstateTimes | null)[];
}

/** The nanoseconds that a vCPU has spent in each RUNSTATE_*, including the present one up to now. */
export interface RunstateTimes {
  running: number;
  runnable: number;
  blocked: number;
  offline: number;
}

/** What one domain has asked of the hypervisor since it was created. Times are nanoseconds since power-on. */
export interface DomainCalls extends Omit<DomainCounters, "runstates"> {
  created: number;
  /** The nanoseconds for which its vCPUs have run. */
  cpuTime: number;
  /** In the order of callsByNumber(). */
  calls: number[];
}

export class StatisticsArea {
  readonly #memory: PhysicalMemory;
  readonly #view: DataView;
  readonly #address: number;

  /** Throws HypercallError if the caller may not read it. */
  constructor(hypercalls: Hypercalls) {
    this.#memory = hypercalls.memory;
    this.#view = new DataView(hypercalls.memory.memory.buffer);
    this.#address = hypercalls.call("statistics area", HYPERVISOR_arch_7, area.NATIVE_statistics);
    if (this.#memory.get32(this.#address + area.STATISTICS_MAGIC) !== area.STATISTICS_MAGIC_VALUE)
      throw new Error("the hypervisor's statistics area is not where it says");
  }

  /** Returns the counters of every domain that is in the list now, by domid. `now` is in nanoseconds since power-on. */
  domains(now: number): Map<number, DomainCounters> {
    const found = new Map<number, DomainCounters>();
    const memory = this.#memory;
    // A domain that goes away while this runs keeps its structure for two seconds, including its link.
    let at = memory.get32(this.#address + area.STATISTICS_DOMAINS);
    while (at !== 0) {
      found.set(memory.get32(at + area.DOMAIN_DOMID), this.#countersAt(at, now));
      at = memory.get32(at + area.DOMAIN_NEXT);
    }
    return found;
  }

  /** Returns null if there is no such domain. */
  callsOf(domid: number, now: number): DomainCalls | null {
    const at = domainAt(this.#view, this.#address, domid);
    if (at === 0) return null;
    const { runstates, ...counted } = this.#countersAt(at, now);
    return {
      ...counted,
      created: Number(this.#memory.get64(at + area.DOMAIN_CREATED)),
      cpuTime: runstates.reduce((sum, times) => sum + (times?.running ?? 0), 0),
      calls: callsByNumber(this.#view, at),
    };
  }

  /** `at`: the address of the domain's structure. */
  #countersAt(at: number, now: number): DomainCounters {
    const memory = this.#memory;
    const counters: DomainCounters = {
      hypercalls: Number(memory.get64(at + area.DOMAIN_HYPERCALLS)),
      events: Number(memory.get64(at + area.DOMAIN_EVENTS_RECEIVED)),
      pageFaults: 0,
      instructions: 0,
      exits: Array<number>(area.EXIT_CAUSES).fill(0),
      runstates: [],
    };
    const table = memory.get32(at + area.DOMAIN_VCPUS);
    const vcpus = memory.get32(at + area.DOMAIN_MAX_VCPUS);
    for (let i = 0; i < vcpus; i++) {
      const vcpu = memory.get32(table + 4 * i);
      counters.runstates.push(vcpu === 0 ? null : this.#runstates(vcpu, now));
      if (vcpu === 0) continue;
      counters.pageFaults += Number(memory.get64(vcpu + area.VCPU_PAGE_FAULTS));
      counters.pageFaults += Number(memory.get64(vcpu + area.VCPU_OWN_PAGE_FAULTS));
      counters.instructions += Number(memory.get64(vcpu + area.VCPU_RETIRED));
      for (let cause = 0; cause < area.EXIT_CAUSES; cause++)
        counters.exits[cause]! += Number(memory.get64(vcpu + area.VCPU_EXITS + 8 * cause));
    }
    return counters;
  }

  /** They are read again if the vCPU has changed its state meanwhile. */
  #runstates(vcpu: number, now: number): RunstateTimes {
    const memory = this.#memory;
    for (;;) {
      const since = memory.get64(vcpu + area.VCPU_RUNSTATE_SINCE);
      const state = memory.get32(vcpu + area.VCPU_RUNSTATE);
      const times = [0, 1, 2, 3].map((i) => Number(memory.get64(vcpu + area.VCPU_RUNSTATE_TIMES + 8 * i)));
      if (memory.get64(vcpu + area.VCPU_RUNSTATE_SINCE) !== since) continue;
      times[state & 3]! += Math.max(0, now - Number(since));
      const [running, runnable, blocked, offline] = times as [number, number, number, number];
      return { running, runnable, blocked, offline };
    }
  }
}
