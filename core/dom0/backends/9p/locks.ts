/** Locks on ranges of files, as in fcntl(2). Guests that share a folder keep each other out, as programs of one guest do. */

/** Stands for the end of the file, however long it is. */
const END = (1n << 64n) - 1n;

export type LockType = "read" | "write";
export interface LockRange {
  /** The locks of one owner do not keep each other out: they replace each other. */
  readonly owner: string;
  readonly type: LockType;
  readonly start: bigint;
  /** Place of the last byte. */
  readonly last: bigint;
  /** What holds the lock, and gives it back when it is closed. */
  readonly holder: object;
  /** The device whose number of locks it counts for. */
  readonly device: object;
  readonly process: number;
  readonly client: string;
}

/** A `length` of 0 means everything from there on. */
export function lastByte(start: bigint, length: bigint): bigint {
  return length === 0n || start + length - 1n > END ? END : start + length - 1n;
}
export function lengthOf({ start, last }: LockRange): bigint {
  return last === END ? 0n : last - start + 1n;
}

const overlap = (a: { start: bigint; last: bigint }, b: LockRange): boolean => a.start <= b.last && b.start <= a.last;

export class FileLocks {
  /** The locks by file. */
  readonly #files = new Map<string, LockRange[]>();
  readonly #counts = new WeakMap<object, number>();

  /** Returns the lock that is in the way; null when the lock was given. */
  lock(file: string, wanted: LockRange): LockRange | null {
    const conflict = this.conflict(file, wanted);
    if (!conflict) this.#replace(file, wanted, wanted);
    return conflict;
  }

  unlock(file: string, range: Pick<LockRange, "owner" | "start" | "last">): void {
    this.#replace(file, range, null);
  }

  /** Returns whether unlock() would leave more locks than there are: a part on both sides of the range. */
  splits(file: string, range: Pick<LockRange, "owner" | "start" | "last">): boolean {
    return (this.#files.get(file) ?? []).some(
      ({ owner, start, last }) => owner === range.owner && start < range.start && last > range.last,
    );
  }

  conflict(file: string, wanted: LockRange): LockRange | null {
    const other = (this.#files.get(file) ?? []).find(
      (each) =>
        each.owner !== wanted.owner && overlap(wanted, each) && (each.type === "write" || wanted.type === "write"),
    );
    return other ?? null;
  }

  /** Returns the number of locks of a device. */
  count(device: object): number {
    return this.#counts.get(device) ?? 0;
  }

  release(file: string, holder: object): void {
    this.#set(
      file,
      (this.#files.get(file) ?? []).filter((each) => each.holder !== holder),
    );
  }

  #replace(file: string, range: Pick<LockRange, "owner" | "start" | "last">, by: LockRange | null): void {
    const kept = (this.#files.get(file) ?? []).flatMap((each) => {
      if (each.owner !== range.owner || !overlap(range, each)) return [each];
      const parts: LockRange[] = [];
      if (each.start < range.start) parts.push({ ...each, last: range.start - 1n });
      if (each.last > range.last) parts.push({ ...each, start: range.last + 1n });
      return parts;
    });
    this.#set(file, by ? [...kept, by] : kept);
  }

  #set(file: string, ranges: LockRange[]): void {
    for (const { device } of this.#files.get(file) ?? []) this.#counts.set(device, this.count(device) - 1);
    for (const { device } of ranges) this.#counts.set(device, this.count(device) + 1);
    if (ranges.length) this.#files.set(file, ranges);
    else this.#files.delete(file);
  }
}
