/** Translation at once, for tests: the region at an address is made and adopted before the next run. */
import { AdoptedRegions } from "../../../core/machine/translator/adopt.ts";
import { Translator } from "../../../core/machine/translator/translator.ts";

const POOL_BYTES = 0x100000;

type Functions = Record<string, (...args: number[]) => number>;

export class TranslatedCode {
  readonly #core: Functions;
  readonly #translator: Translator;
  readonly #adopted: AdoptedRegions;
  readonly #modules: number[] = [];
  /** Regions made. */
  count = 0;

  /** `pool`: machine address of 1 MiB for the translator. */
  constructor(exports: WebAssembly.Exports, memory: WebAssembly.Memory, pool: number) {
    this.#core = exports as Functions;
    const core = this.#core;
    this.#translator = new Translator(
      {
        memory,
        decode: (...args) => core.engine_decode!(...args),
        codeVersions: core.engine_code_versions!(),
        codeFlags: core.engine_code_flags!(),
        pool,
        poolEnd: pool + POOL_BYTES,
      },
      { first: 16, end: 4096 },
    );
    this.#adopted = new AdoptedRegions(exports, memory);
  }

  /** Translates the region at a machine address; false if it can't be one. */
  translate(host: number): boolean {
    return this.translateAll([host]);
  }
  /** Translates those of the regions that can be translated. */
  translateAll(hosts: number[]): boolean {
    for (const host of hosts) this.#core.engine_mark_code!(host);
    // Nothing runs meanwhile: the oldest can go at once.
    while (this.#modules.length > 100) {
      const oldest = this.#modules.shift()!;
      this.#adopted.drop(oldest);
      this.#translator.release(oldest);
    }
    const made = this.#translator.translate(hosts);
    if (!made) return false;
    this.#adopted.adopt({ ...made, module: new WebAssembly.Module(made.bytes) });
    this.#modules.push(made.id);
    this.count += made.regions.length;
    return true;
  }
}
