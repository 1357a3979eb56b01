/**
 * Copies of domains that dom0 holds for a moment, until each goes on as a domain of its own: domains of the hypervisor that have the memory of that
 * moment, and no name yet. No file is written or read. What PVH domains have they share, copy-on-write (../dom0/saved/copies.ts).
 */
import type { Copies } from "../dom0/saved/copies.ts";
import { SaveError } from "../dom0/saved/p2m.ts";
import { Refusal } from "./error.ts";
import type { Lifecycle, Shell } from "./lifecycle.ts";
import type { CreateResult, DomainConfig, RestoreAs } from "./messages.ts";
import type { SavedDomain, SavedMemory, Saving } from "./saving.ts";

interface HeldDomain extends SavedDomain {
  copies: Copies;
  /** The domids of those that nothing has been made of yet. */
  shells: number[];
}

export class HeldDomains {
  readonly #lifecycle: Pick<Lifecycle, "shell" | "dropShell">;
  readonly #held = new Map<string, HeldDomain>();

  constructor(lifecycle: Pick<Lifecycle, "shell" | "dropShell">) {
    this.#lifecycle = lifecycle;
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
   * Makes `count` copies. The domain may go on when `copied` is called, which is when one has its memory. Whatever comes of this, forget() is to follow.
   * Throws Refusal, SaveError, HypercallError, and what `wanted` is aborted with.
   */
  async hold(
    held: string,
    { config, ...rest }: SavedDomain & { config: DomainConfig },
    copies: Copies,
    count: number,
    { copied, wanted }: { copied: () => void; wanted: AbortSignal },
  ): Promise<void> {
    const shells: number[] = [];
    this.#held.set(held, { ...rest, copies, shells });
    for (let i = 0; i < count; i++) {
      wanted.throwIfAborted();
      const domid = this.#lifecycle.shell(config, Math.ceil(rest.header.memoryMiB * 256));
      shells.push(domid);
      await copies.fill(domid, () => wanted.throwIfAborted());
      copied();
    }
  }

  /** One of them as a domain, paused. Throws Refusal. */
  async continue(saving: Saving, held: string, as: Required<RestoreAs>): Promise<CreateResult> {
    const found = this.#held.get(held);
    if (!found) throw new Refusal("ESRCH", "Nothing is held under that name.");
    const { copies, shells } = found;
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
      if (!isTaken) this.#lifecycle.dropShell(domid);
      if (error instanceof SaveError) throw new Refusal("EINVAL", error.message);
      throw error;
    }
  }

  /** Those of which nothing was made end. */
  forget(held: string): void {
    const shells = this.#held.get(held)?.shells ?? [];
    this.#held.delete(held);
    for (const domid of shells) this.#lifecycle.dropShell(domid);
  }
}

function mib(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
