/**
 * The page tables that a PVH guest keeps for itself, in whatever format its control registers choose (Intel SDM 3A chapter 4). They are walked as the
 * processor walks them, but without leaving a trace. The tables and what they name lie in guest-physical memory, behind the second stage.
 */
import { HypercallError } from "../../dom0/kernel/errno.ts";
import type { FrameWords, Inspector, PageRead, WalkedEntry } from "../../dom0/kernel/inspector.ts";
import {
  CR0_PG_BIT,
  CR4_PAE_BIT,
  CR4_PSE_BIT,
  EFER_LMA_BIT,
  PTE_LARGE_BIT,
  PTE_NX_BIT,
  PTE_PRESENT_BIT,
  PTE_USER_BIT,
  PTE_WRITE_BIT,
} from "../../machine/cpu/bit_numbers.ts";
import { machineAddress } from "./second-stage.ts";

/** Whether a register or an entry has the bit of this number. */
const has = (value: bigint, bit: number): boolean => ((value >> BigInt(bit)) & 1n) === 1n;
const ADDRESS = 0x000ffffffffff000n;

/** What the tables of a format look like: for each level, from the highest one down, the lowest bit of its index and the number of index bits. */
export interface TableFormat {
  name: string;
  levels: readonly { level: 4 | 3 | 2 | 1; shift: bigint; bits: bigint }[];
  entryBytes: 4 | 8;
  /** How many bits of a linear address count. */
  linearBits: bigint;
}
const FOUR: TableFormat = {
  name: "4 levels",
  levels: [
    { level: 4, shift: 39n, bits: 9n },
    { level: 3, shift: 30n, bits: 9n },
    { level: 2, shift: 21n, bits: 9n },
    { level: 1, shift: 12n, bits: 9n },
  ],
  entryBytes: 8,
  linearBits: 48n,
};
const PAE: TableFormat = {
  name: "3 levels (PAE)",
  levels: [
    { level: 3, shift: 30n, bits: 2n },
    { level: 2, shift: 21n, bits: 9n },
    { level: 1, shift: 12n, bits: 9n },
  ],
  entryBytes: 8,
  linearBits: 32n,
};
const TWO: TableFormat = {
  name: "2 levels",
  levels: [
    { level: 2, shift: 22n, bits: 10n },
    { level: 1, shift: 12n, bits: 10n },
  ],
  entryBytes: 4,
  linearBits: 32n,
};
const NONE: TableFormat = { name: "paging off", levels: [], entryBytes: 8, linearBits: 32n };

export interface GuestStep {
  level: 4 | 3 | 2 | 1;
  index: number;
  /** The guest-physical address of the entry. */
  address: bigint;
  value: bigint;
  /** Whether the entry maps a page or names a table, and the guest-physical address of that. null for an entry that is not present. */
  names: bigint | null;
  isLeaf: boolean;
}
export interface GuestWalk {
  steps: GuestStep[];
  /**
   * Where the walk leads to, and the size of the page; null if it ends before. `missing` is the guest-physical address of a table that lies in no
   * memory, if that is why it ends.
   */
  leads: { physical: bigint; pageBytes: number } | null;
  missing: bigint | null;
  writable: boolean;
  user: boolean;
  executable: boolean;
}

export class GuestTables {
  readonly #inspector: Inspector;
  readonly #domid: number;
  readonly #control: { cr0: bigint; cr3: bigint; cr4: bigint; efer: bigint };
  readonly #others: () => readonly number[];
  readonly format: TableFormat;

  /** `others` returns the other domains that have a second stage. */
  constructor(
    inspector: Inspector,
    domid: number,
    control: { cr0: bigint; cr3: bigint; cr4: bigint; efer: bigint },
    others: () => readonly number[],
  ) {
    this.#inspector = inspector;
    this.#domid = domid;
    this.#control = control;
    this.#others = others;
    this.format = !has(control.cr0, CR0_PG_BIT)
      ? NONE
      : has(control.efer, EFER_LMA_BIT)
        ? FOUR
        : has(control.cr4, CR4_PAE_BIT)
          ? PAE
          : TWO;
  }

