/** Random programs of 64-bit code, interpreted and translated. */
import * as state from "../../../core/machine/cpu/state.ts";
import { compileEngine } from "../engine.ts";
import { PRESENT, USER, WRITABLE } from "../machine.ts";
import type { RegionRequest } from "../../../core/machine/translator/translator.ts";
import { Lockstep, type Difference } from "./lockstep.ts";
import { makeProgram, Random, REGISTERS, type Program } from "./program.ts";

const EDGES = [1n << 63n, 0x7fff_ffff_ffe0n, 0x8000_0000_0000n, 0xffff_7fff_ffff_ffe0n, 0xffff_8000_0000_0000n];
const CODE = 0x40_0000n;
/** The same code at other addresses: far up in the lower half, and where kernels are. */
const ALIASES = [0x7f00_0000_0000n, 0xffff_ffff_8100_0000n];
const CODE_FRAME = 0x3a00000;
const DATA = 0x60_0000n;
const DATA_FRAME = 0x3a10000;
const DATA_PAGES = 2;
/** Distance between the frames of neighbouring pages, with something else between them. */
const APART = 0x2000;
const STACK = 0x70_0000n;
const STACK_FRAME = 0x3a20000;
const STACK_PAGES = 2;
const ENTRIES = 4;

export class Differential {
  readonly #machines: Lockstep;

  static async create(): Promise<Differential> {
    return new Differential(await compileEngine());
  }

