/** A small machine around the engine for unit tests: 64 MiB, with page tables, code and registers set by the test. */
import * as state from "../../core/machine/cpu/state.ts";

export const PRESENT = 1n;
export const WRITABLE = 2n;
export const USER = 4n;
export const NX = 1n << 63n;

/** The page tables and frames of tests begin here. The engine's own data ends far below. */
const TABLES = 0x3000000;

export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RBX = 3;
export const RSP = 4;
export const RBP = 5;
export const RSI = 6;
export const RDI = 7;

type Exports = Record<string, (...args: (number | bigint)[]) => number>;

/** A further processor of a machine that another Machine has made, with that machine's memory, page tables and tables of code. */
export interface Processor {
  memory: WebAssembly.Memory;
  /** Counted from 1. */
  number: number;
  /** The machine address of what the engine needs for it. */
  region: number;
  codeVersions: number;
  codeFlags: number;
}

export class Machine {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly memory: WebAssembly.Memory;
  readonly exports: Exports;
  readonly cpu: number;
  readonly cr3: number;
  #nextTable: number;

  /** `now` is the clock in nanoseconds that RDTSC and RDRAND use. */
  constructor(
    compiled: WebAssembly.Module,
    processor: Processor | null = null,
    pages = 1024,
    now = (): number => performance.now() * 1e6,
  ) {
    const memory = processor?.memory ?? new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true });
    const env = {
      memory,
      now,
      adopt() {},
      trap(code: number) {
        throw new Error(`trap ${code}`);
      },
    };
    this.exports = new WebAssembly.Instance(compiled, { env }).exports as Exports;
    this.memory = memory;
    this.view = new DataView(memory.buffer);
    this.bytes = new Uint8Array(memory.buffer);
    if (processor)
      this.exports.engine_join!(processor.number, processor.region, processor.codeVersions, processor.codeFlags);
    else {
      const end = this.exports.engine_init!(0x200000);
      if (end > TABLES) throw new Error(`the engine's data ends at ${end.toString(16)}`);
    }
    this.cpu = this.exports.engine_state!() >>> 0;
    this.cr3 = TABLES;
    this.#nextTable = TABLES + 0x1000;
    this.set(state.CPU_CR0, 0x80050033n);
    this.set(state.CPU_CR3, BigInt(this.cr3));
    this.set(state.CPU_CR4, 0x40620n);
    this.set(state.CPU_EFER, 0xd01n);
    this.set(state.CPU_XCR0, 3n);
    this.view.setUint32(this.cpu + state.CPU_MXCSR, 0x1f80, true);
    this.view.setUint16(this.cpu + state.CPU_FCW, 0x37f, true);
    this.view.setUint32(this.cpu + state.CPU_DEPRIVILEGED, 1, true);
    this.level(3);
    this.flags = 0x202;
  }

  /** Loads flat 64-bit segments of a privilege level. */
  level(cpl: number): void {
    this.segment(state.CS, 0x30 | cpl, 0xa9b | (cpl << 5));
    this.segment(state.SS, 0x28 | cpl, 0xc93 | (cpl << 5));
    for (const n of [state.DS, state.ES, state.FS, state.GS]) this.segment(n, 0, 0xc93 | (cpl << 5));
    this.view.setUint32(this.cpu + state.CPU_CPL, cpl, true);
  }
  segment(n: number, selector: number, attributes: number, base = 0n, limit = 0xffffffff): void {
    const at = this.cpu + state.CPU_SEG + n * state.SEG_SIZE;
    this.view.setBigUint64(at + state.SEG_BASE, base, true);
    this.view.setUint32(at + state.SEG_LIMIT, limit, true);
    this.view.setUint16(at + state.SEG_SELECTOR, selector, true);
    this.view.setUint16(at + state.SEG_ATTR, attributes, true);
  }

  /** Maps one 4 KiB page; returns the address of its level 1 entry. */
  map(linear: bigint, frame: number, flags = PRESENT | WRITABLE | USER): number {
    let table = this.cr3;
    for (let level = 4; level > 1; level--) {
      const at = table + Number((linear >> BigInt(12 + 9 * (level - 1))) & 511n) * 8;
      let entry = this.view.getBigUint64(at, true);
      if (!(entry & 1n)) {
        entry = BigInt(this.#nextTable) | 7n;
        this.#nextTable += 0x1000;
        this.view.setBigUint64(at, entry, true);
      }
      table = Number(entry & 0xffffff000n);
    }
    const at = table + Number((linear >> 12n) & 511n) * 8;
    this.view.setBigUint64(at, BigInt(frame) | flags, true);
    return at;
  }

  /** Writes bytes (hex, spaces allowed) to machine memory. */
  put(address: number, hex: string): void {
    this.bytes.set(Buffer.from(hex.replace(/\s/g, ""), "hex"), address);
  }

  set(offset: number, value: bigint): void {
    this.view.setBigUint64(this.cpu + offset, BigInt.asUintN(64, value), true);
  }
  get(offset: number): bigint {
    return this.view.getBigUint64(this.cpu + offset, true);
  }
  reg(n: number): bigint {
    return this.get(state.CPU_GPR + n * 8);
  }
  setReg(n: number, value: bigint): void {
    this.set(state.CPU_GPR + n * 8, value);
  }
  get rip(): bigint {
    return this.get(state.CPU_RIP);
  }
  set rip(value: bigint) {
    this.set(state.CPU_RIP, value);
  }
  get flags(): number {
    return this.exports.engine_get_rflags!() >>> 0;
  }
  set flags(value: number) {
    this.exports.engine_set_rflags!(value);
  }
  get vector(): number {
    return this.view.getUint32(this.cpu + state.CPU_EXIT_VECTOR, true);
  }
  get error(): number {
    return this.view.getUint32(this.cpu + state.CPU_EXIT_ERROR, true);
  }
  get address(): bigint {
    return this.get(state.CPU_EXIT_ADDRESS);
  }
  get retired(): number {
    return Number(this.get(state.CPU_RETIRED));
  }
  run(): number {
    return this.exports.engine_run!();
  }
  step(): number {
    return this.exports.engine_step!();
  }
}
