/**
 * Shares this computer's sockets among all interfaces of all networks. An interface may hold as many as are still free (dynamic thresholds, Choudhury
 * and Hahne 1998). So one interface alone gets half of all, each further one that takes what it can gets a smaller part, and there is always some
 * room for one that comes later.
 */
export class SocketShares {
  readonly #limits: { all: number; each: number };
  readonly #held = new Map<string, number>();
  #total = 0;

  /** `each` is the most for one holder, however many are free. */
  constructor(limits: { all: number; each: number }) {
    this.#limits = limits;
  }

  /** Takes one for a holder. Returns false if that would exceed its share. */
  take(holder: string): boolean {
    const own = this.held(holder);
    if (own >= Math.min(this.#limits.each, this.#limits.all - this.#total)) return false;
    this.#held.set(holder, own + 1);
    this.#total++;
    return true;
  }

  give(holder: string): void {
    const left = this.held(holder) - 1;
    if (left > 0) this.#held.set(holder, left);
    else this.#held.delete(holder);
    this.#total--;
  }

  held(holder: string): number {
    return this.#held.get(holder) ?? 0;
  }
}

/** The shares of one host's networks: of TCP connections, and of UDP sockets. */
export interface NetworkShares {
  readonly tcp: SocketShares;
  readonly udp: SocketShares;
}

export function networkShares(): NetworkShares {
  return { tcp: new SocketShares({ all: 2048, each: 512 }), udp: new SocketShares({ all: 1024, each: 256 }) };
}