  private constructor(compiled: WebAssembly.Module) {
    this.#machines = new Lockstep(compiled, [
      { name: "code", from: CODE_FRAME, length: 0x2000 },
      { name: "data", from: DATA_FRAME, length: DATA_PAGES * APART },
      { name: "stack", from: STACK_FRAME, length: STACK_PAGES * APART },
    ]);
    for (const m of this.#machines.both) {
      m.map(CODE, CODE_FRAME);
      m.map(CODE + 0x1000n, CODE_FRAME + 0x1000);
      for (const alias of ALIASES) m.map(alias, CODE_FRAME);
      for (let i = 0; i < STACK_PAGES; i++) m.map(STACK + BigInt(i) * 0x1000n, STACK_FRAME + i * APART);
    }
  }
  /** The number of clusters made. */
  clusters = 0;
  /** Runs that ended by themselves, and the number of regions made. */
  get runs(): number {
    return this.#machines.runs;
  }
  get regions(): number {
    return this.#machines.code.count;
  }

  /** Runs the program of a seed. Returns null if both agree at every exit. */
  run(seed: number): Difference | null {
    const random = new Random(seed);
    // Sometimes the code lies at the end of a page, so that it continues in the next.
    const place = random.chance(10) ? 4096 - 1 - random.below(64) : random.below(2048);
    const program = makeProgram(random, place > 2048 ? 4096 : 2000);
    this.#load(program, place, random);
    const large = random.chance(70);
    const { code } = this.#machines;
    code.translateAll(program.blocks.map((offset) => this.#request(place + offset, large)));
    if (random.chance(40)) this.#cluster(program, place, random);
    const again = random.chance(20);
    for (let entry = 0; entry < ENTRIES; entry++) {
      if (again && entry) this.#replaceSome(program, place, random);
      const at = BigInt(place + random.pick(program.blocks)) + (random.chance(30) ? random.pick(ALIASES) : CODE);
      const outcome = this.#machines.run(at);
      if (outcome === "budget") return null;
      if (outcome.text) return { seed, entry, text: outcome.text };
    }
    return null;
  }

  /** Makes a cluster of some of the blocks, and perhaps another one of these and others. */
  #cluster({ blocks }: Program, place: number, random: Random): void {
    const { code } = this.#machines;
    for (let n = 1 + random.below(2); n > 0; n--) {
      const begin = place + random.pick(blocks);
      const places = blocks.filter(() => random.chance(70)).map((offset) => place + offset - (begin & ~0xfff));
      // Blocks follow one another as they stand, or by chance.
      const executed = random.chance(50) ? places : Array.from({ length: 200 }, () => random.pick(places));
      if (places.length && code.cluster(this.#request(begin, false), executed)) this.clusters++;
    }
  }

  #request(offset: number, large: boolean): RegionRequest {
    return this.#machines.code.request(CODE_FRAME + offset, CODE + BigInt(offset), large);
  }
  /** Gives up all regions, and translates some blocks again, which then have the places of others, in modules that have other regions. */
  #replaceSome({ blocks }: Program, place: number, random: Random): void {
    const { code } = this.#machines;
    code.giveUpAll();
    const large = random.chance(50);
    for (const offset of blocks) if (random.chance(60)) code.translate(this.#request(place + offset, large));
  }

  #load(program: Program, place: number, random: Random): void {
    const registers = Array.from({ length: 16 }, () => random.u64());
    registers[REGISTERS.FUEL] = BigInt(1 + random.below(40));
    // Often near the border of two pages.
    registers[REGISTERS.DATA] =
      DATA + BigInt(random.chance(40) ? 0xf80 + random.below(0x100) : 0x200 + random.below(0xe00));
    // Aligned, for the moves that have to be.
    if (random.chance(40)) registers[REGISTERS.DATA]! &= ~31n;
    registers[REGISTERS.EDGE] = DATA + BigInt(DATA_PAGES * 0x1000 - random.below(8));
    registers[REGISTERS.RSP] = STACK + (random.chance(70) ? 0x1800n : 0xfd0n + BigInt(random.below(0x60)));
    for (let n = 0; n < 4; n++) {
      if (random.chance(60)) registers[n] = BigInt(random.below(64));
      // The borders of what is canonical, and the number farthest from it.
      else if (random.chance(15)) registers[n] = random.pick(EDGES) + BigInt(random.below(64));
    }
    const data = new Uint32Array((DATA_PAGES * 0x1000) / 4).map(() => (random.chance(20) ? 0 : random.next()));
    const doubles = new Float64Array(data.buffer);
    for (let i = 0; i < doubles.length; i += 2)
      doubles[i] = (random.next() - 0x80000000) / random.pick([1, 3, 1024, 1e-9]);
    const flags = (random.next() & 0x8d5) | 0x202;
    const xmm = Array.from({ length: 32 }, () => random.u64());
    const high = Array.from({ length: 32 }, () => random.u64());
    // Without AVX in XCR0, or with a lazily switched unit, AVX's instructions fault.
    const xcr0 = random.chance(97) ? 7n : 3n;
    const cr0 = random.chance(97) ? 0x80050033n : 0x8005003bn;
    const mxcsr = random.chance(80) ? 0x1fa0 : random.pick([0x1f80, 0x1f80, 0x9fc0, 0x7fa0, 0x1f21, 0x1e80]);
    const control = random.chance(90) ? 0x37f : 0x340;
    const readOnly = random.chance(20) ? random.below(DATA_PAGES) : -1;
    for (const m of this.#machines.both) {
      for (let i = 0; i < DATA_PAGES; i++)
        m.map(DATA + BigInt(i) * 0x1000n, DATA_FRAME + i * APART, PRESENT | USER | (i === readOnly ? 0n : WRITABLE));
      m.exports.engine_code_written!(CODE_FRAME);
      m.exports.engine_code_written!(CODE_FRAME + 0x1000);
      m.bytes.fill(0xcc, CODE_FRAME, CODE_FRAME + 0x2000);
      m.bytes.set(program.bytes, CODE_FRAME + place);
      for (let i = 0; i < DATA_PAGES; i++) {
        m.bytes.fill(0x22, DATA_FRAME + i * APART, DATA_FRAME + (i + 1) * APART);
        m.bytes.set(new Uint8Array(data.buffer, i * 0x1000, 0x1000), DATA_FRAME + i * APART);
      }
      m.bytes.fill(0x11, STACK_FRAME, STACK_FRAME + STACK_PAGES * APART);
      m.exports.engine_flush!();
      registers.forEach((value, n) => m.setReg(n, value));
      xmm.forEach((value, n) => m.set(state.CPU_XMM + 8 * n, value));
      high.forEach((value, n) => m.set(state.CPU_YMM_HIGH + 8 * n, value));
      m.set(state.CPU_XCR0, xcr0);
      m.set(state.CPU_CR0, cr0);
      m.view.setUint32(m.cpu + state.CPU_MXCSR, mxcsr, true);
      m.bytes.fill(0, m.cpu + state.CPU_FPR, m.cpu + state.CPU_FPR + 128);
      m.view.setUint16(m.cpu + state.CPU_FCW, control, true);
      m.view.setUint16(m.cpu + state.CPU_FSW, 0, true);
      m.view.setUint8(m.cpu + state.CPU_FTW, 0);
      m.set(state.CPU_FIP, 0n);
      m.set(state.CPU_RETIRED, 0n);
      m.flags = flags;
    }
  }
}
