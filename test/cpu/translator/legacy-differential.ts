/**
 * Random programs of 16- and 32-bit code in every mode that has such code, interpreted and translated. The same pages are translated for one mode and
 * run in another, and back.
 */
import * as state from "../../../core/machine/cpu/state.ts";
import type { CodeCache } from "../../../core/machine/translator/code-cache/store.ts";
import { compileEngine } from "../engine.ts";
import { PRESENT, type Machine } from "../machine.ts";
import {
  enter,
  FRAMES,
  HIGH,
  LAST_CODE,
  LAST_DATA,
  LEGACY_MODES,
  LONG_MODE,
  LOW,
  type LegacyMode,
  type Places,
  type Segments,
} from "./legacy-modes.ts";
import { DATA, EDGE, FUEL, makeLegacyProgram, STACK_POINTER } from "./legacy-program.ts";
import { Lockstep, type Difference } from "./lockstep.ts";
import { Random } from "./assembler.ts";
import type { Program } from "./program.ts";

const CODE_BYTES = 0x2000;
const DATA_BYTES = 0x2000;
const STACK_BYTES = 0x1000;
/** The table of 4 entries above those of 2 levels, for 3 levels. */
const DIRECTORY_POINTERS = 0x3a30000;
const ENTRIES = 6;
const CS = state.CS;
const DS = state.DS;
const SS = state.SS;

function count(counts: Map<string, number>, name: string, by: number): void {
  counts.set(name, (counts.get(name) ?? 0) + by);
}

function mapPlaces(m: Machine, { code, data, stack }: Places): void {
  for (const page of [0, 0x1000]) m.map(BigInt(code + page), FRAMES.code + page);
  for (const page of [0, 0x1000]) m.map(BigInt(data + page), FRAMES.data + page);
  m.map(BigInt(stack), FRAMES.stack);
}

export class LegacyDifferential {
  readonly #machines: Lockstep;
  readonly #isKnown: boolean;
  /** Runs that ended by themselves, and how often translated code was entered, by the name of the mode. */
  readonly runs = new Map<string, number>();
  readonly entered = new Map<string, number>();

  /** With a cache on disk, every region is one that comes from there. */
  static async create(known?: CodeCache): Promise<LegacyDifferential> {
    return new LegacyDifferential(await compileEngine(), known);
  }

