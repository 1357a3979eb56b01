/** Frames that other domains have granted to this one. They are mapped while somebody uses them. */
import { GNTST_eagain } from "../../abi/grant_table.ts";
import type { Hypercalls } from "./hypercalls.ts";

/** The GNTST_* of public/grant_table.h, by -status. */
const STATUS = [
  "okay",
  "general error",
  "bad domain",
  "bad grant reference",
  "bad map handle",
  "bad virtual address",
  "bad device address",
  "no device space",
  "permission denied",
  "bad page",
  "bad copy argument",
  "address too big",
  "try again",
  "no space",
];

export class GrantError extends Error {
  override readonly name = "GrantError";
  readonly status: number;
  constructor(operation: string, status: number) {
    super(`${operation}: ${STATUS[-status] ?? `GNTST ${status}`}`);
    this.status = status;
  }
}

/** One mapped grant. `address` is the machine address of the frame. */
export interface MappedGrant {
  readonly domid: number;
  readonly ref: number;
  readonly address: number;
  readonly handle: number;
}

/**
 * How many grants of one call are asked for again because their frames have no memory yet. Each time the hypervisor looks at a part of the granter's memory
 * for some, so this is also a bound for the time that a guest can make a backend spend.
 */
const MOST_AGAIN = 64;

/** Maps and unmaps any number of grants with one hypercall. */
export class GrantMap {
  readonly #hypercalls: Hypercalls;

  constructor(hypercalls: Hypercalls) {
    this.#hypercalls = hypercalls;
  }

  map(domid: number, ref: number, readonly = false): MappedGrant {
    return this.mapAll(domid, [ref], readonly)[0]!;
  }

  /** Maps all of them or none. Throws GrantError for the first one that can't be mapped. */
  mapAll(domid: number, refs: readonly number[], readonly = false): MappedGrant[] {
    const results = this.#hypercalls.grants.map(domid, refs, readonly);
    for (let left = MOST_AGAIN; left > 0 && results.some(({ status }) => status === GNTST_eagain);) {
      const late = results.flatMap(({ status }, i) => (status === GNTST_eagain ? [i] : [])).slice(0, left);
      left -= late.length;
      const found = this.#hypercalls.grants.map(
        domid,
        late.map((i) => refs[i]!),
        readonly,
      );
      late.forEach((i, n) => (results[i] = found[n]!));
    }
    const maps = results.map(({ address, handle }, i) => ({ domid, ref: refs[i]!, address, handle }));
    const failed = results.findIndex(({ status }) => status !== 0);
    if (failed < 0) return maps;
    this.#hypercalls.grants.unmap(maps.filter((_, i) => results[i]!.status === 0));
    throw new GrantError(`grant ${refs[failed]} of domain ${domid}`, results[failed]!.status);
  }

  unmap(grant: MappedGrant): void {
    this.unmapAll([grant]);
  }

  unmapAll(grants: readonly MappedGrant[]): void {
    const status = this.#hypercalls.grants.unmap(grants);
    if (status !== 0) throw new GrantError(`unmapping grants of domain ${grants[0]!.domid}`, status);
  }
}
