/**
 * Domains that have stopped and are on their way back. A domain with devices whose backends are in another domain waits until that one is there. The
 * two may stop together, as when something takes both down, and nobody would try the start again. Domains that would wait for each other in a circle
 * do not wait.
 */
import type { DomainConfig } from "./messages.ts";

interface Stopped {
  name: string;
  domid: number;
  config: DomainConfig;
}

interface Return {
  /** The names that backend= may use for it. */
  readonly names: readonly string[];
  readonly backends: readonly string[];
  /** Resolves when the domain is there, or will not come. */
  readonly ended: Promise<void>;
}

export class Returning {
  readonly #returns = new Set<Return>();

  /** Until `restart` has ended, the domain is on its way back. The result is that of `restart`. */
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

  /** Resolves when none of the domains with its backends is on its way back. */
  async backendsOf({ name, domid, config }: Stopped): Promise<void> {
    // Domains that stopped at the same moment are known after this.
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
