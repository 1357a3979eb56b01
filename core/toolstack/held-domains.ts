/**
 * Copies of domains that dom0 holds for a moment, until each goes on as a domain of its own: domains of the hypervisor that have the memory of that
 * moment, and no name yet. No file is written or read. What PVH domains have they share, copy-on-write (../dom0/saved/copies.ts).
 */
import type { Copies } from "../dom0/saved/copies.ts";
import { HypercallError } from "../dom0/kernel/errno.ts";
import { SaveError } from "../dom0/saved/p2m.ts";
import { Refusal } from "./error.ts";
import type { Emit } from "./lifecycle.ts";
import type { CreateResult, DomainConfig, RestoreAs } from "./messages.ts";
import type { SavedDomain, SavedMemory, Saving } from "./saving.ts";
import type { Shell, Shells } from "./shells.ts";

interface HeldDomain extends SavedDomain {
  copies: Copies;
  /** The domids of those that nothing has been made of yet. */
  shells: number[];
  /** All have their memory. Rejects where one can't have it; then nothing can be made of any. */
  filled: Promise<void>;
  isForgotten: boolean;
}

export class HeldDomains {
  readonly #maker: Pick<Shells, "make" | "drop">;
  readonly #emit: Emit;
  readonly #held = new Map<string, HeldDomain>();
  /** The domids of all that are no domains of anybody's yet. */
  readonly #shells = new Set<number>();

  constructor(maker: Pick<Shells, "make" | "drop">, emit: Emit) {
    this.#maker = maker;
    this.#emit = emit;
  }

  /** Whether that is a copy that has no name yet. It is no domain that anybody has made, and is in no list. */
  isShell(domid: number): boolean {
    return this.#shells.has(domid);
  }

  /** Throws Refusal where there is no room for it, before anything is done. */
  check(name: string, held: string, bytes: number, copies: number, freeBytes: number): void {
    if (this.#held.has(held)) throw new Refusal("EEXIST", "Something is held under that name already.");
    if (bytes * copies > freeBytes)
      throw new Refusal(
        "ENOMEM",
        `${copies} ${copies === 1 ? "copy" : "copies"} of ${name} want ${mib(bytes * copies)} MiB of memory and the host has ${mib(freeBytes)} MiB free. Make fewer, or power the host on with more.`,
      );
  }

  /**
   * Makes `count` copies. Resolves when the domain may go on: when one has its memory, of which the others get theirs from then on. Whatever comes of this,
   * forget() is to follow. Throws Refusal, and what `wanted` is aborted with.
   */
  async hold(
    held: string,
    { config, ...rest }: SavedDomain & { config: DomainConfig },
    copiesOf: () => Copies,
    count: number,
    wanted: AbortSignal,
  ): Promise<void> {
    const { name } = rest.header;
    const copies = await refusing(name, copiesOf);
    const found: HeldDomain = { ...rest, copies, shells: [], filled: Promise.resolve(), isForgotten: false };
    this.#held.set(held, found);
    const fill = (alive: () => void): Promise<void> =>
      refusing(name, () => {
        alive();
        const domid = this.#maker.make(config, Math.ceil(rest.header.memoryMiB * 256));
        found.shells.push(domid);
        this.#shells.add(domid);
        return copies.fill(domid, alive);
      });
    await fill(() => wanted.throwIfAborted());
    found.filled = (async () => {
      for (let i = 1; i < count; i++)
        await fill(() => {
          if (found.isForgotten) throw new Refusal("ECANCELED", "The copies are not wanted any more.");
        });
    })();
    // Who goes on with one of them hears of it.
    found.filled.catch(() => {});
  }

  /** One of them as a domain, paused. Throws Refusal. */
  async continue(saving: Saving, held: string, as: Required<RestoreAs>): Promise<CreateResult> {
    const found = this.#held.get(held);
    if (!found) throw new Refusal("ESRCH", "Nothing is held under that name.");
    const { copies, shells, filled } = found;
    await filled;
    const domid = shells.shift();
    if (domid === undefined) throw new Refusal("ESRCH", "All copies that were held go on already.");
    let isTaken = false;
    const shell: Shell = {
      take: () => {
        isTaken = true;
        return domid;
      },
    };
    const memory: SavedMemory = { shell, complete: (request) => Promise.resolve(copies.complete(request)) };
    try {
      return await saving.continue(as.name, found, memory, true, as);
    } catch (error) {
      if (!isTaken) this.#drop(domid, found);
      if (error instanceof SaveError) throw new Refusal("EINVAL", error.message);
      throw error;
    } finally {
      this.#shells.delete(domid);
    }
  }

  /** Those of which nothing was made end. It never throws. */
  async forget(held: string): Promise<void> {
    const found = this.#held.get(held);
    if (!found) return;
    this.#held.delete(held);
    found.isForgotten = true;
    await found.filled.catch(() => {});
    for (const domid of found.shells.splice(0)) this.#drop(domid, found);
  }

  /** Ends a copy that nothing was made of. One that can't be ended is told of and listed, and is in the way of nothing else. */
  #drop(domid: number, { header }: HeldDomain): void {
    this.#shells.delete(domid);
    try {
      this.#maker.drop(domid);
    } catch (error) {
      const why =
        error instanceof HypercallError ? `the hypervisor refused ${error.message}` : (error as Error).message;
      const message = `Domain ${domid}, a copy of ${header.name} that nothing was made of, can't be ended: ${why}. It keeps its memory until the host is powered off.`;
      this.#emit("notice", { severity: "error", message, domid });
    }
  }
}

/** Throws what the hypervisor or the guest's memory stands against copies with as a Refusal. */
async function refusing<T>(name: string, act: () => T | Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof HypercallError)
      throw new Refusal(error.code, `${name} can't be copied: the hypervisor refused ${error.message}.`);
    if (error instanceof SaveError) throw new Refusal("EINVAL", error.message);
    throw error;
  }
}

function mib(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
