/**
 * The guest's data pages. They are mapped while a request uses them, or permanently where the frontend has promised to use the same ones again
 * (feature-persistent), so that a request costs no hypercall.
 */
import type { GrantMap, MappedGrant } from "../../kernel/grants.ts";

/** Linux's blkback keeps as many for each device. */
export const MOST_PERSISTENT = 1056;

/** The pages of one request, and which of them are to be unmapped with it. */
export interface HeldPages {
  /** Machine addresses, in the order of the references that were asked for. */
  addresses: number[];
  transient: MappedGrant[];
}

export class DataGrants {
  readonly #grants: GrantMap;
  readonly #domid: number;
  readonly #isPersistent: boolean;
  readonly #kept = new Map<number, MappedGrant>();
  /** Number of pages that are mapped only for requests under way. */
  #transient = 0;

  constructor(grants: GrantMap, domid: number, isPersistent: boolean) {
    this.#grants = grants;
    this.#domid = domid;
    this.#isPersistent = isPersistent;
  }

  get persistent(): number {
    return this.#kept.size;
  }

  /** Number of all pages that are mapped now. */
  get mapped(): number {
    return this.#kept.size + this.#transient;
  }

  /**
   * Maps those pages that are not mapped yet, in one hypercall. `readonly`: the request only reads them. Throws GrantError, and then holds none of
   * them.
   */
  hold(refs: readonly number[], readonly: boolean): HeldPages {
    const missing = [...new Set(refs.filter((ref) => !this.#kept.has(ref)))];
    // A page that is kept is mapped writable, whatever this request does, because the next request may write to it.
    const maps = missing.length ? this.#grants.mapAll(this.#domid, missing, readonly && !this.#isPersistent) : [];
    const transient: MappedGrant[] = [];
    const found = new Map<number, number>();
    for (const map of maps) {
      found.set(map.ref, map.address);
      if (this.#isPersistent && this.#kept.size < MOST_PERSISTENT) this.#kept.set(map.ref, map);
      else transient.push(map);
    }
    this.#transient += transient.length;
    return { addresses: refs.map((ref) => found.get(ref) ?? this.#kept.get(ref)!.address), transient };
  }

  release({ transient }: HeldPages): void {
    if (!transient.length) return;
    this.#transient -= transient.length;
    this.#grants.unmapAll(transient);
  }

  /** Unmaps everything. No request may be under way. */
  close(): void {
    const kept = [...this.#kept.values()];
    this.#kept.clear();
    if (kept.length) this.#grants.unmapAll(kept);
  }
}
