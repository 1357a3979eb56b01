/** One client of xenstored: its domain, its watches and transactions, and the way to send events to it. */
import type { Transaction } from "./transaction.ts";
import type { Watch, Watcher } from "./watches.ts";

export class Connection implements Watcher {
  readonly domid: number;
  readonly privileged: boolean;
  target: number | null = null;
  readonly watches = new Set<Watch>();
  readonly transactions = new Map<number, Transaction>();
  nextTransaction = 1;
  /** Totals since it began, for display. */
  readonly counts = { requests: 0, events: 0, transactions: 0, committed: 0, conflicts: 0 };
  readonly #onEvent: (path: string, token: string) => void;

  /** `onEvent` delivers a watch event; it must not call back into xenstored. */
  constructor(domid: number, onEvent: (path: string, token: string) => void) {
    this.domid = domid;
    this.privileged = domid === 0;
    this.#onEvent = onEvent;
  }

  sendEvent(path: string, token: string): void {
    this.counts.events++;
    this.#onEvent(path, token);
  }
}
