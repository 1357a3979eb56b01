/** Scatter lists: views of memory that are read or written one after the other. */

/** Bytes in all of them. */
export function lengthOf(views: readonly Uint8Array[]): number {
  return views.reduce((sum, { length }) => sum + length, 0);
}

/** Returns the views without their first `count` bytes. */
export function without(views: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let rest = count;
  let i = 0;
  while (i < views.length && rest >= views[i]!.length) rest -= views[i++]!.length;
  return rest === 0 ? views.slice(i) : [views[i]!.subarray(rest), ...views.slice(i + 1)];
}

/** Returns the part of the views that begins at byte `from` and is `length` bytes long. */
export function part(views: readonly Uint8Array[], from: number, length: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  let left = length;
  for (const view of without(views, from)) {
    if (left <= 0) break;
    const piece = view.length > left ? view.subarray(0, left) : view;
    if (piece.length) found.push(piece);
    left -= piece.length;
  }
  return found;
}

/** Hands out views from their first byte on. The whole costs one look at each view, into however many parts it is divided. */
export class ViewReader {
  readonly #views: readonly Uint8Array[];
  #index = 0;
  #offset = 0;

  constructor(views: readonly Uint8Array[]) {
    this.#views = views;
  }

  /** Returns the next `length` bytes, which must be there. */
  take(length: number): Uint8Array[] {
    const found: Uint8Array[] = [];
    for (let left = length; left > 0;) {
      const view = this.#views[this.#index]!;
      const end = Math.min(view.length, this.#offset + left);
      if (end > this.#offset) found.push(view.subarray(this.#offset, end));
      left -= end - this.#offset;
      this.#offset = end;
      if (end < view.length) break;
      this.#index++;
      this.#offset = 0;
    }
    return found;
  }
}
