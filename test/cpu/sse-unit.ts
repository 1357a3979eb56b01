/** The SSE unit (sse-entry.ts compiled) with page tables like the harness's address space. It takes a case and gives a result. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import * as state from "../../core/machine/cpu/state.ts";
import { CASE, CODE_ADDRESS, DATA_PAGES, RESULT, WINDOW, WINDOW_START } from "./silicon/generate.ts";

const root = path.resolve(import.meta.dirname, "../..");
const REGION = 0x200000;
const TABLES = 0x3e00000;
const CODE_FRAME = 0x3f00000;
const DATA_FRAME = 0x3f10000;
const WINDOW_HOST = DATA_FRAME + (WINDOW_START - DATA_PAGES);

type Functions = Record<string, (...args: number[]) => number>;

/** Compiles sse-entry.ts with the flags of the real build. */
export function compileSseUnit(wasm: string): void {
  const flags =
    "--runtime stub --importMemory --sharedMemory --initialMemory 1024 --maximumMemory 65536 --memoryBase 1024 " +
    "--enable threads --enable simd --enable bulk-memory --enable sign-extension --enable nontrapping-f2i -O3 " +
    "--noAssert --use abort= --disableWarning";
  const asc = path.join(root, "node_modules/assemblyscript/bin/asc.js");
  execFileSync(process.execPath, [asc, "test/cpu/sse-entry.ts", "-o", wasm, ...flags.split(" ")], {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe"],
  });
}

export class SseUnit {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly call: Functions;
  /** The address of the vCPU state. */
  readonly cpu: number;

  constructor(wasm: string) {
    const memory = new WebAssembly.Memory({ initial: 1024, maximum: 65536, shared: true });
    const env = { memory, now: () => performance.now() * 1e6, adopt() {}, trap: () => undefined };
    const module = new WebAssembly.Module(readFileSync(wasm));
    this.call = new WebAssembly.Instance(module, { env }).exports as Functions;
    this.bytes = new Uint8Array(memory.buffer);
    this.view = new DataView(memory.buffer);
    this.call.unit_init!(REGION);
    this.cpu = REGION;
    this.#map();
    this.reset();
  }

