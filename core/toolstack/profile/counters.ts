/** The counters of the machine and of the hypervisor, read where they lie (layout.ts, hypervisor/abi/native.ts). */
import * as area from "../../hypervisor/abi/native.ts";
import * as layout from "../../machine/layout.ts";
import type { DomainCounts, TlbCounts } from "./samples.ts";

const HYPERCALLS = 64;

export class Counters {
  readonly #view: DataView;
  readonly #area: number;

  /** `statistics`: the machine address of the hypervisor's statistics area. */
  constructor(memory: WebAssembly.Memory, statistics: number) {
    this.#view = new DataView(memory.buffer);
    this.#area = statistics;
  }
  get pcpus(): number {
    return this.#word(this.#area + area.STATISTICS_PCPUS);
  }

  #word(at: number): number {
    return this.#view.getUint32(at, true);
  }
  #long(at: number): number {
    return Number(this.#view.getBigUint64(at, true));
  }
  #longs(at: number, count: number): number[] {
    return Array.from({ length: count }, (_, n) => this.#long(at + 8 * n));
  }

  /** Returns the address of the vCPU on a pCPU, or 0 if there is none. */
  currentVcpu(pcpu: number): number {
    const table = this.#word(this.#area + area.STATISTICS_PCPU_TABLE);
    const stride = this.#word(this.#area + area.STATISTICS_PCPU_STRIDE);
    return this.#word(table + pcpu * stride + area.PCPU_CURRENT);
  }

  /** Returns the machine addresses of the domains that are in the list now, without dom0. */
  domains(): number[] {
    const found: number[] = [];
    for (let at = this.#word(this.#area + area.STATISTICS_DOMAINS); at !== 0; at = this.#word(at + area.DOMAIN_NEXT))
      if (this.#word(at + area.DOMAIN_DOMID) !== 0) found.push(at);
    return found;
  }

  domain(at: number): DomainCounts {
    const counts: DomainCounts = {
      domid: this.#word(at + area.DOMAIN_DOMID),
      vcpus: 0,
      instructions: 0,
      pageFaults: 0,
      exits: Array<number>(area.EXIT_CAUSES).fill(0),
      hypercalls: this.#longs(at + area.DOMAIN_HYPERCALLS_BY_NUMBER, HYPERCALLS),
    };
    const table = this.#word(at + area.DOMAIN_VCPUS);
    const vcpus = this.#word(at + area.DOMAIN_MAX_VCPUS);
    for (let n = 0; n < vcpus; n++) {
      const vcpu = this.#word(table + 4 * n);
      if (vcpu === 0) continue;
      counts.vcpus++;
      counts.instructions += this.#long(vcpu + area.VCPU_RETIRED);
      counts.pageFaults += this.#long(vcpu + area.VCPU_PAGE_FAULTS) + this.#long(vcpu + area.VCPU_OWN_PAGE_FAULTS);
      const exits = this.#longs(vcpu + area.VCPU_EXITS, area.EXIT_CAUSES);
      exits.forEach((count, n) => (counts.exits[n]! += count));
    }
    return counts;
  }

  tlb(): TlbCounts {
    const sum = { walks: 0, flushes: 0, pageFlushes: 0 };
    for (let pcpu = 0; pcpu < this.pcpus; pcpu++) {
      const at = layout.ACTIVITY + pcpu * layout.ACTIVITY_SIZE;
      sum.walks += this.#long(at + layout.ACTIVITY_WALKS);
      sum.flushes += this.#long(at + layout.ACTIVITY_FLUSHES);
      sum.pageFlushes += this.#long(at + layout.ACTIVITY_PAGE_FLUSHES);
    }
    return sum;
  }
}
