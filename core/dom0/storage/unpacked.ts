/**
 * The unpacked pieces of a compressed image (clusters, grains). The last ones are kept, since a guest reads a piece in parts, and only a few are unpacked
 * at once: whoever made the image decides how much memory each takes, and its guest how many are asked for.
 */
const MOST_KEPT = 16;
const MOST_AT_ONCE = 4;

export class UnpackedPieces {
  /** By offset in the file. */
  readonly #kept = new Map<number, Promise<Uint8Array>>();
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;

  /** Returns a whole piece. Requests for the same one share the work. Rejects as `unpack` does. */
  get(offset: number, unpack: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const known = this.#kept.get(offset);
    if (known) return known;
    const plain = this.#inTurn(unpack);
    if (this.#kept.size >= MOST_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
    this.#kept.set(offset, plain);
    plain.catch(() => {
      if (this.#kept.get(offset) === plain) this.#kept.delete(offset);
    });
    return plain;
  }

  async #inTurn(unpack: () => Promise<Uint8Array>): Promise<Uint8Array> {
    // Whoever ends passes the place on to the one that waits for longest.
    if (this.#underWay < MOST_AT_ONCE) this.#underWay++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await unpack();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#underWay--;
    }
  }
}