  /** The guest-physical address of the highest table; null while paging is off. */
  get root(): bigint | null {
    const { cr3 } = this.#control;
    if (this.format === NONE) return null;
    return this.format === PAE ? cr3 & 0xffffffe0n : this.format === TWO ? cr3 & 0xfffff000n : cr3 & ADDRESS;
  }

  walk(linear: bigint): GuestWalk {
    const walked: GuestWalk = {
      steps: [],
      leads: null,
      missing: null,
      writable: true,
      user: true,
      executable: true,
    };
    let table = this.root;
    const within = linear & ((1n << this.format.linearBits) - 1n);
    if (table === null) return { ...walked, leads: { physical: within, pageBytes: 4096 } };
    for (const { level, shift, bits } of this.format.levels) {
      const index = (within >> shift) & ((1n << bits) - 1n);
      const address = table + index * BigInt(this.format.entryBytes);
      const bytes = this.#inspector.readPhysical(this.#domid, address, this.format.entryBytes);
      if (!bytes) return { ...walked, missing: address };
      const value = Buffer.from(bytes).readUIntLE(0, 4);
      const high = this.format.entryBytes === 8 ? Buffer.from(bytes).readUInt32LE(4) : 0;
      const entry = (BigInt(high) << 32n) | BigInt(value);
      const isLeaf = level === 1 || (this.#mayBeLarge(level) && has(entry, PTE_LARGE_BIT));
      const pageBytes = 1n << shift;
      const names = has(entry, PTE_PRESENT_BIT) ? this.#named(entry, isLeaf ? pageBytes : 4096n) : null;
      walked.steps.push({ level, index: Number(index), address, value: entry, names, isLeaf });
      if (names === null) return walked;
      // The four entries of the highest level of PAE have no rights.
      if (this.format !== PAE || level !== 3) {
        walked.writable &&= has(entry, PTE_WRITE_BIT);
        walked.user &&= has(entry, PTE_USER_BIT);
        walked.executable &&= this.format === TWO || !has(entry, PTE_NX_BIT);
      }
      if (isLeaf)
        return { ...walked, leads: { physical: names + (within & (pageBytes - 1n)), pageBytes: Number(pageBytes) } };
      table = names;
    }
    return walked;
  }

  #mayBeLarge(level: number): boolean {
    if (this.format === FOUR) return level === 2 || level === 3;
    return level === 2 && (this.format === PAE || has(this.#control.cr4, CR4_PSE_BIT));
  }

  /** In the format with 2 levels, an entry for 4 MiB has 8 more bits of its address in bits 13 to 20 (PSE-36). */
  #named(entry: bigint, pageBytes: bigint): bigint {
    if (this.format !== TWO) return entry & ADDRESS & ~(pageBytes - 1n);
    if (pageBytes === 4096n) return entry & 0xfffff000n;
    return (entry & 0xffc00000n) | (((entry >> 13n) & 0xffn) << 32n);
  }

  /** Reads up to the end of the page. Returns null where nothing is mapped. */
  read(linear: bigint, length: number): PageRead | null {
    const { leads, writable, executable } = this.walk(linear);
    const bytes = leads && this.#inspector.readPhysical(this.#domid, leads.physical, length);
    return bytes && { bytes, writable, executable };
  }

  /** Returns what the host's frame table says about a machine frame, or null if that is no frame of the host. */
  frame(mfn: number): FrameWords | null {
    return this.#inspector.frame(mfn);
  }

  second(physical: bigint): WalkedEntry[] {
    return this.#inspector.second(this.#domid, physical);
  }

  /** Returns the other domains that have machine frame `mfn` at that guest-physical address. */
  sharers(physical: bigint, mfn: number): number[] {
    return this.#others().filter((domid) => {
      try {
        const machine = machineAddress(physical, this.#inspector.second(domid, physical));
        return machine !== null && Number(machine >> 12n) === mfn;
      } catch (error) {
        // The domain has gone meanwhile.
        if (error instanceof HypercallError) return false;
        throw error;
      }
    });
  }
}
