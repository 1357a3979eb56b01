/** Pages of guest code as the translator reads them, by the rules of ../cpu/frames/tables.ts. */
import { ACTIVITY, ACTIVITY_EXECUTES, ACTIVITY_FOLLOWED, ACTIVITY_SIZE, MAX_PCPUS } from "../layout.ts";

/** A page that a region's code lies in. */
export interface CodePage {
  /** Linear distance from the region's first page, in bytes. */
  offset: number;
  /** Machine address. */
  host: number;
  /** The code version at which it was read. */
  version: number;
  /** Whether every write since then is counted by the version. */
  isWatched: boolean;
  /**
   * What was read, once: instructions are decoded from it, and the cache on disk finds their translation by it. Memory itself may change between two looks before the
   * version does, as a disk's data is there before the backend reports it; another domain would then be given code that its page does not have.
   */
  content: Uint8Array;
}

const PAGE_BYTES = 4096;
const CODE = 1;
const WRITTEN = 2;
const WAS_CODE = 16;
/** In the table of versions: the lock for marking a written frame as code. The first 8 bytes are the generation. */
const LOCK = 4;
/** The version of a frame that was written so often that versions have run out. */
const VERSION_LAST = 0xffffffff;
/** Milliseconds between two looks at a pCPU, and the most looks for one region. pCPUs reach the next block within a fraction of a millisecond. */
const LOOK_AFTER = 0.1;
const LOOKS = 200;
/** How often a page is marked that is written to all the time. */
const MOST_MARKS = 3;

export class CodePages {
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #quads: BigUint64Array;
  readonly #generation: BigUint64Array;
  readonly #versions: Uint32Array;
  readonly #flags: Uint8Array;
  /** The looks that are left for the region of which pages are opened. */
  #looks = LOOKS;

  constructor(machine: { memory: WebAssembly.Memory; codeVersions: number; codeFlags: number }) {
    const { buffer } = machine.memory;
    const frames = buffer.byteLength >>> 12;
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Int32Array(buffer);
    this.#quads = new BigUint64Array(buffer);
    this.#generation = new BigUint64Array(buffer, machine.codeVersions, 1);
    this.#versions = new Uint32Array(buffer, machine.codeVersions, frames);
    this.#flags = new Uint8Array(buffer, machine.codeFlags, frames);
  }

  /** Begins to open the pages of a region. */
  begin(): void {
    this.#looks = LOOKS;
  }

  /** Makes the page one that code is read from; null if it is not memory. */
  open(offset: number, host: number): CodePage | null {
    const frame = host >>> 12;
    if (frame >= this.#flags.length) return null;
    const { version, isWatched } = this.#watch(frame);
    return { offset, host, version, isWatched, content: this.#bytes.slice(host, host + PAGE_BYTES) };
  }
  /**
   * Makes the frame one that code is read from. Returns its version, and whether nobody can write to it unnoticed from here on, after waiting a little for that: what
   * is read before may be old, because translated code may write to the frame through an address that its pCPU's TLB no longer has. The version is that
   * before the mark: one that comes after it may be that of a writer who has taken the mark away again.
   */
  #watch(frame: number): { version: number; isWatched: boolean } {
    let version = 0;
    for (let n = 0; n < MOST_MARKS; n++) {
      version = Atomics.load(this.#versions, frame);
      while (Atomics.compareExchange(this.#versions, LOCK, 0, 1));
      const old = Atomics.or(this.#flags, frame, CODE | WAS_CODE);
      // pCPUs drop their write translations, and count the frame as written if they had one, by which it is no longer marked.
      if (!(old & CODE) && old & WRITTEN) Atomics.add(this.#generation, 0, 1n);
      Atomics.store(this.#versions, LOCK, 0);
      if (!(old & WRITTEN)) return { version, isWatched: true };
      if (!this.#followed()) break;
      if (Atomics.load(this.#flags, frame) & CODE) return { version, isWatched: true };
    }
    return { version, isWatched: false };
  }

  /** Returns whether every pCPU that executes has followed the present generation, after waiting a little for it. */
  #followed(): boolean {
    const generation = Atomics.load(this.#generation, 0);
    for (let id = 0; id < MAX_PCPUS; id++) {
      const executes = (ACTIVITY + id * ACTIVITY_SIZE + ACTIVITY_EXECUTES) >> 2;
      const followed = (ACTIVITY + id * ACTIVITY_SIZE + ACTIVITY_FOLLOWED) >> 3;
      const lags = () => Atomics.load(this.#words, executes) === 1 && Atomics.load(this.#quads, followed) < generation;
      while (lags()) {
        if (this.#looks <= 0) return false;
        this.#looks--;
        Atomics.wait(this.#words, executes, 1, LOOK_AFTER);
      }
    }
    return true;
  }

  /** Returns whether nobody has written to the pages since they were opened, and nobody can write unnoticed. */
  hold(pages: CodePage[]): boolean {
    return pages.every(({ host, version, isWatched }) => {
      const frame = host >>> 12;
      const isCode = isWatched && (this.#flags[frame]! & CODE) !== 0 && version !== VERSION_LAST;
      return isCode && Atomics.load(this.#versions, frame) === version;
    });
  }
}
