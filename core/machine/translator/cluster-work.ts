/**
 * Makes clusters for the translator's thread, one at a time, as there is one path on a host (TRANSLATOR_PATH_OWNER). From the request of a cluster on, until it
 * is announced or given up, nobody else records a path.
 */
import * as layout from "../layout.ts";
import type { RegionRequest, TranslatedModule, Translator } from "./translator.ts";
import { OPTIMIZED_AFTER, warmUp } from "./warm-up.ts";

/** Milliseconds after which the next path may be recorded if this one led to nothing: recording takes a pCPU about one. */
const PAUSE = 250;

/** What the thread does for this. */
export interface ClusterServices {
  memory: WebAssembly.Memory;
  /** Null if V8 can't compile it. */
  compiled(made: TranslatedModule): WebAssembly.Module | null;
  announce(made: TranslatedModule, module: WebAssembly.Module): void;
  /** Gives up the module in which the region has this index. */
  giveUp(translator: Translator, index: number): void;
}

export class ClusterWork {
  readonly #services: ClusterServices;
  readonly #words: Int32Array;
  readonly #view: DataView;
  #requested: RegionRequest | null = null;
  /** What V8 optimizes. */
  #optimizing: { made: TranslatedModule; module: WebAssembly.Module } | null = null;
  /** When that has most likely come to its end, and the next path may be recorded. */
  #until = Infinity;

  constructor(services: ClusterServices) {
    this.#services = services;
    this.#words = new Int32Array(services.memory.buffer);
    this.#view = new DataView(services.memory.buffer);
  }

  request(request: RegionRequest): void {
    this.#requested = request;
  }
  /** Whether make() has something to do. */
  get isRequested(): boolean {
    return this.#requested !== null;
  }
  /** How many milliseconds may pass until finish() has something to do. */
  get patience(): number {
    return this.#until === Infinity ? Infinity : Math.max(1, this.#until - performance.now());
  }

  /** Makes the cluster that is requested. It takes some milliseconds. */
  make(translator: Translator): void {
    const request = this.#requested;
    if (!request) return;
    this.#requested = null;
    const at = layout.TRANSLATOR_PATH >> 2;
    const path = this.#words.slice(at, at + layout.PATH_LENGTH);
    const made = translator.translateCluster(request, path);
    const module = made && this.#services.compiled(made);
    if (made && module) {
      warmUp(module, this.#services.memory);
      this.#optimizing = { made, module };
    } else {
      const useless = translator.uselessCluster(request);
      if (useless !== null) this.#services.giveUp(translator, useless);
    }
    this.#until = performance.now() + (this.#optimizing ? OPTIMIZED_AFTER : PAUSE);
  }

  /** Announces what V8 has optimized meanwhile. */
  finish(): void {
    if (performance.now() < this.#until) return;
    this.#until = Infinity;
    if (this.#optimizing) {
      const { made, module } = this.#optimizing;
      this.#optimizing = null;
      this.#services.announce(made, module);
      const count = this.#view.getUint32(layout.TRANSLATOR_CLUSTERS, true);
      this.#view.setUint32(layout.TRANSLATOR_CLUSTERS, count + 1, true);
    }
    Atomics.store(this.#words, layout.TRANSLATOR_PATH_OWNER >> 2, 0);
  }
}
