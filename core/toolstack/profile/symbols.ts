/** The names of a kernel's functions, from its ELF file or from a System.map. */

/** No function is longer than this: an address that is further behind the last symbol does not belong to it. */
const MOST_BYTES = 1n << 20n;
const KERNEL_HALF = 1n << 63n;

const SHT_SYMTAB = 2;
const STT_NOTYPE = 0;
const STT_FUNC = 2;
const SYMBOL_BYTES = 24;

export interface KernelSymbol {
  name: string;
  /** The distance of the address from the symbol's. */
  offset: number;
}

/** Symbols in the form in which they are sent from one thread to another: sorted addresses, and a name on each line. */
export interface SymbolTable {
  addresses: BigUint64Array;
  names: string;
}

export class Symbols {
  readonly #addresses: BigUint64Array;
  readonly #names: string[];

  constructor(symbols: Iterable<[address: bigint, name: string]>) {
    const sorted = [...symbols].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    // If several names have the same address, the first one is kept.
    const distinct = sorted.filter(([address], n) => n === 0 || sorted[n - 1]![0] !== address);
    this.#addresses = BigUint64Array.from(distinct, ([address]) => address);
    this.#names = distinct.map(([, name]) => name);
  }
  static of({ addresses, names }: SymbolTable): Symbols {
    const list = names.split("\n");
    return new Symbols(Array.from(addresses, (address, n): [bigint, string] => [address, list[n]!]));
  }
  table(): SymbolTable {
    return { addresses: this.#addresses.slice(), names: this.#names.join("\n") };
  }
  get size(): number {
    return this.#names.length;
  }

  /** Returns where the function of that name begins, or null if there is none. */
  addressOf(name: string): bigint | null {
    return this.#addresses[this.#names.indexOf(name)] ?? null;
  }

  /** Returns the function in which an address of the kernel lies. null for an address of the user's, and if no function is near. */
  find(address: bigint): KernelSymbol | null {
    if (address < KERNEL_HALF) return null;
    let low = 0;
    let high = this.#addresses.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#addresses[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return null;
    const offset = address - this.#addresses[low - 1]!;
    return offset < MOST_BYTES ? { name: this.#names[low - 1]!, offset: Number(offset) } : null;
  }
}

/** Reads the lines of System.map or /proc/kallsyms: address, type, name. Returns null if the text is no such table. */
export function systemMapSymbols(text: string): Symbols | null {
  const found: [bigint, string][] = [];
  for (const [, address, name] of text.matchAll(/^([0-9a-f]{8,16}) [tTwW] (\S+)/gm))
    found.push([BigInt(`0x${address}`), name!]);
  return found.some(([address]) => address !== 0n) ? new Symbols(found) : null;
}

/** Returns the functions in the symbol table of a 64-bit ELF file. null if it has none, as the kernels of distributions. */
export function elfSymbols(bytes: Uint8Array): Symbols | null {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) return null;
  const found: [bigint, string][] = [];
  try {
    const sections = Number(file.readBigUInt64LE(40));
    const size = file.readUInt16LE(58);
    const count = file.readUInt16LE(60);
    const section = (n: number) => {
      const at = sections + n * size;
      return {
        type: file.readUInt32LE(at + 4),
        offset: Number(file.readBigUInt64LE(at + 24)),
        size: Number(file.readBigUInt64LE(at + 32)),
        link: file.readUInt32LE(at + 40),
      };
    };
    for (let n = 0; sections !== 0 && n < count; n++) {
      const table = section(n);
      if (table.type !== SHT_SYMTAB) continue;
      const names = section(table.link).offset;
      for (let at = table.offset; at < table.offset + table.size; at += SYMBOL_BYTES) {
        const type = file[at + 4]! & 15;
        const defined = file.readUInt16LE(at + 6) !== 0;
        if (!defined || (type !== STT_FUNC && type !== STT_NOTYPE)) continue;
        const name = names + file.readUInt32LE(at);
        const end = file.indexOf(0, name);
        if (end > name) found.push([file.readBigUInt64LE(at + 8), file.toString("latin1", name, end)]);
      }
      // A file has only one symbol table.
      break;
    }
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
  return found.length ? new Symbols(found) : null;
}
