/** Translation at once, for tests: the region at an address is made and adopted before the next run. */
import { OP_COLD, OP_SIZE } from "../../../core/machine/cpu/op.ts";
import { KnownCode } from "../../../core/machine/translator/code-cache/known-code.ts";
import type { CodeCache } from "../../../core/machine/translator/code-cache/store.ts";
import { AdoptedRegions } from "../../../core/machine/translator/adopt.ts";
import {
  EXTENT_LARGE,
  EXTENT_SMALL,
  RECORD_BAILED,
  RECORD_ENTERED,
  RECORD_SIZE,
  TRANSLATOR_KNOWN_REGIONS,
  TRANSLATOR_RECORDS,
} from "../../../core/machine/layout.ts";
import {
  Translator,
  type RegionPlace,
  type RegionRequest,
  type TranslatedModule,
} from "../../../core/machine/translator/translator.ts";

const POOL_BYTES = 0x100000;
/** As the translator does (core/machine/translator/thread.ts): how little room is left when modules are given up, and what share of them; and the most modules that are kept. */
const SCARCE = 0.15;
const GIVEN_UP_AT_ONCE = 0.15;
const MOST_MODULES = 100;
/** As many regions as two programs have. */
const MOST_COUNTED = 64;

type Functions = Record<string, (...args: number[]) => number>;

export interface TranslatedCodeOptions {
  /** Its part of the function table, if several translators share a memory. */
  indices?: { first: number; end: number };
  /** For how many operations it has room. */
  ops?: number;
  /** The cache on disk. */
  known?: CodeCache;
}

export class TranslatedCode {
  readonly #core: Functions;
  readonly #translator: Translator;
  readonly #adopted: AdoptedRegions;
  readonly #modules: number[] = [];
  readonly #regions = new Map<number, RegionPlace[]>();
  readonly #view: DataView;
  /** The indices of the regions made last. */
  #made: number[] = [];
  /** The number of regions made, and of modules given up. */
  count = 0;
  evicted = 0;
  /** The number of modules that were freed; a weak reference to one would keep it as long as a test goes on without a pause. */
  freed = 0;
  readonly #collected = new FinalizationRegistry(() => this.freed++);

  /** How many instructions were decoded. */
  decoded = 0;

  /** `room` is the machine address of 2 MiB for the translator. */
  constructor(
    exports: WebAssembly.Exports,
    memory: WebAssembly.Memory,
    room: number,
    { indices = { first: 16, end: 4096 }, ops, known }: TranslatedCodeOptions = {},
  ) {
    this.#core = exports as Functions;
    const core = this.#core;
    this.#translator = new Translator(
      {
        memory,
        decode: (...args) => {
          this.decoded++;
          return core.engine_decode!(...args);
        },
        codePage: exports.engine_code_page as (space: bigint, second: number, linear: bigint) => number,
        codeVersions: core.engine_code_versions!(),
        codeFlags: core.engine_code_flags!(),
        // The engine looks for them there.
        records: TRANSLATOR_RECORDS,
        pageLists: room + POOL_BYTES,
        pool: room,
        // The decoder takes two.
        poolEnd: room + (ops === undefined ? POOL_BYTES : OP_COLD + (ops + 2) * OP_SIZE),
      },
      indices,
      (error) => {
        throw error;
      },
      known && new KnownCode(known, memory),
    );
    this.#adopted = new AdoptedRegions(exports, memory);
    this.#view = new DataView(memory.buffer);
  }

  /** Returns the request that the vCPU, in its present mode and address space, would make for the code at a machine and a linear address. */
  request(host: number, linear: bigint, large = false): RegionRequest {
    this.#core.engine_refresh!();
    const mode = this.#core.engine_mode!();
    const space = BigInt.asUintN(64, BigInt(this.#core.engine_space!()));
    return { host, mode, linear, space, second: 0, extent: large ? EXTENT_LARGE : EXTENT_SMALL, blocks: 0 };
  }

  /** Translates the region at a machine address. Returns false if it cannot be one. */
  translate(request: RegionRequest): boolean {
    return this.translateAll([request]);
  }
  /** Translates those of the regions that can be translated. */
  translateAll(requests: RegionRequest[]): boolean {
    if (this.#modules.length > MOST_MODULES || this.#translator.room < SCARCE) this.giveUpOldest();
    return this.#adopt(this.#translator.translate(requests));
  }
  /**
   * Makes a cluster for a region, which is there already, of the blocks that were executed one after the other, by distance from the page in which that
   * region begins. Returns false if it cannot be one.
   */
  cluster(request: RegionRequest, executed: number[]): boolean {
    if (this.#translator.room < SCARCE) this.giveUpOldest();
    return this.#adopt(this.#translator.translateCluster(request, Int32Array.from(executed)));
  }
  /** Returns the index of the cluster at a region if it is mostly left because of accesses that miss the TLB; otherwise null. */
  uselessCluster(request: RegionRequest): number | null {
    return this.#translator.uselessCluster(request);
  }
  /** The regions made last are said to have been entered so often, and to have soon left so often. */
  pretend(entered: number, bailed: number): void {
    for (const index of this.#made) {
      const at = TRANSLATOR_RECORDS + index * RECORD_SIZE;
      this.#view.setUint32(at + RECORD_ENTERED, entered, true);
      this.#view.setUint32(at + RECORD_BAILED, bailed, true);
    }
  }
  #adopt(made: TranslatedModule | null): boolean {
    if (!made) return false;
    const module = new WebAssembly.Module(made.bytes);
    this.#collected.register(module, undefined);
    this.#adopted.adopt({ ...made, module });
    this.#modules.push(made.id);
    this.#regions.set(made.id, made.regions);
    this.count += made.regions.length;
    this.#made = [...this.#made, ...made.regions.map(({ index }) => index)].slice(-MOST_COUNTED);
    return true;
  }

  /** How many regions were taken from the cache on disk. */
  get known(): number {
    return this.#view.getUint32(TRANSLATOR_KNOWN_REGIONS, true);
  }
  /** Takes from the cache on disk what it has of those. Returns false if it has nothing. */
  takeKnown(requests: RegionRequest[]): boolean {
    return this.#adopt(this.#translator.takeKnown(requests));
  }
  /** Returns what is requested for all that the cache on disk has of the page. */
  knownOf(request: RegionRequest): RegionRequest[] {
    return this.#translator.known(request);
  }

  /** Gives up all regions, so that their places are used again, and lets them be requested again. */
  giveUpAll(): void {
    for (const module of this.#modules.splice(0)) this.#giveUp(module);
  }
  /** Gives up the oldest modules, as many as the translator's thread does at once. */
  giveUpOldest(): void {
    const count = Math.ceil(this.#modules.length * GIVEN_UP_AT_ONCE);
    for (const module of this.#modules.splice(0, count)) this.#giveUp(module);
  }
  /** Nothing runs in the meantime, so the module can go at once. */
  #giveUp(module: number): void {
    this.evicted++;
    this.#translator.forget(this.#regions.get(module)!);
    this.#regions.delete(module);
    this.#adopted.drop(module);
    this.#translator.release(module);
  }

  /** Returns how often the regions made last were entered since this was asked before. */
  entered(): number {
    let sum = 0;
    for (const index of this.#made) {
      const at = TRANSLATOR_RECORDS + index * RECORD_SIZE + RECORD_ENTERED;
      sum += this.#view.getUint32(at, true);
      this.#view.setUint32(at, 0, true);
    }
    return sum;
  }
}