  /** Maps code at CODE_ADDRESS and two data pages at DATA_PAGES, and nothing else. */
  #map(): void {
    const entry = (table: number, index: number, to: number) =>
      this.view.setBigUint64(TABLES + table * 4096 + index * 8, BigInt(to) | 7n, true);
    entry(0, 0, TABLES + 4096);
    entry(1, 0, TABLES + 2 * 4096);
    entry(2, CODE_ADDRESS >>> 21, TABLES + 3 * 4096);
    entry(2, DATA_PAGES >>> 21, TABLES + 4 * 4096);
    entry(3, (CODE_ADDRESS >>> 12) & 511, CODE_FRAME);
    entry(4, (DATA_PAGES >>> 12) & 511, DATA_FRAME);
    entry(4, ((DATA_PAGES >>> 12) & 511) + 1, DATA_FRAME + 4096);
  }

  set64(offset: number, value: bigint): void {
    this.view.setBigUint64(this.cpu + offset, value, true);
  }
  get64(offset: number): bigint {
    return this.view.getBigUint64(this.cpu + offset, true);
  }

  /** Sets the system state of a 64-bit user program. */
  reset(): void {
    this.bytes.fill(0, this.cpu, this.cpu + state.CPU_SIZE);
    for (let n = 0; n < 6; n++) {
      const at = this.cpu + state.CPU_SEG + n * state.SEG_SIZE;
      this.view.setUint32(at + state.SEG_LIMIT, 0xffffffff, true);
      this.view.setUint16(at + state.SEG_ATTR, n === state.CS ? 0xafb : 0xcf3, true);
    }
    this.set64(state.CPU_CR0, 0x80050033n);
    this.set64(state.CPU_CR3, BigInt(TABLES));
    this.set64(state.CPU_CR4, 0x40620n); // PAE OSFXSR OSXMMEXCPT OSXSAVE
    this.set64(state.CPU_EFER, 0xd01n);
    this.set64(state.CPU_XCR0, 3n);
    this.view.setUint32(this.cpu + state.CPU_CPL, 3, true);
    this.view.setUint16(this.cpu + state.CPU_FCW, 0x37f, true);
    this.view.setUint32(this.cpu + state.CPU_MXCSR, 0x1f80, true);
    this.bytes.fill(0xcc, CODE_FRAME, CODE_FRAME + 4096);
  }

  /** Executes one instruction. Returns the vector of its exception, or null. */
  execute(...code: number[]): number | null {
    this.bytes.fill(0xcc, CODE_FRAME + (CODE_ADDRESS & 0xfff), CODE_FRAME + 4096);
    this.bytes.set(code, CODE_FRAME + (CODE_ADDRESS & 0xfff));
    this.set64(state.CPU_RIP, BigInt(CODE_ADDRESS));
    const vector = this.call.unit_run!();
    return vector < 0 ? null : vector;
  }

  /** The host offset of the harness's window of data memory, which lies at WINDOW_START of the address space. */
  readonly window = WINDOW_HOST;

  /** Runs a case. The result has the layout of silicon.c's `struct result`. */
  run(test: Uint8Array, result: Uint8Array): void {
    const input = new DataView(test.buffer, test.byteOffset);
    const output = new DataView(result.buffer, result.byteOffset);
    const { view, bytes, cpu } = this;
    bytes.set(test.subarray(CASE.memory, CASE.memory + WINDOW), WINDOW_HOST);
    bytes.set(test.subarray(CASE.gpr, CASE.gpr + 128), cpu + state.CPU_GPR);
    this.call.unit_set_rflags!(Number(input.getBigUint64(CASE.rflags, true)));
    this.#loadFpu(test, input);
    const vector = this.execute(...test.subarray(CASE.code, CASE.code + 24));
    output.setUint32(RESULT.trap, vector ?? 3, true);
    output.setUint32(RESULT.error, view.getUint32(cpu + state.CPU_EXIT_ERROR, true), true);
    output.setBigUint64(RESULT.cr2, vector === 14 ? this.get64(state.CPU_EXIT_ADDRESS) : 0n, true);
    // After an instruction that succeeds, the harness's INT3 has trapped.
    output.setBigUint64(RESULT.rip, this.get64(state.CPU_RIP) + (vector === null ? 1n : 0n), true);
    output.setBigUint64(RESULT.rflags, BigInt(this.call.unit_get_rflags!() >>> 0), true);
    result.set(bytes.subarray(cpu + state.CPU_GPR, cpu + state.CPU_GPR + 128), RESULT.gpr);
    this.#storeFpu(result, output);
    result.set(bytes.subarray(WINDOW_HOST, WINDOW_HOST + WINDOW), RESULT.memory);
  }

  /** Loads FXRSTOR's format, in which registers are ST-relative, while they are physical here. */
  #loadFpu(test: Uint8Array, input: DataView): void {
    const { view, bytes, cpu } = this;
    const fsw = input.getUint16(CASE.fx + 2, true);
    view.setUint16(cpu + state.CPU_FCW, input.getUint16(CASE.fx, true), true);
    view.setUint16(cpu + state.CPU_FSW, fsw, true);
    view.setUint8(cpu + state.CPU_FTW, test[CASE.fx + 4]!);
    view.setUint16(cpu + state.CPU_FOP, 0, true);
    this.set64(state.CPU_FIP, 0n);
    this.set64(state.CPU_FDP, 0n);
    view.setUint32(cpu + state.CPU_MXCSR, input.getUint32(CASE.fx + 24, true), true);
    for (let i = 0; i < 8; i++) {
      const at = cpu + state.CPU_FPR + 16 * (((fsw >> 11) + i) & 7);
      bytes.set(test.subarray(CASE.fx + 32 + 16 * i, CASE.fx + 42 + 16 * i), at);
    }
    bytes.set(test.subarray(CASE.fx + 160, CASE.fx + 416), cpu + state.CPU_XMM);
    bytes.set(test.subarray(CASE.ymm, CASE.ymm + 256), cpu + state.CPU_YMM_HIGH);
  }

  #storeFpu(result: Uint8Array, output: DataView): void {
    const { view, bytes, cpu } = this;
    const fsw = view.getUint16(cpu + state.CPU_FSW, true);
    output.setUint16(RESULT.fx, view.getUint16(cpu + state.CPU_FCW, true), true);
    output.setUint16(RESULT.fx + 2, fsw, true);
    result[RESULT.fx + 4] = view.getUint8(cpu + state.CPU_FTW);
    output.setUint16(RESULT.fx + 6, view.getUint16(cpu + state.CPU_FOP, true), true);
    output.setBigUint64(RESULT.fx + 8, view.getBigUint64(cpu + state.CPU_FIP, true), true);
    output.setBigUint64(RESULT.fx + 16, view.getBigUint64(cpu + state.CPU_FDP, true), true);
    output.setUint32(RESULT.fx + 24, view.getUint32(cpu + state.CPU_MXCSR, true), true);
    for (let i = 0; i < 8; i++) {
      const at = cpu + state.CPU_FPR + 16 * (((fsw >> 11) + i) & 7);
      result.set(bytes.subarray(at, at + 10), RESULT.fx + 32 + 16 * i);
    }
    result.set(bytes.subarray(cpu + state.CPU_XMM, cpu + state.CPU_XMM + 256), RESULT.fx + 160);
    result.set(bytes.subarray(cpu + state.CPU_YMM_HIGH, cpu + state.CPU_YMM_HIGH + 256), RESULT.ymm);
  }
}
