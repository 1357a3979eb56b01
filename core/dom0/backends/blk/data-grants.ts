/**
 * The guest's data pages, mapped while a request uses them, or for good where the frontend has promised to use the same ones again
 * (feature-persistent): then a request costs no hypercall.
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
  /** Of requests under way. */
  #transient = 0;

  constructor(grants: GrantMap, domid: number, isPersistent: boolean) {
    this.#grants = grants;
    this.#domid = domid;
    this.#isPersistent = isPersistent;
  }

  get persistent(): number {
    return this.#kept.size;
  }

  /** All that are mapped now. */
  get mapped(): number {
    return this.#kept.size + this.#transient;
  }

  /** All that are not mapped yet, in one hypercall. `readonly`: the request only reads them. Throws GrantError with none of them held. */
  hold(refs: readonly number[], readonly: boolean): HeldPages {
    const missing = [...new Set(refs.filter((ref) => !this.#kept.has(ref)))];
    // What is kept may be read into by the next request: writable, whatever this one does.
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

  /** No request is under way any more. */
  close(): void {
    const kept = [...this.#kept.values()];
    this.#kept.clear();
    if (kept.length) this.#grants.unmapAll(kept);
  }
}
