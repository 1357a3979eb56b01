/** What the profiler's thread hands over. */
import type { TranslationStatistics } from "../../machine/translator/statistics.ts";

export type Executor = "translated" | "interpreted" | "hypervisor";

/** A place in a domain at which samples found a pCPU. */
export interface Spot {
  executor: Executor;
  domid: number;
  /** A linear address: of the first byte of the region, of the interpreted block, or of the instruction after which the hypervisor was entered. */
  address: bigint;
  samples: number;
}

/** Counts of a domain while it was observed. */
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
  /** The number of all samples: one for each pCPU at each look. */
  samples: number;
  /** Of these, the samples in which the pCPU was idle, and those in which it was in the hypervisor without a vCPU. */
  idle: number;
  hostOnly: number;
  spots: Spot[];
  domains: DomainCounts[];
  tlb: TlbCounts;
  translation: TranslationStatistics;
}
