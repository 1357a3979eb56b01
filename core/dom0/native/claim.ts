/**
 * Decides whether something that dom0 has asked a thread for is still done. The thread may be paused for any time, and nobody waits for it that long:
 * either it claims what it is about to do, or dom0 withdraws the question before that. Whoever comes first decides, in a word that both threads have.
 */
const OPEN = 0;
const CLAIMED = 1;
const WITHDRAWN = 2;

export class Claim {
  readonly shared: SharedArrayBuffer;
  readonly #word: Int32Array;

  /** `shared` is that of the other thread. */
  constructor(shared = new SharedArrayBuffer(4)) {
    this.shared = shared;
    this.#word = new Int32Array(shared);
  }

  /** Returns false if the question was withdrawn. */
  take(): boolean {
    return Atomics.compareExchange(this.#word, 0, OPEN, CLAIMED) !== WITHDRAWN;
  }

  /** Returns false if it was claimed before. */
  withdraw(): boolean {
    return Atomics.compareExchange(this.#word, 0, OPEN, WITHDRAWN) !== CLAIMED;
  }

  get isWithdrawn(): boolean {
    return Atomics.load(this.#word, 0) === WITHDRAWN;
  }
}
