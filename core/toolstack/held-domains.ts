/**
 * The memory of domains that dom0 holds for a moment so that others can be made of it at once, without writing or reading a file. Only this one copy
 * is shared. Each domain that goes on from it has frames of its own, because the page tables of a PV guest name machine frames, and no others than
 * those of its own domain.
 */
import { freemem } from "node:os";
import { takeFrom } from "../dom0/saved/stream.ts";
import { Refusal } from "./error.ts";
import type { CreateResult, RestoreAs } from "./messages.ts";
import type { SavedDomain, Saving } from "./saving.ts";

/** The share of the computer's free memory that may be held. The frames of the copies are taken from that memory too. */
const MOST_SHARE = 0.5;

export interface HeldDomain extends Omit<SavedDomain, "stream"> {
  /** The stream of ../dom0/saved, in pieces. */
  pieces: readonly Uint8Array[];
}

export class HeldDomains {
  readonly #held = new Map<string, HeldDomain>();

  /** Throws Refusal if there is no room for it, before anything is done. */
  check(name: string, held: string, bytes: number, copies: number, freeBytes: number): void {
    if (this.#held.has(held)) throw new Refusal("EEXIST", "Something is held under that name already.");
    if (bytes * copies > freeBytes)
      throw new Refusal(
        "ENOMEM",
        `${copies} ${copies === 1 ? "copy" : "copies"} of ${name} want ${mib(bytes * copies)} MiB of memory and the host has ${mib(freeBytes)} MiB free. Make fewer, or power the host on with more.`,
      );
    if (bytes > freemem() * MOST_SHARE)
      throw new Refusal(
        "ENOMEM",
        `${name} has ${mib(bytes)} MiB of memory, too much to be held beside it on this computer: take a snapshot of it and clone that.`,
      );
  }

  add(held: string, domain: HeldDomain): void {
    this.#held.set(held, domain);
  }

  /** Makes another domain of it, which is paused. Throws Refusal. */
  continue(saving: Saving, held: string, as: Required<RestoreAs>): Promise<CreateResult> {
    const found = this.#held.get(held);
    if (!found) throw new Refusal("ESRCH", "Nothing is held under that name.");
    const { pieces, ...rest } = found;
    const stream = takeFrom(
      (async function* () {
        yield* pieces;
      })(),
    );
    return saving.continue(as.name, { ...rest, stream }, true, as);
  }

  forget(held: string): void {
    this.#held.delete(held);
  }
}

function mib(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
