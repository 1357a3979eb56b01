/**
 * The host's physical memory as a native domain sees it, and the frames with which the domain was started. A guest pointer in a native domain's
 * hypercalls is a machine address inside frames that the domain owns.
 */

export const PAGE_SHIFT = 12;
export const PAGE_SIZE = 4096;

/** Little-endian access to the machine's memory by byte address (below 4 GiB). An access outside throws RangeError, which is a bug in dom0. */
export class PhysicalMemory {
  readonly memory: WebAssembly.Memory;
  #bytes: Uint8Array;
  #words: Int32Array;
  #view: DataView;

  constructor(memory: WebAssembly.Memory) {
    this.memory = memory;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#words = new Int32Array(memory.buffer);
    this.#view = new DataView(memory.buffer);
  }

  /** Returns a view, not a copy: what a guest changes shows at once. */
  bytes(address: number, length: number): Uint8Array {
    if (address < 0 || address + length > this.#bytes.length)
      throw new RangeError(`machine address 0x${address.toString(16)} is outside the host's memory`);
    return this.#bytes.subarray(address, address + length);
  }

  /** Returns whether the page at `address` is all zero. It makes no view, as whoever saves a domain asks for each of its pages. */
  isZeroPage(address: number): boolean {
    const words = this.#words;
    const end = (address + PAGE_SIZE) >>> 2;
    for (let at = address >>> 2; at < end; at++) if (words[at] !== 0) return false;
    return true;
  }

  /** Returns words for Atomics. `address` must be a multiple of 4. */
  words(address: number, count: number): Int32Array {
    return new Int32Array(this.memory.buffer, address, count);
  }

  get8 = (address: number): number => this.#view.getUint8(address);
  get16 = (address: number): number => this.#view.getUint16(address, true);
  get32 = (address: number): number => this.#view.getUint32(address, true);
  get64 = (address: number): bigint => this.#view.getBigUint64(address, true);
  set8 = (address: number, value: number): void => this.#view.setUint8(address, value);
  set16 = (address: number, value: number): void => this.#view.setUint16(address, value, true);
  set32 = (address: number, value: number): void => this.#view.setUint32(address, value >>> 0, true);
  set64 = (address: number, value: bigint | number): void => this.#view.setBigUint64(address, BigInt(value), true);

  /** Reads a zero-terminated ASCII string of at most `size` bytes. */
  string(address: number, size: number): string {
    const bytes = this.bytes(address, size);
    const end = bytes.indexOf(0);
    return Buffer.from(bytes.subarray(0, end < 0 ? size : end)).toString("latin1");
  }

  zero(address: number, length: number): void {
    this.bytes(address, length).fill(0);
  }
}

/**
 * A first-fit allocator for the domain's own frames, which are contiguous. It gives out contiguous runs, because the buffers of hypercalls need them.
 */
export class FrameAllocator {
  readonly #first: number;
  readonly #used: Uint8Array;
  #free: number;
  #hint = 0;

  /** Manages the frames `first` to `first + count - 1`, without those in `reserved` (start_info, shared_info). */
  constructor(first: number, count: number, reserved: readonly number[] = []) {
    this.#first = first;
    this.#used = new Uint8Array(count);
    this.#free = count;
    for (const mfn of reserved) {
      const index = mfn - first;
      if (index >= 0 && index < count && !this.#used[index]) {
        this.#used[index] = 1;
        this.#free--;
      }
    }
  }

  get freeFrames(): number {
    return this.#free;
  }

  /** Takes `count` adjacent frames and returns the mfn of the first. Throws if dom0 has no such run. */
  allocate(count = 1): number {
    const total = this.#used.length;
    for (const [from, to] of [
      [this.#hint, total],
      [0, Math.min(total, this.#hint + count)],
    ] as const) {
      let run = 0;
      for (let i = from; i < to; i++) {
        run = this.#used[i] ? 0 : run + 1;
        if (run === count) {
          const start = i - count + 1;
          this.#used.fill(1, start, i + 1);
          this.#free -= count;
          this.#hint = i + 1;
          return this.#first + start;
        }
      }
    }
    throw new Error(`dom0 is out of memory: no ${count} adjacent frames of its ${total} are free`);
  }

  free(mfn: number, count = 1): void {
    const start = mfn - this.#first;
    if (start < 0 || start + count > this.#used.length) throw new RangeError(`frame ${mfn} is not dom0's`);
    for (let i = start; i < start + count; i++) {
      if (!this.#used[i]) throw new Error(`frame ${this.#first + i} is freed twice`);
      this.#used[i] = 0;
    }
    this.#free += count;
    this.#hint = Math.min(this.#hint, start);
  }
}
