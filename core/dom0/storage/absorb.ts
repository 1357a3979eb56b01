/**
 * Lets an image take in what another image has that is based on it. Afterwards it shows the same bytes, and the other one is no longer needed. This
 * can be interrupted anywhere: until its end the other image shows what it showed before, because whatever changes below it, it has itself. Repeating
 * it does no harm.
 */
import { StoreError, type BlockStore } from "./block-store.ts";
import type { Qcow2Store } from "./qcow2/store.ts";

const CHUNK = 1 << 20;

export interface AbsorbOptions {
  /** Is told how many bytes were copied so far. */
  readonly progress?: (bytes: number) => void;
  /** Looked at between pieces. If it is aborted, its reason is thrown, and `base` is as good as before for those who read it through `top`. */
  readonly signal?: AbortSignal;
}

/**
 * `top` is based on `base` and is not written meanwhile. When it resolves, what was taken in is durable on the host's disk. Returns the number of
 * bytes that were copied. Throws StoreError.
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
    await new Promise(setImmediate);
  }
  await base.flush();
  return copied;
}
