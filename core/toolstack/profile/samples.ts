/** What the profiler's thread hands over. */
import type { TranslationStatistics } from "../../machine/translator/statistics.ts";

export type Executor = "translated" | "interpreted" | "hypervisor";

/** A place in a domain where samples found a pCPU. */
export interface Spot {
  executor: Executor;
  domid: number;
  /**
   * Linear address: of the region's first byte, of the interpreted block, or of the instruction after which the hypervisor was
   * entered.
   */
  address: bigint;
  samples: number;
}

/** Of a domain, while it was looked at. */
export interface DomainCounts {
  domid: number;
  vcpus: number;
  instructions: number;
  pageFaults: number;
  /** By EXIT_* of core/machine/cpu/exits.ts. */
  exits: number[];
  /** By number. */
  hypercalls: number[];
}

export interface TlbCounts {
  walks: number;
  flushes: number;
  pageFlushes: number;
}

export interface Profile {
  pcpus: number;
  seconds: number;
  /** All of them, one for each pCPU at each look. */
  samples: number;
  /** Of them: the pCPU was idle; it was in the hypervisor with no vCPU. */
  idle: number;
  hostOnly: number;
  spots: Spot[];
  domains: DomainCounts[];
  tlb: TlbCounts;
  translation: TranslationStatistics;
}
