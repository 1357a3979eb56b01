/**
 * Handles a full disk of the host: what a guest has written is neither lost nor refused. The request waits, and so does the guest's domain, until
 * there is room. There is one of these for each device.
 */

/** Milliseconds until a request is tried again; only while the host's disk is full. */
const AGAIN_AFTER = 500;

/** Keeps domains from running for a while, by the reason that holds them. */
export interface DomainHolds {
  /** `key` is chosen by the holder; `reason` is a whole sentence for the user. */
  hold(domid: number, key: string, reason: string): void;
  release(domid: number, key: string): void;
}

export class Room {
  readonly #holds: DomainHolds;
  readonly #domid: number;
  readonly #key: string;
  readonly #waiting = new Set<(goOn: boolean) => void>();
  #timer: NodeJS.Timeout | null = null;
  #isHeld = false;

  constructor(holds: DomainHolds, domid: number, key: string) {
    this.#holds = holds;
    this.#domid = domid;
    this.#key = key;
  }

  /** Resolves with true when it is time to try again, with false when nobody waits for the request any more. */
  wait(reason: string): Promise<boolean> {
    if (!this.#isHeld) {
      this.#isHeld = true;
      this.#holds.hold(this.#domid, this.#key, reason);
    }
    this.#timer ??= setTimeout(() => this.#wake(true), AGAIN_AFTER);
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  /** Called when something could be written. The domain continues when nothing waits any more. */
  found(): void {
    if (this.#isHeld && this.#waiting.size === 0) this.#release();
  }

  /** Refuses everything that waits, because the device is removed. */
  cancel(): void {
    this.#wake(false);
    if (this.#isHeld) this.#release();
  }

  #wake(goOn: boolean): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve(goOn);
  }

  #release(): void {
    this.#isHeld = false;
    this.#holds.release(this.#domid, this.#key);
  }
}
