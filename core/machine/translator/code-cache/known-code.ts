/** What the cache on disk has of code in the machine's memory. */
import { OP_COLD, OP_COLD_BYTES, OP_SIZE } from "../../cpu/op.ts";
import type { CodePage } from "../pages.ts";
import { addressBytes, type FunctionBody } from "../wasm.ts";
import { KEPT_OP_BYTES, describe, type KnownRegion } from "./known-region.ts";
import { hashOf, type CodeCache } from "./store.ts";

/** Pages whose hash is remembered, with their content. */
const MOST_HASHES = 1024;

export class KnownCode {
  readonly #cache: CodeCache;
  readonly #bytes: Uint8Array;
  /** By machine address. */
  readonly #hashes = new Map<number, { content: Uint8Array; hash: Uint8Array }>();

  constructor(cache: CodeCache, memory: WebAssembly.Memory) {
    this.#cache = cache;
    this.#bytes = new Uint8Array(memory.buffer);
  }

  #hash({ host, content }: CodePage): Uint8Array {
    const before = this.#hashes.get(host);
    if (before && Buffer.compare(before.content, content) === 0) return before.hash;
    const hash = hashOf(content);
    if (this.#hashes.size >= MOST_HASHES) this.#hashes.clear();
    this.#hashes.set(host, { content, hash });
    return hash;
  }

  /** Returns where regions of a mode begin in the page, with their extents, the largest first. */
  inPage(page: CodePage, mode: number): { offset: number; extent: number }[] {
    return this.#cache.inPage(this.#hash(page), mode);
  }

  /**
   * Returns the function of a region; null if the cache has none for this code. `page` opens the page at a distance from the one in which the region begins (null if it can't), and `keep` takes the address of a free operation.
   */
  body(
    { offset, mode, extent }: { offset: number; mode: number; extent: number },
    page: (distance: number) => CodePage | null,
    keep: () => number,
  ): FunctionBody | null {
    const first = page(0);
    const region = first && this.#cache.find(this.#hash(first), offset, mode, extent);
    if (!region || !region.pages.every((each) => this.#isThere(each, page))) return null;
    const written = region.code.slice();
    const kept = Array.from({ length: region.ops.length / KEPT_OP_BYTES }, (_, n) => {
      const at = keep();
      const op = region.ops.subarray(n * KEPT_OP_BYTES, (n + 1) * KEPT_OP_BYTES);
      this.#bytes.set(op.subarray(0, OP_SIZE), at);
      this.#bytes.set(op.subarray(OP_SIZE), at + OP_COLD);
      return at;
    });
    for (const { at, op } of region.addresses) written.set(addressBytes(kept[op]!), at);
    return { locals: region.locals, code: [{ written, length: written.length, hints: region.hints, addresses: [] }] };
  }
  #isThere({ offset, hash }: KnownRegion["pages"][number], page: (distance: number) => CodePage | null): boolean {
    const found = page(offset);
    return found !== null && Buffer.compare(this.#hash(found), hash) === 0;
  }

  /** Adds a region to the cache. `kept` are the addresses of the operations that its function refers to. */
  add(
    place: { offset: number; mode: number; extent: number },
    pages: readonly CodePage[],
    body: FunctionBody,
    kept: readonly number[],
  ): void {
    const raw = (at: number): Uint8Array =>
      Buffer.concat([
        this.#bytes.slice(at, at + OP_SIZE),
        this.#bytes.slice(at + OP_COLD, at + OP_COLD + OP_COLD_BYTES),
      ]);
    const known = pages.map((page) => ({ offset: page.offset, hash: this.#hash(page) }));
    // The one in which it begins comes first.
    known.sort((a, b) => Math.abs(a.offset) - Math.abs(b.offset));
    this.#cache.add({ ...place, pages: known, ...describe(body, kept, raw) });
  }
}
