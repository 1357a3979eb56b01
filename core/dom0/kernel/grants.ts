/** Frames that other domains granted to this one, mapped while somebody uses them. */
import type { Hypercalls } from "./hypercalls.ts";

/** GNTST_* of public/grant_table.h, by -status. */
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

/** One mapped grant. `address` is the frame's machine address. */
export interface MappedGrant {
  readonly domid: number;
  readonly ref: number;
  readonly address: number;
  readonly handle: number;
}

/** The maps that are held, so that all of a domain's can be let go when it dies. */
export class GrantMap {
  readonly #hypercalls: Hypercalls;
  readonly #held = new Set<MappedGrant>();

  constructor(hypercalls: Hypercalls) {
    this.#hypercalls = hypercalls;
  }

  map(domid: number, ref: number, readonly = false): MappedGrant {
    const { status, handle, address } = this.#hypercalls.mapGrant(domid, ref, readonly);
    if (status !== 0) throw new GrantError(`grant ${ref} of domain ${domid}`, status);
    const grant = { domid, ref, address, handle };
    this.#held.add(grant);
    return grant;
  }

  unmap(grant: MappedGrant): void {
    if (!this.#held.delete(grant)) throw new Error(`grant ${grant.ref} of domain ${grant.domid} is not mapped`);
    const status = this.#hypercalls.unmapGrant(grant.handle, grant.address);
    if (status !== 0) throw new GrantError(`unmapping grant ${grant.ref} of domain ${grant.domid}`, status);
  }

  unmapAll(domid: number): void {
    for (const grant of [...this.#held]) if (grant.domid === domid) this.unmap(grant);
  }
}
