/** Domains that a backend keeps from running for a while, with the reason that the user sees. */
import type { DomainHolds } from "../dom0/backends/blk/room.ts";
import type { Hypercalls } from "../dom0/kernel/hypercalls.ts";
import type { Emit } from "./lifecycle.ts";

export class Holds implements DomainHolds {
  readonly #hypercalls: { domains: Pick<Hypercalls["domains"], "pause" | "unpause"> };
  readonly #emit: Emit;
  readonly #changed: () => void;
  /** By domid, and then by the one who holds it. */
  readonly #reasons = new Map<number, Map<string, string>>();

  constructor(
    hypercalls: { domains: Pick<Hypercalls["domains"], "pause" | "unpause"> },
    emit: Emit,
    /** Called when what the list of domains shows has changed. */
    changed: () => void,
  ) {
    this.#hypercalls = hypercalls;
    this.#emit = emit;
    this.#changed = changed;
  }

  /** Returns why the domain is kept from running, or null if it is not. */
  reason(domid: number): string | null {
    return this.#reasons.get(domid)?.values().next().value ?? null;
  }

  hold(domid: number, key: string, reason: string): void {
    const reasons = this.#reasons.get(domid) ?? new Map<string, string>();
    if (reasons.size === 0 && !this.#attempt(() => this.#hypercalls.domains.pause(domid))) return;
    this.#reasons.set(domid, reasons.set(key, reason));
    this.#emit("notice", { severity: "warning", message: reason, domid });
    this.#changed();
  }

  /** Meanwhile the user may have let it run, or the domain may be gone. */
  release(domid: number, key: string): void {
    const reasons = this.#reasons.get(domid);
    if (!reasons?.delete(key) || reasons.size > 0) return;
    this.#reasons.delete(domid);
    this.#attempt(() => this.#hypercalls.domains.unpause(domid));
    this.#changed();
  }

  #attempt(call: () => void): boolean {
    try {
      call();
      return true;
    } catch {
      return false;
    }
  }
}
