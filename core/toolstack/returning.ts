/**
 * Domains that stopped and are on their way back. One that has devices whose backends another has waits until that one is there: they may stop
 * together, as when something takes both down, and there is nobody to try it again. Who would wait for itself in a circle does
 * not wait.
 */
import type { DomainConfig } from "./messages.ts";

interface Stopped {
  name: string;
  domid: number;
  config: DomainConfig;
}

interface Return {
  /** As backend= may name it. */
  readonly names: readonly string[];
  readonly backends: readonly string[];
  /** Resolves when it is there, or will not be. */
  readonly ended: Promise<void>;
}

export class Returning {
  readonly #returns = new Set<Return>();

  /** Until `restart` has ended, the domain is on its way back; the result is that of `restart`. */
  async during({ name, domid, config }: Stopped, restart: Promise<void>): Promise<void> {
    const ended = restart.catch(() => {});
    const one = { names: [name, String(domid)], backends: backendsOf(config), ended };
    this.#returns.add(one);
    try {
      await restart;
    } finally {
      this.#returns.delete(one);
    }
  }

  /** Resolves when none of the domains that have its backends is on its way back. */
  async backendsOf({ name, domid, config }: Stopped): Promise<void> {
    // Those that stopped in the same breath are known afterwards.
    await Promise.resolve();
    const wanted = backendsOf(config);
    const own = [name, String(domid)];
    const others = [...this.#returns].filter(({ names }) => names.some((name) => wanted.includes(name)));
    await Promise.all(others.filter((other) => !this.#waitsFor(other, own)).map(({ ended }) => ended));
  }

  #waitsFor(one: Return, own: readonly string[], seen = new Set<Return>()): boolean {
    if (seen.has(one)) return false;
    seen.add(one);
    const next = [...this.#returns].filter(({ names }) => names.some((each) => one.backends.includes(each)));
    return own.some((each) => one.backends.includes(each)) || next.some((each) => this.#waitsFor(each, own, seen));
  }
}

function backendsOf({ devices }: DomainConfig): string[] {
  return [...new Set(devices.map(({ backend }) => backend))];
}
