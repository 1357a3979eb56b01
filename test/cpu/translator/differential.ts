/** Random programs of 64-bit code, interpreted and translated. */
import * as state from "../../../core/machine/cpu/state.ts";
import { compileEngine } from "../engine.ts";
import { PRESENT, USER, WRITABLE } from "../machine.ts";
import type { RegionRequest } from "../../../core/machine/translator/translator.ts";
import type { CodeCache } from "../../../core/machine/translator/code-cache/store.ts";
import { Lockstep, type Difference } from "./lockstep.ts";
import { Random } from "./assembler.ts";
import { makeProgram, REGISTERS, type Program } from "./program.ts";

const EDGES = [1n << 63n, 0x7fff_ffff_ffe0n, 0x8000_0000_0000n, 0xffff_7fff_ffff_ffe0n, 0xffff_8000_0000_0000n];
const CODE = 0x40_0000n;
/**
 * The same code at other addresses: far up in the lower half, and where kernels are; and with nothing behind it, at the ends of both halves and of 4 GiB.
 */
const ALIASES = [0x7f00_0000_0000n, 0xffff_ffff_8100_0000n];
const ENDS = [0x7fff_ffff_f000n, 0xffff_8000_0000_0000n, 0xffff_ffff_ffff_f000n, 0xffff_f000n];
const CODE_FRAME = 0x3a00000;
/** Where data is: mostly at the first of these. Behind it is nothing, which may be an address that is not canonical, or that begins at 0 again. */
const DATA = [
  0x60_0000n,
  0x7fff_ffff_e000n,
  0xffff_8880_c345_6000n,
  0xffff_c900_0080_7000n,
  0xffff_ffff_ffff_e000n,
  0xffff_e000n,
];
const DATA_FRAME = 0x3a10000;
const DATA_PAGES = 2;
/** With a code cache of so few places, regions are given up all the time. It has room for so many operations. */
const FEW = { places: 20, ops: 160 };
/** Distance between the frames of neighbouring pages, with something else between them. */
const APART = 0x2000;
/** Where the stack is, as data. */
const STACK = [0x70_0000n, 0x7fff_ffff_e000n, 0xffff_c900_0001_0000n, 0xffff_ffff_ffff_e000n, 0xffff_8000_0000_0000n];
const STACK_FRAME = 0x3a20000;
const STACK_PAGES = 2;
const ENTRIES = 4;

export class Differential {
  readonly #machines: Lockstep;
  readonly #evicts: boolean;
  readonly #isKnown: boolean;

  /**
   * With `few`, the translator's code cache is small, and regions go and come while others run. With a cache on disk, every region is one that
   * comes from there.
   */
  static async create(cache: "full" | "few" | CodeCache = "full"): Promise<Differential> {
    return new Differential(await compileEngine(), cache === "few", typeof cache === "string" ? undefined : cache);
  }

