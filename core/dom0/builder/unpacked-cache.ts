/** What was unpacked last, by the hash of what it was unpacked from, up to a number of bytes. */
import { createHash } from "node:crypto";
import type { Compression } from "./decompress.ts";

type Unpack = (bytes: Uint8Array, compression: Compression) => Promise<Uint8Array>;

export class UnpackedCache {
  readonly #limit: number;
  readonly #unpack: Unpack;
  /** Least recently asked for first. */
  readonly #kept = new Map<string, Uint8Array>();
  /** Being unpacked: who asks meanwhile waits for the same. */
  readonly #coming = new Map<string, Promise<Uint8Array>>();
  #total = 0;

  constructor(limitBytes: number, unpack: Unpack) {
    this.#limit = limitBytes;
    this.#unpack = unpack;
  }
  /** Bytes kept. */
  get total(): number {
    return this.#total;
  }

  /** Shared with other callers, so not to be changed. What can't be unpacked is not remembered. */
  get(bytes: Uint8Array, compression: Compression): Promise<Uint8Array> {
    const key = `${compression} ${createHash("sha256").update(bytes).digest("hex")}`;
    const known = this.#kept.get(key);
    if (known) {
      this.#kept.delete(key);
      this.#kept.set(key, known);
      return Promise.resolve(known);
    }
    let coming = this.#coming.get(key);
    if (!coming) {
      coming = this.#unpack(bytes, compression)
        .then((unpacked) => this.#keep(key, unpacked))
        .finally(() => this.#coming.delete(key));
      this.#coming.set(key, coming);
    }
    return coming;
  }

  #keep(key: string, unpacked: Uint8Array): Uint8Array {
    // It would drive out all others and not fit even then.
    if (unpacked.length > this.#limit) return unpacked;
    this.#kept.set(key, unpacked);
    this.#total += unpacked.length;
    for (const [oldest, { length }] of this.#kept) {
      if (this.#total <= this.#limit) break;
      this.#kept.delete(oldest);
      this.#total -= length;
    }
    return unpacked;
  }
}
