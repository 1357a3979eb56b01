/** Pages of guest code as the translator reads them, by the rules of ../cpu/code_frames.ts. */

/** A page that a region's code lies in. */
export interface CodePage {
  /** Linear distance from the region's first page, in bytes. */
  offset: number;
  /** Machine address. */
  host: number;
  /** Code version that it was read at. */
  version: number;
}

const CODE = 1;
const WRITTEN = 2;
const PRESENT = 1n;
const LARGE = 0x80n;
const ADDRESS = 0x000ffffffffff000n;

export class CodePages {
  readonly #view: DataView;
  readonly #versions: Uint32Array;
  readonly #flags: Uint8Array;

  constructor(machine: { memory: WebAssembly.Memory; codeVersions: number; codeFlags: number }) {
    const { buffer } = machine.memory;
    const frames = buffer.byteLength >>> 12;
    this.#view = new DataView(buffer);
    this.#versions = new Uint32Array(buffer, machine.codeVersions, frames);
    this.#flags = new Uint8Array(buffer, machine.codeFlags, frames);
  }

  /** Makes the page one that code is read from; null if it is no memory. */
  open(offset: number, host: number): CodePage | null {
    const frame = host >>> 12;
    if (frame >= this.#flags.length) return null;
    const old = Atomics.or(this.#flags, frame, CODE);
    // The generation: pCPUs drop their write translations, and count the frame as written if they had one.
    if (!(old & CODE) && old & WRITTEN) Atomics.add(this.#versions, 0, 1);
    return { offset, host, version: Atomics.load(this.#versions, frame) };
  }

  /** Whether nobody has written to the pages since they were opened. */
  hold(pages: CodePage[]): boolean {
    return pages.every(({ host, version }) => {
      const frame = host >>> 12;
      return (this.#flags[frame]! & CODE) !== 0 && Atomics.load(this.#versions, frame) === version;
    });
  }

  /** Machine address of the page at a linear address, through the page tables at `cr3`; null if there is none. */
  walk(cr3: bigint, linear: bigint): number | null {
    let table = cr3 & ADDRESS;
    for (let level = 4; level > 0; level--) {
      const index = (linear >> BigInt(3 + 9 * level)) & 511n;
      const at = table + 8n * index;
      if (at + 8n > BigInt(this.#view.byteLength)) return null;
      const entry = this.#view.getBigUint64(Number(at), true);
      if (!(entry & PRESENT)) return null;
      table = entry & ADDRESS;
      if (level > 1 && level < 4 && entry & LARGE) {
        const size = 1n << BigInt(3 + 9 * level);
        table = table - (table % size) + (linear % size) - (linear & 0xfffn);
        break;
      }
    }
    return table + 4096n <= BigInt(this.#view.byteLength) ? Number(table) : null;
  }
}
