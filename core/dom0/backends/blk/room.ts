/**
 * The host's disk is full: what the guest wrote is not lost and not refused, it waits, and so does the guest's domain, until there is room.
 * One for each device.
 */

/** Milliseconds until it is tried again. Only while the host's disk is full. */
const AGAIN_AFTER = 500;

/** Domains that must not run for a while, by what holds them. */
export interface DomainHolds {
  /** `key` is the holder's own; `reason` is a whole sentence for the user. */
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

  /** Resolves when it is time to try again; false: nobody waits for it any more. */
  wait(reason: string): Promise<boolean> {
    if (!this.#isHeld) {
      this.#isHeld = true;
      this.#holds.hold(this.#domid, this.#key, reason);
    }
    this.#timer ??= setTimeout(() => this.#wake(true), AGAIN_AFTER);
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  /** Something could be written. The domain goes on when nothing waits any more. */
  found(): void {
    if (this.#isHeld && this.#waiting.size === 0) this.#release();
  }

  /** What waits is refused: the device goes. */
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
