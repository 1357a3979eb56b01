/** The engine as legacy.c's cases see it, with the same LDT, code and data. It takes a case and gives a result. */
import * as exits from "../../../../core/machine/cpu/exits.ts";
import * as state from "../../../../core/machine/cpu/state.ts";
import { Machine, NX, PRESENT, USER, WRITABLE } from "../../machine.ts";
import { TranslatedCode } from "../../translator/translated.ts";
import { CODE_ADDRESS, DATA_PAGES, WINDOW, WINDOW_START } from "../generate.ts";
import { CASE, RESULT } from "./generate.ts";
import { attributes, CODE_PAGE, descriptor, LDT } from "./segments.ts";

const CODE_FRAME = 0x3800000;
const DATA_FRAME = 0x3810000;
/** The descriptor tables lie in supervisor pages, as in Linux. */
const TABLES = 0xffff_8000_0000_0000n;
const TABLES_FRAME = 0x3820000;
const POOL = 0x3b00000;
const LDT_OFFSET = 0x800;
const MXCSR = 0x1f80;
const SEGMENTS = [state.ES, state.SS, state.DS, state.FS, state.GS];

export class LegacyEngine {
  readonly #machine: Machine;
  readonly #translated: TranslatedCode | null;

  /** With `translates`, every case is translated to WebAssembly before it runs. */
  constructor(compiled: WebAssembly.Module, translates = false) {
    const m = new Machine(compiled);
    this.#machine = m;
    const exports = m.exports as unknown as WebAssembly.Exports;
    this.#translated = translates ? new TranslatedCode(exports, m.memory, POOL) : null;
    m.set(state.CPU_XCR0, 7n);
    m.map(BigInt(CODE_PAGE), CODE_FRAME);
    for (const page of [0, 0x1000]) m.map(BigInt(DATA_PAGES + page), DATA_FRAME + page, PRESENT | WRITABLE | USER | NX);
    m.map(TABLES, TABLES_FRAME, PRESENT | WRITABLE);
    // Linux's GDT, as far as programs can tell: kernel code of both kinds and data, 32-bit code, data, 64-bit code.
    const gdt = [
      0n,
      0x00cf9b000000ffffn,
      0x00af9b000000ffffn,
      0x00cf93000000ffffn,
      0x00cffb000000ffffn,
      0x00cff3000000ffffn,
      0x00affb000000ffffn,
    ];
    gdt.forEach((entry, n) => m.view.setBigUint64(TABLES_FRAME + 8 * n, entry, true));
    for (const each of LDT)
      m.view.setBigUint64(TABLES_FRAME + LDT_OFFSET + (each.selector & ~7), descriptor(each), true);
    m.set(state.CPU_GDTR_BASE, TABLES);
    m.view.setUint32(m.cpu + state.CPU_GDTR_LIMIT, 127, true);
    m.segment(state.LDTR, 0x50, 0x82, TABLES + BigInt(LDT_OFFSET), 8 * (LDT.length + 1) - 1);
  }

  /** The number of regions made. */
  get regions(): number {
    return this.#translated?.count ?? 0;
  }

  /** Runs one case until its trap. The result has the layout of legacy.c's `struct result`. */
  run(test: Uint8Array, result: Uint8Array): void {
    const m = this.#machine;
    const input = new DataView(test.buffer, test.byteOffset);
    const selector = (n: number): number => input.getUint16(CASE.segments + 2 * n, true);
    // An earlier case may have written to either.
    m.bytes.fill(0xcc, CODE_FRAME, CODE_FRAME + 4096);
    m.bytes.set(test.subarray(CASE.code, CASE.code + 24), CODE_FRAME + (CODE_ADDRESS & 0xfff));
    m.bytes.fill(0, DATA_FRAME, DATA_FRAME + 8192);
    m.bytes.set(test.subarray(CASE.memory, CASE.memory + WINDOW), DATA_FRAME + (WINDOW_START - DATA_PAGES));
    m.exports.engine_code_written!(CODE_FRAME);
    const code = LDT.find((each) => each.selector === selector(state.CS))!;
    const limit = code.pages ? code.limit * 4096 + 4095 : code.limit;
    m.segment(state.CS, code.selector, attributes(code), BigInt(code.base), limit);
    m.exports.engine_refresh!();
    for (const n of SEGMENTS)
      if (m.exports.engine_load_segment!(n, selector(n)))
        throw new Error(`segment ${n} can't be loaded with ${selector(n)}`);
    for (let n = 0; n < 8; n++) m.setReg(n, BigInt(input.getUint32(CASE.gpr + 4 * n, true)));
    m.rip = BigInt(input.getUint32(CASE.eip, true));
    for (let n = 0; n < 8; n++) {
      const at = CASE.ymm + 32 * n;
      m.bytes.set(test.subarray(at, at + 16), m.cpu + state.CPU_XMM + 16 * n);
      m.bytes.set(test.subarray(at + 16, at + 32), m.cpu + state.CPU_YMM_HIGH + 16 * n);
    }
    m.view.setUint32(m.cpu + state.CPU_MXCSR, MXCSR, true);
    m.flags = input.getUint32(CASE.eflags, true);
    m.exports.engine_refresh!();
    const translated = this.#translated;
    translated?.translate(translated.request(CODE_FRAME + (CODE_ADDRESS & 0xfff), BigInt(CODE_ADDRESS)));
    let exit: number;
    do exit = m.run();
    while (exit === exits.EXIT_POLL);

    let { vector, error } = m;
    if (exit === exits.EXIT_PRIVILEGED) {
      vector = error;
      error = 0;
    } else if (exit !== exits.EXIT_EXCEPTION && exit !== exits.EXIT_SOFTWARE_INTERRUPT) throw new Error(`exit ${exit}`);
    const output = new DataView(result.buffer, result.byteOffset);
    output.setUint32(RESULT.trap, vector, true);
    output.setUint32(RESULT.error, error, true);
    output.setUint32(RESULT.cr2, vector === 14 ? Number(m.address & 0xffffffffn) : 0, true);
    output.setUint32(RESULT.eip, Number(m.rip & 0xffffffffn), true);
    output.setUint32(RESULT.eflags, m.flags, true);
    for (let n = 0; n < 8; n++) output.setUint32(RESULT.gpr + 4 * n, Number(m.reg(n) & 0xffffffffn), true);
    for (let n = 0; n < 6; n++) {
      const at = m.cpu + state.CPU_SEG + n * state.SEG_SIZE + state.SEG_SELECTOR;
      output.setUint16(RESULT.segments + 2 * n, m.view.getUint16(at, true), true);
    }
    for (let n = 0; n < 8; n++) {
      const [low, high] = [m.cpu + state.CPU_XMM + 16 * n, m.cpu + state.CPU_YMM_HIGH + 16 * n];
      result.set(m.bytes.subarray(low, low + 16), RESULT.ymm + 32 * n);
      result.set(m.bytes.subarray(high, high + 16), RESULT.ymm + 32 * n + 16);
    }
    const window = DATA_FRAME + (WINDOW_START - DATA_PAGES);
    result.set(m.bytes.subarray(window, window + WINDOW), RESULT.memory);
  }
}
