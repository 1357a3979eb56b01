/** The engine as the harness sees it: test/cpu/engine-entry.ts compiled, with flat page tables. It takes a case and gives a result. */
import { readFileSync } from "node:fs";
import * as exits from "../../../core/machine/cpu/exits.ts";
import * as state from "../../../core/machine/cpu/state.ts";
import { TranslatedCode } from "../translator/translated.ts";
import { CASE, CODE_ADDRESS, DATA_PAGES, EDGE, RESULT, WINDOW, WINDOW_START } from "./layout.ts";

const MEMORY_PAGES = 1024;
/** Where the harness keeps page tables, code and data: the end of the 64 MiB, which the engine's own tables do not reach. */
const TABLES = 0x3e00000;
const CODE_FRAME = 0x3f00000;
const DATA_FRAME = 0x3f10000;
const POOL = 0x3c00000;
const ENGINE_REGION = 0x200000;

type Functions = Record<string, (...args: number[]) => number>;

export class Engine {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #exports: Functions;
  readonly #state: number;
  readonly #translated: TranslatedCode | null;

  /** With `translates`, every case is translated to WebAssembly before it runs. */
  constructor(wasm: string, translates = false) {
    const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES, maximum: 65536, shared: true });
    const module = new WebAssembly.Module(readFileSync(wasm));
    const env = {
      memory,
      now: () => performance.now() * 1e6,
      adopt() {},
      trap(code: number) {
        throw new Error(`engine trap ${code}`);
      },
    };
    const { exports } = new WebAssembly.Instance(module, { env });
    this.#exports = exports as Functions;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#view = new DataView(memory.buffer);
    this.#exports.engine_init!(ENGINE_REGION);
    this.#state = this.#exports.engine_state!();
    this.#map();
    this.#setUp();
    this.#translated = translates ? new TranslatedCode(exports, memory, POOL) : null;
  }

  /** The number of regions made. */
  get regions(): number {
    return this.#translated?.count ?? 0;
  }

  /** The tables map code at CODE_ADDRESS and two data pages at DATA_PAGES. Everything else is not mapped. */
  #map(): void {
    const present = 7n;
    const entry = (table: number, index: number, value: number, flags = present) =>
      this.#view.setBigUint64(table + index * 8, BigInt(value) | flags, true);
    const [l4, l3, l2a, l1a, l1b] = [0, 1, 2, 3, 4].map((n) => TABLES + n * 4096) as [
      number,
      number,
      number,
      number,
      number,
    ];
    entry(l4, 0, l3);
    entry(l3, 0, l2a);
    entry(l2a, CODE_ADDRESS >>> 21, l1a);
    entry(l1a, (CODE_ADDRESS >>> 12) & 511, CODE_FRAME);
    entry(l2a, DATA_PAGES >>> 21, l1b);
    entry(l1b, (DATA_PAGES >>> 12) & 511, DATA_FRAME);
    entry(l1b, ((DATA_PAGES >>> 12) & 511) + 1, DATA_FRAME + 4096);
  }

  #segment(n: number, selector: number, attributes: number): void {
    const at = this.#state + state.CPU_SEG + n * state.SEG_SIZE;
    this.#view.setBigUint64(at + state.SEG_BASE, 0n, true);
    this.#view.setUint32(at + state.SEG_LIMIT, 0xffffffff, true);
    this.#view.setUint16(at + state.SEG_SELECTOR, selector, true);
    this.#view.setUint16(at + state.SEG_ATTR, attributes, true);
  }

  /** The state of a user program under 64-bit Linux. */
  #setUp(): void {
    const set64 = (offset: number, value: bigint) => this.#view.setBigUint64(this.#state + offset, value, true);
    this.#segment(state.CS, 0x33, 0xafb);
    this.#segment(state.SS, 0x2b, 0xcf3);
    for (const n of [state.DS, state.ES, state.FS, state.GS]) this.#segment(n, 0, 0xcf3);
    set64(state.CPU_CR0, 0x80050033n); // PE MP ET NE WP AM PG
    set64(state.CPU_CR3, BigInt(TABLES));
    set64(state.CPU_CR4, 0x406a0n & ~0x80n); // PAE MCE OSFXSR OSXMMEXCPT OSXSAVE
    set64(state.CPU_EFER, 0xd01n);
    set64(state.CPU_XCR0, 7n);
    this.#view.setUint32(this.#state + state.CPU_CPL, 3, true);
    this.#view.setUint32(this.#state + state.CPU_DEPRIVILEGED, 1, true);
    this.#bytes.fill(0xcc, CODE_FRAME, CODE_FRAME + 4096);
  }

  /** Runs one case until its trap. The result has the layout of silicon.c's `struct result`. */
  run(test: Uint8Array, result: Uint8Array): void {
    const view = this.#view;
    const bytes = this.#bytes;
    const input = new DataView(test.buffer, test.byteOffset);
    const s = this.#state;
    bytes.set(test.subarray(CASE.code, CASE.code + 24), CODE_FRAME + (CODE_ADDRESS & 0xfff));
    bytes.fill(0, DATA_FRAME, DATA_FRAME + EDGE);
    bytes.fill(0, DATA_FRAME + 0x2000 - EDGE, DATA_FRAME + 0x2000);
    bytes.set(test.subarray(CASE.memory, CASE.memory + WINDOW), DATA_FRAME + (WINDOW_START - DATA_PAGES));
    bytes.set(test.subarray(CASE.gpr, CASE.gpr + 128), s + state.CPU_GPR);
    view.setBigUint64(s + state.CPU_RIP, BigInt(CODE_ADDRESS), true);
    this.#exports.engine_set_rflags!(Number(input.getBigUint64(CASE.rflags, true)));
    this.#loadFpu(test.subarray(CASE.fx, CASE.fx + 512), input);
    bytes.set(test.subarray(CASE.ymm, CASE.ymm + 256), s + state.CPU_YMM_HIGH);
    this.#exports.engine_code_written!(CODE_FRAME);
    this.#exports.engine_flush!();
    this.#exports.engine_refresh!();
    const code = this.#translated;
    code?.translate(code.request(CODE_FRAME + (CODE_ADDRESS & 0xfff), BigInt(CODE_ADDRESS)));

    let exit: number;
    do exit = this.#exports.engine_run!();
    while (exit === exits.EXIT_POLL);

    const output = new DataView(result.buffer, result.byteOffset);
    const rip = view.getBigUint64(s + state.CPU_RIP, true);
    let vector = view.getUint32(s + state.CPU_EXIT_VECTOR, true);
    let error = view.getUint32(s + state.CPU_EXIT_ERROR, true);
    if (exit === exits.EXIT_PRIVILEGED) {
      vector = error;
      error = 0;
    } else if (exit !== exits.EXIT_EXCEPTION && exit !== exits.EXIT_SOFTWARE_INTERRUPT) throw new Error(`exit ${exit}`);
    output.setUint32(RESULT.trap, vector, true);
    output.setUint32(RESULT.error, error, true);
    output.setBigUint64(RESULT.cr2, vector === 14 ? view.getBigUint64(s + state.CPU_EXIT_ADDRESS, true) : 0n, true);
    output.setBigUint64(RESULT.rip, rip, true);
    output.setBigUint64(RESULT.rflags, BigInt(this.#exports.engine_get_rflags!() >>> 0), true);
    result.set(bytes.subarray(s + state.CPU_GPR, s + state.CPU_GPR + 128), RESULT.gpr);
    this.#storeFpu(result.subarray(RESULT.fx, RESULT.fx + 512));
    result.set(bytes.subarray(s + state.CPU_YMM_HIGH, s + state.CPU_YMM_HIGH + 256), RESULT.ymm);
    const window = DATA_FRAME + (WINDOW_START - DATA_PAGES);
    result.set(bytes.subarray(window, window + WINDOW), RESULT.memory);
  }

  /** Loads FXRSTOR's format, in which registers are ST-relative, while they are physical here. */
  #loadFpu(fx: Uint8Array, input: DataView): void {
    const s = this.#state;
    let fsw = input.getUint16(CASE.fx + 2, true) & ~0x8080;
    if (fsw & ~input.getUint16(CASE.fx, true) & 0x3f) fsw |= 0x8080;
    const top = (fsw >> 11) & 7;
    this.#view.setUint16(s + state.CPU_FCW, input.getUint16(CASE.fx, true), true);
    this.#view.setUint16(s + state.CPU_FSW, fsw, true);
    this.#view.setUint8(s + state.CPU_FTW, fx[4]!);
    this.#view.setUint16(s + state.CPU_FOP, input.getUint16(CASE.fx + 6, true), true);
    this.#view.setBigUint64(s + state.CPU_FIP, input.getBigUint64(CASE.fx + 8, true), true);
    this.#view.setBigUint64(s + state.CPU_FDP, input.getBigUint64(CASE.fx + 16, true), true);
    this.#view.setUint32(s + state.CPU_MXCSR, input.getUint32(CASE.fx + 24, true), true);
    for (let i = 0; i < 8; i++) {
      const at = s + state.CPU_FPR + 16 * ((top + i) & 7);
      this.#bytes.fill(0, at, at + 16);
      this.#bytes.set(fx.subarray(32 + 16 * i, 42 + 16 * i), at);
    }
    this.#bytes.set(fx.subarray(160, 416), s + state.CPU_XMM);
  }

  #storeFpu(fx: Uint8Array): void {
    const s = this.#state;
    const out = new DataView(fx.buffer, fx.byteOffset);
    const fsw = this.#view.getUint16(s + state.CPU_FSW, true);
    const top = (fsw >> 11) & 7;
    out.setUint16(0, this.#view.getUint16(s + state.CPU_FCW, true), true);
    out.setUint16(2, fsw, true);
    fx[4] = this.#view.getUint8(s + state.CPU_FTW);
    out.setUint16(6, this.#view.getUint16(s + state.CPU_FOP, true), true);
    out.setBigUint64(8, this.#view.getBigUint64(s + state.CPU_FIP, true), true);
    out.setBigUint64(16, this.#view.getBigUint64(s + state.CPU_FDP, true), true);
    out.setUint32(24, this.#view.getUint32(s + state.CPU_MXCSR, true), true);
    for (let i = 0; i < 8; i++) {
      const at = s + state.CPU_FPR + 16 * ((top + i) & 7);
      fx.set(this.#bytes.subarray(at, at + 10), 32 + 16 * i);
    }
    fx.set(this.#bytes.subarray(s + state.CPU_XMM, s + state.CPU_XMM + 256), 160);
  }
}
