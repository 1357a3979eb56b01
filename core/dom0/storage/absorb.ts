/**
 * An image takes in what another has that is based on it: afterwards it shows the same bytes, and the other is of no use any more. Until then
 * the other shows what it showed before, wherever this stops: what is changed below it, it has itself. Doing it again does no harm.
 */
import { StoreError, type BlockStore } from "./block-store.ts";
import type { Qcow2Store } from "./qcow2/store.ts";

const CHUNK = 1 << 20;

export interface AbsorbOptions {
  /** Is told the bytes that were copied until now. */
  readonly progress?: (bytes: number) => void;
  /** Between pieces: what it is aborted with is thrown, and `base` is as good as before for who reads it through `top`. */
  readonly signal?: AbortSignal;
}

/**
 * `top` is based on `base` and is not written meanwhile. What was taken in is on the host's disk to stay when it resolves; the bytes that were
 * copied. Throws StoreError.
 */
export async function absorb(base: BlockStore, top: Qcow2Store, options: AbsorbOptions = {}): Promise<number> {
  const { progress = () => {}, signal } = options;
  if (base.readOnly) throw new StoreError("EROFS", "an image that can't be written takes nothing in");
  if (base.size !== top.size) await base.resize(top.size);
  const buffer = new Uint8Array(CHUNK);
  let copied = 0;
  for (let at = 0; ;) {
    signal?.throwIfAborted();
    const range = await top.nextOwn(at, CHUNK);
    if (!range) break;
    if (range.isZero) await base.writeZeroes(range.offset, range.length);
    else {
      const bytes = buffer.subarray(0, range.length);
      await top.read(range.offset, [bytes]);
      await base.write(range.offset, [bytes]);
      copied += range.length;
      progress(copied);
    }
    at = range.offset + range.length;
  }
  await base.flush();
  return copied;
}