  private constructor(compiled: WebAssembly.Module, known: CodeCache | undefined) {
    this.#isKnown = known !== undefined;
    this.#machines = new Lockstep(
      compiled,
      [
        { name: "code", from: FRAMES.code, length: CODE_BYTES },
        { name: "data", from: FRAMES.data, length: DATA_BYTES },
        { name: "stack", from: FRAMES.stack, length: STACK_BYTES },
      ],
      undefined,
      known,
    );
    for (const m of this.#machines.both) {
      for (const places of [HIGH, LOW, LAST_DATA, LAST_CODE]) mapPlaces(m, places);
      const below = Number(m.view.getBigUint64(m.cr3, true) & ~0xfffn);
      for (let n = 0; n < 4; n++) {
        const entry = m.view.getBigUint64(below + 8 * n, true);
        m.view.setBigUint64(DIRECTORY_POINTERS + 8 * n, entry & PRESENT ? (entry & ~0xfffn) | PRESENT : 0n, true);
      }
    }
  }
  get regions(): number {
    return this.#machines.code.count;
  }
  /** The number of regions that came from the cache on disk. */
  get known(): number {
    return this.#machines.code.known;
  }

  /** Runs the program of a seed. Returns null if both agree at every exit. */
  run(seed: number): Difference | null {
    const random = new Random(seed);
    const mode = LEGACY_MODES[seed % LEGACY_MODES.length]!;
    const place = random.chance(10) ? 4096 - 1 - random.below(64) : random.below(2048);
    const segments = mode.segments(random, mode.places.code + place);
    const origin = mode.places.code + place - segments[CS]!.base;
    const program = makeLegacyProgram(random, mode.bits as 16 | 32, place > 2048 ? 4096 : 2000, origin);
    // Another mode in which the same bytes are code.
    const other = random.pick([...LEGACY_MODES, LONG_MODE]);
    const others = other.segments(random, other.places.code + place);
    // The last places are the same for code and for data.
    for (const m of this.#machines.both) for (const { places } of [other, mode]) mapPlaces(m, places);
    this.#enter(mode, segments);
    this.#load(program, place, mode, segments, random);
    const turns: [LegacyMode, Segments][] = [[mode, segments]];
    if (random.chance(40)) turns.push([other, others]);
    const large = random.chance(70);
    // Some is translated for both modes, some for one, which need not be the one that runs.
    for (const [each, theirs] of random.chance(50) ? turns : [random.pick(turns)]) {
      this.#enter(each, theirs);
      const requests = program.blocks.map((offset) =>
        this.#machines.code.request(FRAMES.code + place + offset, BigInt(each.places.code + place + offset), large),
      );
      this.#machines.code.translateAll(requests);
      if (!this.#isKnown) continue;
      this.#machines.code.giveUpAll();
      this.#machines.code.translateAll(requests);
    }
    for (let entry = 0; entry < ENTRIES; entry++) {
      const [each, theirs] = random.chance(70) ? turns[0]! : random.pick(turns);
      this.#enter(each, theirs);
      const linear = each.places.code + place + random.pick(program.blocks);
      const rip = each.bits === 64 ? linear : (linear - theirs[CS]!.base) >>> 0;
      const outcome = this.#machines.run(BigInt(rip));
      if (outcome === "budget") return null;
      count(this.entered, each.name, this.#machines.code.entered());
      count(this.runs, each.name, 1);
      if (outcome.text) return { seed, entry, text: `${mode.name}, runs as ${each.name}: ${outcome.text}` };
    }
    return null;
  }

  #enter(mode: LegacyMode, segments: Segments): void {
    for (const m of this.#machines.both) enter(m, mode, segments, mode.pae ? DIRECTORY_POINTERS : m.cr3);
  }

  #load(program: Program, place: number, mode: LegacyMode, segments: Segments, random: Random): void {
    const { data, stack } = mode.places;
    const offset = (linear: number, n: number): number => (linear - segments[n]!.base) >>> 0;
    const registers = Array.from({ length: 16 }, () => random.u64());
    for (let n = 0; n < 8; n++) registers[n] = registers[n]! & 0xffffffffn;
    registers[FUEL] = BigInt(1 + random.below(40));
    registers[DATA] = BigInt(offset(data + 0x200 + random.below(0xe00), DS));
    registers[EDGE] = BigInt(offset(data + DATA_BYTES - random.below(8), DS));
    registers[STACK_POINTER] = BigInt(offset(stack + 0x800 + (random.chance(90) ? 0 : random.below(0x800)), SS));
    for (const n of [0, 1, 2, 5]) if (random.chance(60)) registers[n] = BigInt(random.below(64));
    // EBP most often is a pointer into the stack, as in compilers' code.
    if (random.chance(60)) registers[5] = BigInt(offset(stack + 0x700 + random.below(0x100), SS));
    // 64-bit code leaves anything in the upper halves.
    if (random.chance(20)) for (let n = 0; n < 8; n++) registers[n] = registers[n]! | (BigInt(random.next()) << 32n);
    const memory = new Uint32Array(DATA_BYTES / 4).map(() => (random.chance(20) ? 0 : random.next()));
    const flags = (random.next() & 0x8d5) | 0x202;
    const xmm = Array.from({ length: 32 }, () => random.u64());
    for (const m of this.#machines.both) {
      this.#fill(m, program, place, new Uint8Array(memory.buffer));
      registers.forEach((value, n) => m.setReg(n, value));
      xmm.forEach((value, n) => m.set(state.CPU_XMM + 8 * n, value));
      m.view.setUint32(m.cpu + state.CPU_MXCSR, 0x1f80, true);
      m.bytes.fill(0, m.cpu + state.CPU_FPR, m.cpu + state.CPU_FPR + 128);
      m.view.setUint16(m.cpu + state.CPU_FCW, 0x37f, true);
      m.view.setUint16(m.cpu + state.CPU_FSW, 0, true);
      m.view.setUint8(m.cpu + state.CPU_FTW, 0);
      m.set(state.CPU_FIP, 0n);
      m.set(state.CPU_RETIRED, 0n);
      m.flags = flags | (m.flags & (1 << 17));
    }
  }
  #fill(m: Machine, program: Program, place: number, data: Uint8Array): void {
    for (const page of [0, 0x1000]) m.exports.engine_code_written!(FRAMES.code + page);
    m.bytes.fill(0xcc, FRAMES.code, FRAMES.code + CODE_BYTES);
    m.bytes.set(program.bytes, FRAMES.code + place);
    m.bytes.set(data, FRAMES.data);
    m.bytes.fill(0x11, FRAMES.stack, FRAMES.stack + STACK_BYTES);
    m.exports.engine_flush!();
  }
}
