/** Measures repeatedly while somebody wants it: one measurement at a time, and none while it is not allowed. */
export class Sampler {
  readonly #measure: () => Promise<void>;
  readonly #may: () => boolean;
  #timer: NodeJS.Timeout | null = null;
  #busy = false;

  /** A measurement that is refused is left out; the host's own events say why. */
  constructor(measure: () => Promise<void>, may: () => boolean) {
    this.#measure = measure;
    this.#may = may;
  }

  /** 0 ends it. */
  every(milliseconds: number): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = milliseconds ? setInterval(() => void this.#once(), milliseconds) : null;
    this.#timer?.unref();
  }

  async #once(): Promise<void> {
    if (this.#busy || !this.#may()) return;
    this.#busy = true;
    await this.#measure().catch(() => {});
    this.#busy = false;
  }
}
