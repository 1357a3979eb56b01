/**
 * What the translator's thread does with the cache on disk: pCPUs ask for pages whose code has become warm, and what the cache has of them becomes modules as long as
 * nothing else is to be done, a part at a time.
 */
import { TRANSLATOR_KNOWS } from "../../layout.ts";
import type { RegionRequest, TranslatedModule, Translator } from "../translator.ts";
import { KnownCode } from "./known-code.ts";
import type { CodeCache } from "./store.ts";

/** The most regions of one module, so that what is asked for meanwhile need not wait for all. */
const MOST_REGIONS = 48;
/** With less of the translator's room than this share, nothing more is taken: it is for what this guest executes often. */
const LEAST_ROOM = 0.4;
/** With more than these on their way, the newest are not waited for. */
const MOST_COMING = 4096;
/** For so many modules of it a cluster waits, which is better with that code around it; a guest may have more on their way for ever. */
const MOST_BEFORE_CLUSTER = 64;

export class KnownWork {
  readonly code: KnownCode;
  readonly #cache: CodeCache;
  readonly #words: Int32Array;
  /** Pages that are asked for, by any code in them, and regions that the cache has of such pages. */
  #pages: RegionRequest[] = [];
  readonly #coming: RegionRequest[] = [];
  /** How many modules a cluster has waited for. */
  #waited = 0;

  constructor(cache: CodeCache, memory: WebAssembly.Memory) {
    this.#cache = cache;
    this.#words = new Int32Array(memory.buffer);
    this.code = new KnownCode(cache, memory);
    this.#tell();
  }

  /** Lets pCPUs ask for pages. What this host has translated is in the cache too, for other domains with the same code. */
  #tell(): void {
    if (!this.#cache.isEmpty) Atomics.store(this.#words, TRANSLATOR_KNOWS >> 2, 1);
  }

  /** A page is asked for (EXTENT_KNOWN). */
  request(request: RegionRequest): void {
    this.#pages.push(request);
  }
  get isWaiting(): boolean {
    return this.#pages.length > 0 || this.#coming.length > 0;
  }

  /** Returns whether make() comes next. A cluster that is requested waits, but not for ever. */
  takesTurn(isClusterRequested: boolean): boolean {
    if (!isClusterRequested) this.#waited = 0;
    if (this.#coming.length > 0 && this.#waited < MOST_BEFORE_CLUSTER) {
      this.#waited++;
      return true;
    }
    this.#waited = 0;
    return false;
  }
  /** Makes a module of some of what is coming; null if nothing of it fits the code that is there. */
  make(translator: Translator): TranslatedModule | null {
    return translator.takeKnown(this.#coming.splice(0, MOST_REGIONS));
  }
  /** Looks up the pages that were asked for. Opening a page may wait for a pCPU, so what is urgent is done before. */
  look(translator: Translator): void {
    for (const page of this.#pages)
      if (translator.room > LEAST_ROOM && this.#coming.length < MOST_COMING)
        this.#coming.push(...translator.known(page));
    this.#pages = [];
    this.#tell();
  }

  /** Nothing is to be done. */
  rest(): void {
    this.#cache.flush();
  }
  close(): void {
    this.#cache.close();
  }
}
