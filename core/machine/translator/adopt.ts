/** A pCPU's side of translation: instantiates what the translator has made, puts it into this instance's table, and drops what is given up. */
import { HELPER_NAMES } from "./imports.ts";
import type { RegionPlace } from "./translator.ts";

/** A module compiled by the translator's thread; the machine code is shared. */
export interface AdoptMessage {
  id: number;
  module: WebAssembly.Module;
  regions: RegionPlace[];
}

export class AdoptedRegions {
  readonly #memory: WebAssembly.Memory;
  /** The functions that translated code calls, in the order of their table. */
  readonly #helpers: WebAssembly.ExportValue[];
  readonly #table: WebAssembly.Table;
  readonly #adopt: (host: number, mode: number, index: number) => void;
  readonly #drop: (host: number, index: number) => void;
  readonly #regions = new Map<number, RegionPlace[]>();

  constructor(core: WebAssembly.Exports, memory: WebAssembly.Memory) {
    this.#table = core.table as WebAssembly.Table;
    this.#memory = memory;
    this.#helpers = HELPER_NAMES.map((name) => core[name]!);
    this.#adopt = core.region_adopt as (host: number, mode: number, index: number) => void;
    this.#drop = core.region_drop as (host: number, index: number) => void;
  }

  adopt({ id, module, regions }: AdoptMessage): void {
    const { exports } = new WebAssembly.Instance(module, {
      core: { memory: this.#memory, helpers: this.#tableOfHelpers() },
    });
    const last = Math.max(...regions.map(({ index }) => index));
    if (last >= this.#table.length) this.#table.grow(last + 1);
    regions.forEach(({ host, mode, index }, i) => {
      this.#table.set(index, exports[i]);
      this.#adopt(host, mode, index);
    });
    this.#regions.set(id, regions);
  }

  /**
   * A table for one module. V8 11 keeps every instance that has imported a table for as long as that table, so with one table for all no module would ever be
   * freed.
   */
  #tableOfHelpers(): WebAssembly.Table {
    const { length } = this.#helpers;
    const table = new WebAssembly.Table({ element: "anyfunc", initial: length, maximum: length });
    this.#helpers.forEach((helper, n) => table.set(n, helper));
    return table;
  }

  drop(id: number): void {
    for (const { host, index } of this.#regions.get(id) ?? []) {
      this.#drop(host, index);
      this.#table.set(index, null);
    }
    this.#regions.delete(id);
  }
}
