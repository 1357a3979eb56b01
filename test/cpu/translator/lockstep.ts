/** Two machines in the same state, one that interprets and one that runs translated code. Every exit must find both in the same state. */
import * as state from "../../../core/machine/cpu/state.ts";
import { EXIT_SYSCALL } from "../../../core/machine/cpu/exits.ts";
import { Machine } from "../machine.ts";
import type { CodeCache } from "../../../core/machine/translator/code-cache/store.ts";
import type { Random } from "./assembler.ts";
import { TranslatedCode } from "./translated.ts";

const POOL = 0x3b00000;
/** All that programs may reach lies from here up to the pool. */
const MEMORY = 0x3a00000;
const PAGES = 1024;
const BUDGET = 20_000;
/** The first index of regions in the function table. */
const FIRST_PLACE = 16;
const STANDING_NS = 1_000_000_000;

export interface Difference {
  seed: number;
  entry: number;
  text: string;
}

/** Machine memory that is compared. */
export interface Area {
  name: string;
  from: number;
  length: number;
}

/** How one run on both machines has ended: where they differ, or null; or because their budgets, which end at different places, were used up. */
export type Outcome = { text: string | null } | "budget";

export class Lockstep {
  readonly interpreter: Machine;
  readonly translated: Machine;
  readonly code: TranslatedCode;
  readonly #areas: readonly Area[];
  /** Runs that ended by themselves. */
  runs = 0;

  /** `cache`: how many places and operations the translator has, if that is to be few. `known` is the cache on disk. */
  constructor(
    compiled: WebAssembly.Module,
    areas: readonly Area[],
    cache?: { places: number; ops: number },
    known?: CodeCache,
  ) {
    // Stores into the code and jumps into the middle of instructions produce RDTSC and RDRAND too. Time stands still, so that both see the same.
    const now = (): number => STANDING_NS;
    this.interpreter = new Machine(compiled, null, PAGES, now);
    this.translated = new Machine(compiled, null, PAGES, now);
    this.#areas = areas;
    for (const m of this.both) m.exports.engine_budget!(BUDGET);
    const { exports, memory } = this.translated;
    this.code = new TranslatedCode(exports as unknown as WebAssembly.Exports, memory, POOL, {
      ...(cache && { indices: { first: FIRST_PLACE, end: FIRST_PLACE + cache.places }, ops: cache.ops }),
      ...(known && { known }),
    });
  }

  get both(): [Machine, Machine] {
    return [this.interpreter, this.translated];
  }

  /** Runs both from `rip` on until they exit. */
  run(rip: bigint): Outcome {
    for (const m of this.both) m.rip = rip;
    return this.#compared(this.interpreter.run(), this.translated.run());
  }
  /** The same, where the one that runs translated code comes back after few instructions each time, and then something is changed. */
  runInterrupted(rip: bigint, random: Random, change: () => void): Outcome {
    for (const m of this.both) m.rip = rip;
    const m = this.translated;
    const until = m.retired + BUDGET;
    let exit = 0;
    while (exit === 0 && m.retired < until) {
      change();
      m.exports.engine_budget!(1 + random.below(60));
      exit = m.run();
    }
    return this.#compared(this.interpreter.run(), exit);
  }

  #compared(exit: number, other: number): Outcome {
    // The fuel of loops makes this rare.
    if ((exit === 0 || other === 0) && exit === other) {
      this.#alignMemory();
      return "budget";
    }
    const different = exit === other ? null : `exit ${exit} translated ${other}`;
    if (exit === 0 || other === 0) return { text: different };
    this.runs++;
    return { text: different ?? this.#compare(exit) };
  }

  /** Where they have stopped in different places, what they have written may differ also outside of what each program finds filled. */
  #alignMemory(): void {
    const [a, b] = this.both;
    b.bytes.set(a.bytes.subarray(MEMORY, POOL), MEMORY);
    for (let frame = MEMORY; frame < POOL; frame += 4096) b.exports.engine_code_written!(frame);
  }

  #compare(exit: number): string | null {
    const [a, b] = this.both;
    const found: string[] = [];
    const same = (name: string, x: bigint | number, y: bigint | number) => {
      if (x !== y) found.push(`${name} ${x.toString(16)} translated ${y.toString(16)}`);
    };
    same("rip", a.rip, b.rip);
    same("flags", a.flags, b.flags);
    for (let n = 0; n < 16; n++) same(`r${n}`, a.reg(n), b.reg(n));
    for (let n = 0; n < 32; n++)
      same(`xmm${n >> 1}.${n & 1}`, a.get(state.CPU_XMM + 8 * n), b.get(state.CPU_XMM + 8 * n));
    for (let n = 0; n < 32; n++)
      same(`ymm${n >> 1}.${2 + (n & 1)}`, a.get(state.CPU_YMM_HIGH + 8 * n), b.get(state.CPU_YMM_HIGH + 8 * n));
    for (let n = 0; n < 16; n++)
      same(`st${n >> 1}.${n & 1}`, a.get(state.CPU_FPR + 8 * n), b.get(state.CPU_FPR + 8 * n));
    for (const [name, at] of Object.entries({ fcw: state.CPU_FCW, fsw: state.CPU_FSW }))
      same(name, a.view.getUint16(a.cpu + at, true), b.view.getUint16(b.cpu + at, true));
    same("ftw", a.view.getUint8(a.cpu + state.CPU_FTW), b.view.getUint8(b.cpu + state.CPU_FTW));
    same("fip", a.get(state.CPU_FIP), b.get(state.CPU_FIP));
    same("mxcsr", a.view.getUint32(a.cpu + state.CPU_MXCSR, true), b.view.getUint32(b.cpu + state.CPU_MXCSR, true));
    // The others leave them as they were.
    if (exit !== EXIT_SYSCALL) {
      same("vector", a.vector, b.vector);
      same("error", a.error, b.error);
      same("address", a.address, b.address);
    }
    same("retired", a.retired, b.retired);
    for (const { name, from, length } of this.#areas)
      if (Buffer.compare(a.bytes.subarray(from, from + length), b.bytes.subarray(from, from + length)) !== 0)
        found.push(`${name} differs`);
    return found.length ? found.join(", ") : null;
  }
}
