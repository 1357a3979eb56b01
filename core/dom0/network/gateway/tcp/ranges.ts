/**
 * A set of positions as sorted ranges that do not touch each other: what the other side has selectively acknowledged. Someone who acknowledges every
 * second byte makes no more than RANGES_LIMIT of them; what is left out only counts as not acknowledged.
 */
export const RANGES_LIMIT = 128;

export class Ranges {
  #ranges: { from: number; to: number }[] = [];
  #total = 0;

  /** How many positions are in the set. */
  get total(): number {
    return this.#total;
  }
  /** The position after the last one, or 0. */
  get highest(): number {
    return this.#ranges.at(-1)?.to ?? 0;
  }
  /** The ranges in order. */
  list(): readonly { readonly from: number; readonly to: number }[] {
    return this.#ranges;
  }

  /** Adds the positions from `from` to before `to`. Returns how many are new. */
  add(from: number, to: number): number {
    if (from >= to) return 0;
    const before = this.#total;
    let first = 0;
    while (first < this.#ranges.length && this.#ranges[first]!.to < from) first++;
    let merged = { from, to };
    let last = first;
    while (last < this.#ranges.length && this.#ranges[last]!.from <= to) {
      const { from: a, to: b } = this.#ranges[last]!;
      merged = { from: Math.min(merged.from, a), to: Math.max(merged.to, b) };
      this.#total -= b - a;
      last++;
    }
    if (first === last && this.#ranges.length >= RANGES_LIMIT) return 0;
    this.#ranges.splice(first, last - first, merged);
    this.#total += merged.to - merged.from;
    return this.#total - before;
  }

  /** Removes all positions before `position`. */
  dropBefore(position: number): void {
    while (this.#ranges.length && this.#ranges[0]!.to <= position) {
      const { from, to } = this.#ranges.shift()!;
      this.#total -= to - from;
    }
    const first = this.#ranges[0];
    if (first && first.from < position) {
      this.#total -= position - first.from;
      first.from = position;
    }
  }

  clear(): void {
    this.#ranges = [];
    this.#total = 0;
  }

  /** Returns the first gap at or after `position`; it ends at `limit` if no range follows. null if there is none. */
  gap(position: number, limit: number): { from: number; to: number } | null {
    let from = position;
    for (const range of this.#ranges) {
      if (range.to <= from) continue;
      if (range.from > from) return { from, to: Math.min(range.from, limit) };
      from = range.to;
    }
    return from < limit ? { from, to: limit } : null;
  }
}