  private constructor(compiled: WebAssembly.Module, evicts: boolean, known: CodeCache | undefined) {
    this.#evicts = evicts;
    this.#isKnown = known !== undefined;
    this.#machines = new Lockstep(
      compiled,
      [
        { name: "code", from: CODE_FRAME, length: 0x2000 },
        { name: "data", from: DATA_FRAME, length: DATA_PAGES * APART },
        { name: "stack", from: STACK_FRAME, length: STACK_PAGES * APART },
      ],
      evicts ? FEW : undefined,
      known,
    );
    for (const m of this.#machines.both) {
      m.map(CODE, CODE_FRAME);
      m.map(CODE + 0x1000n, CODE_FRAME + 0x1000);
      for (const alias of ALIASES) m.map(alias, CODE_FRAME);
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
  get evicted(): number {
    return this.#machines.code.evicted;
  }
  /** The number of regions that came from the cache on disk. */
  get known(): number {
    return this.#machines.code.known;
  }
  get entered(): number {
    return this.#machines.code.entered();
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
    // Code at the end of a page goes on where something is mapped behind it.
    const at = random.chance(60) ? CODE : random.pick([...ALIASES, ...ENDS]);
    const requests = program.blocks.map((offset) => this.#request(place + offset, large, at));
    if (this.#evicts) for (const request of requests) code.translate(request);
    else code.translateAll(requests);
    if (this.#isKnown) {
      code.giveUpAll();
      code.translateAll(requests);
    }
    if (random.chance(50)) this.#cluster(program, place, random);
    const again = random.chance(20);
    for (let entry = 0; entry < ENTRIES; entry++) {
      if (again && entry) this.#replaceSome(program, place, random);
      const page = random.pick([at, at, CODE, random.pick([...ALIASES, ...ENDS])]);
      const rip = BigInt.asUintN(64, BigInt(place + random.pick(program.blocks)) + page);
      const outcome = this.#evicts
        ? this.#machines.runInterrupted(rip, random, () => this.#change(program, place, random))
        : this.#machines.run(rip);
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

  #request(offset: number, large: boolean, page = CODE): RegionRequest {
    return this.#machines.code.request(CODE_FRAME + offset, BigInt.asUintN(64, page + BigInt(offset)), large);
  }
  /** Gives up what is oldest, or translates something. */
  #change({ blocks }: Program, place: number, random: Random): void {
    const { code } = this.#machines;
    if (random.chance(20)) return code.giveUpOldest();
    if (random.chance(15)) return this.#cluster({ bytes: [], blocks }, place, random);
    code.translate(this.#request(place + random.pick(blocks), random.chance(50)));
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
    const data = random.chance(70) ? DATA[0]! : random.pick(DATA);
    const stack = random.chance(70) ? STACK[0]! : random.pick(STACK);
    registers[REGISTERS.FUEL] = BigInt(1 + random.below(40));
    // Often near the border of two pages.
    registers[REGISTERS.DATA] =
      data + BigInt(random.chance(40) ? 0xf80 + random.below(0x100) : 0x200 + random.below(0xe00));
    // Aligned, for the moves that have to be.
    if (random.chance(40)) registers[REGISTERS.DATA]! &= ~31n;
    registers[REGISTERS.EDGE] = data + BigInt(DATA_PAGES * 0x1000 - random.below(8));
    // In the middle, near the border of its pages, or near its beginning or its end, which may be that of all addresses.
    const pointers = [
      0x1800,
      0x1800,
      0x1800,
      0xfd0 + random.below(0x60),
      random.below(0x40),
      0x2000 - random.below(0x20),
    ];
    registers[REGISTERS.RSP] = BigInt.asUintN(64, stack + BigInt(random.pick(pointers)));
    for (let n = 0; n < 4; n++) {
      if (random.chance(60)) registers[n] = BigInt(random.below(64));
      // The borders of what is canonical, and the number farthest from it.
      else if (random.chance(15)) registers[n] = random.pick(EDGES) + BigInt(random.below(64));
    }
    const bases = [0n, 0x40n, data - 0x1000n, 0xffff_8880_0000_0000n].map((base) => BigInt.asUintN(64, base));
    const [fs, gs] = [random.pick(bases), random.pick(bases)];
    const content = new Uint32Array((DATA_PAGES * 0x1000) / 4).map(() => (random.chance(20) ? 0 : random.next()));
    const doubles = new Float64Array(content.buffer);
    for (let i = 0; i < doubles.length; i += 2)
      doubles[i] = (random.next() - 0x80000000) / random.pick([1, 3, 1024, 1e-9]);
    const flags = (random.next() & 0x8d5) | (random.chance(5) ? 0x602 : 0x202);
    const xmm = Array.from({ length: 32 }, () => random.u64());
    const high = Array.from({ length: 32 }, () => random.u64());
    // Without AVX in XCR0, or with a lazily switched unit, AVX's instructions fault.
    const xcr0 = random.chance(97) ? 7n : 3n;
    const cr0 = random.chance(97) ? 0x80050033n : 0x8005003bn;
    const mxcsr = random.chance(80) ? 0x1fa0 : random.pick([0x1f80, 0x1f80, 0x9fc0, 0x7fa0, 0x1f21, 0x1e80]);
    const control = random.chance(90) ? 0x37f : 0x340;
    const readOnly = random.chance(20) ? random.below(DATA_PAGES) : -1;
    for (const m of this.#machines.both) {
      for (const from of [...DATA.filter((each) => each !== data), data]) {
        if (from === data) for (const end of ENDS) m.map(end, CODE_FRAME);
        for (let i = 0; i < DATA_PAGES; i++)
          m.map(from + BigInt(i) * 0x1000n, DATA_FRAME + i * APART, PRESENT | USER | (i === readOnly ? 0n : WRITABLE));
      }
      for (let i = 0; i < STACK_PAGES; i++) m.map(stack + BigInt(i) * 0x1000n, STACK_FRAME + i * APART);
      m.segment(state.FS, 0, 0xcf3, fs);
      m.segment(state.GS, 0, 0xcf3, gs);
      m.exports.engine_code_written!(CODE_FRAME);
      m.exports.engine_code_written!(CODE_FRAME + 0x1000);
      m.bytes.fill(0xcc, CODE_FRAME, CODE_FRAME + 0x2000);
      m.bytes.set(program.bytes, CODE_FRAME + place);
      for (let i = 0; i < DATA_PAGES; i++) {
        m.bytes.fill(0x22, DATA_FRAME + i * APART, DATA_FRAME + (i + 1) * APART);
        m.bytes.set(new Uint8Array(content.buffer, i * 0x1000, 0x1000), DATA_FRAME + i * APART);
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
