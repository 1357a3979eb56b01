/** Keeps what was unpacked last, by the hash of the packed content, up to a number of bytes. */
import { createHash } from "node:crypto";
import type { Compression } from "./decompress.ts";

type Unpack = (bytes: Uint8Array, compression: Compression, wanted: AbortSignal) => Promise<Uint8Array>;

/** Content that is being unpacked, and the number of callers that wait for it. */
interface Coming {
  result: Promise<Uint8Array>;
  waiting: number;
  /** Ends the unpacking when the last of them no longer wants it. */
  end: AbortController;
}

export class UnpackedCache {
  readonly #limit: number;
  readonly #unpack: Unpack;
  /** Least recently asked for first. */
  readonly #kept = new Map<string, Uint8Array>();
  /** What is being unpacked; those who ask for it meanwhile wait for the same result. */
  readonly #coming = new Map<string, Coming>();
  #total = 0;

  constructor(limitBytes: number, unpack: Unpack) {
    this.#limit = limitBytes;
    this.#unpack = unpack;
  }
  /** Number of bytes kept. */
  get total(): number {
    return this.#total;
  }

  /**
   * Returns bytes that are shared with other callers and must not be changed. A failure is not remembered. Rejects with the reason of `wanted` once
   * that is aborted; the unpacking itself ends when nobody waits for it any more.
   */
  get(bytes: Uint8Array, compression: Compression, wanted?: AbortSignal): Promise<Uint8Array> {
    if (wanted?.aborted) return Promise.reject(wanted.reason as Error);
    const key = `${compression} ${createHash("sha256").update(bytes).digest("hex")}`;
    const known = this.#kept.get(key);
    if (known) {
      this.#kept.delete(key);
      this.#kept.set(key, known);
      return Promise.resolve(known);
    }
    const coming = this.#coming.get(key) ?? this.#begin(key, bytes, compression);
    return this.#waitFor(key, coming, wanted);
  }

  #begin(key: string, bytes: Uint8Array, compression: Compression): Coming {
    const end = new AbortController();
    const result = this.#unpack(bytes, compression, end.signal)
      .then((unpacked) => this.#keep(key, unpacked))
      .finally(() => this.#forget(key, coming));
    const coming: Coming = { result, waiting: 0, end };
    this.#coming.set(key, coming);
    return coming;
  }

  /** If this one was given up, another may have begun since. */
  #forget(key: string, coming: Coming): void {
    if (this.#coming.get(key) === coming) this.#coming.delete(key);
  }

  #waitFor(key: string, coming: Coming, wanted: AbortSignal | undefined): Promise<Uint8Array> {
    coming.waiting++;
    return new Promise((resolve, reject) => {
      const given = (): void => {
        reject(wanted!.reason as Error);
        if (--coming.waiting > 0) return;
        this.#forget(key, coming);
        coming.end.abort(wanted!.reason);
      };
      wanted?.addEventListener("abort", given, { once: true });
      coming.result.then(resolve, reject).finally(() => wanted?.removeEventListener("abort", given));
    });
  }

  #keep(key: string, unpacked: Uint8Array): Uint8Array {
    // It would push out everything else, and not fit even then.
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
