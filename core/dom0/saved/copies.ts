/**
 * Copies of a running domain, made while it stands still: its memory goes from frame to frame inside the host, or is shared, and through no stream. Each
 * copy is a domain that exists already and has nothing: it is filled first, and then completed.
 */

import type { CpuidBit } from "../kernel/hypercalls/domains.ts";

/** What a domain is restored with, whatever its type. */
export interface DomainRestore {
  domid: number;
  /** The number of the domain's vCPUs, and the most pages that it may have. */
  vcpus: number;
  mostPages: number;
  /** What its configuration says of the processor's features. */
  cpuid: readonly CpuidBit[];
  /** Ports of the new domain that are unbound and reserved for dom0. */
  storePort: number;
  consolePort: number;
}

/** What the copies of one domain are made from. */
export interface Copies {
  /**
   * Fills a new domain with the memory of the domain that is copied, which stands still until the first copy is filled; further ones are filled from that
   * one, so all are filled before one is completed. `alive` is called now and then, and may throw.
   */
  fill(domid: number, alive: () => void): Promise<void>;
  /** Makes one that was filled a domain that can go on. Throws SaveError, or HypercallError. */
  complete(request: DomainRestore): { storeMfn: number; consoleMfn: number };
}

/** Milliseconds after which who copies lets the other work of dom0's thread have its turn. */
const TURN_MS = 2;

/** Returns a function that waits for that when it is time. */
export function turns(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < TURN_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    since = performance.now();
  };
}
