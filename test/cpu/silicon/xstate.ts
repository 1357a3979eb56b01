/** Random instructions of XSAVE's family with the state before them, as cases for xstate.c, and the engine's answers in the form of its results. */
import { spawnSync } from "node:child_process";
import * as exits from "../../../core/machine/cpu/exits.ts";
import * as state from "../../../core/machine/cpu/state.ts";
import { Machine, RAX, RBX, RCX, RDX } from "../machine.ts";
import type { Random } from "../sse-cases.ts";
import { isAmd } from "./vendor.ts";

/** Bytes of an area with x87, SSE and AVX, and where its parts are. */
export const AREA = 832;
export const AREA_MXCSR = 24;
export const AREA_XMM = 160;
export const AREA_XSTATE_BV = 512;
export const AREA_XCOMP_BV = 520;
export const AREA_YMM = 576;

export const WINDOW = 1024;
const PAGE = 0x10000000;
export const WINDOW_START = PAGE + 4096 - WINDOW;
const CODE = 0x400000;
const CODE_FRAME = 0x3f00000;
const DATA_FRAME = 0x3f10000;

const CASE = {
  state: 0,
  memory: AREA,
  rax: AREA + WINDOW,
  rdx: 1864,
  rcx: 1872,
  rbx: 1880,
  code: 1888,
  size: 1920,
} as const;
const RESULT = { trap: 0, error: 4, cr2: 8, state: 16, memory: 16 + AREA, rax: 1872, rdx: 1880, size: 1888 } as const;
/** "trap" of an instruction that succeeds. */
export const NO_TRAP = 3;

export interface XstateCase {
  bytes: Buffer;
  /** The instruction in words. */
  name: string;
  length: number;
}
export interface XstateResult {
  trap: number;
  error: number;
  cr2: bigint;
  /** Registers as an area with all components. */
  state: Buffer;
  memory: Buffer;
  rax: bigint;
  rdx: bigint;
}

const bytes = (random: Random, count: number): Buffer =>
  Buffer.from(Array.from({ length: count }, () => random.below(256)));

/** An area that XRSTOR takes: registers of random content. `present` is XSTATE_BV. */
export function randomArea(random: Random, present: bigint, pointers: boolean): Buffer {
  const area = bytes(random, AREA);
  area.writeUInt16LE((random.u32() & 0x1f3f) | 0x40, 0);
  let status = (random.below(8) << 11) | (random.u32() & 0x477f);
  if (status & ~area.readUInt16LE(0) & 0x3f) status |= 0x8080;
  area.writeUInt16LE(status, 2);
  area.writeUInt8(random.below(256), 4);
  area.writeUInt8(0, 5);
  // Whether these are kept without an unmasked exception differs between vendors.
  area.writeUInt16LE(pointers ? random.below(0x800) : 0, 6);
  for (const at of [8, 16]) area.writeBigUInt64LE(pointers ? random.u64() & 0x7fff_ffff_ffffn : 0n, at);
  area.writeUInt32LE(random.u32() & 0xffff, AREA_MXCSR);
  for (let i = 0; i < 8; i++) area.fill(0, 42 + 16 * i, 48 + 16 * i);
  area.fill(0, 416, AREA_YMM);
  area.writeBigUInt64LE(present, AREA_XSTATE_BV);
  return area;
}

const SAVES: [string, number[]][] = [
  ["xsave", [0x0f, 0xae, 0x23]],
  ["xsaveopt", [0x0f, 0xae, 0x33]],
  ["xsavec", [0x0f, 0xc7, 0x23]],
];
/** Where an area may begin: it fits; only legacy part and header fit; only the legacy part fits; not aligned; nothing there at all. */
const PLACES = [0, 64, 192, 192, 192, 256, 384, 448, 512, 960, 8, 32, 1024];
/** Bits that no processor has in XCR0, so that both sides agree about them. */
const strangers = (random: Random): bigint => 1n << BigInt(random.pick([20, 33, 47, 60, 62, 63]));

export function xstateCase(random: Random, pointers: boolean): XstateCase {
  const test = Buffer.alloc(CASE.size);
  randomArea(random, BigInt(random.below(8)), pointers).copy(test, CASE.state);
  bytes(random, WINDOW).copy(test, CASE.memory);
  let rax = BigInt(random.below(8));
  let rdx = 0n;
  if (random.chance(3)) [rax, rdx] = [rax | (BigInt(random.below(0x7ff)) << 20n), BigInt(random.u32())];
  const place = random.pick(PLACES);
  test.writeBigUInt64LE(BigInt(WINDOW_START + place), CASE.rbx);
  let name: string;
  let code: number[];
  switch (random.below(5)) {
    case 0:
      name = "xgetbv";
      code = [...(random.chance(4) ? [random.pick([0x66, 0xf2, 0xf3])] : []), 0x0f, 0x01, 0xd0];
      test.writeBigUInt64LE(BigInt(random.pick([0, 0, 1, 1, 1, 2, 0x80000000])), CASE.rcx);
      break;
    case 1:
    case 2: {
      [name, code] = random.pick(SAVES);
      if (random.chance(2)) [name, code] = [`${name}64`, [0x48, ...code]];
      else if (name === "xsavec" && random.chance(10)) code = [random.pick([0x66, 0xf2, 0xf3]), ...code];
      break;
    }
    default: {
      [name, code] = random.chance(2) ? ["xrstor64", [0x48, 0x0f, 0xae, 0x2b]] : ["xrstor", [0x0f, 0xae, 0x2b]];
      const area = randomArea(random, BigInt(random.below(8)), pointers);
      if (random.chance(2)) area.writeBigUInt64LE((1n << 63n) | BigInt(random.below(8)), AREA_XCOMP_BV);
      if (random.chance(6)) area.writeBigUInt64LE(BigInt(random.below(8)) | strangers(random), AREA_XSTATE_BV);
      if (random.chance(6))
        area.writeBigUInt64LE(area.readBigUInt64LE(AREA_XCOMP_BV) | strangers(random), AREA_XCOMP_BV);
      if (random.chance(12)) area.writeUInt8(1 << random.below(8), 528 + random.below(48));
      if (random.chance(12)) area.writeBigUInt64LE(BigInt(random.below(8)), AREA_XCOMP_BV);
      if (random.chance(6)) area.writeUInt32LE((random.u32() | (0x10000 << random.below(16))) >>> 0, AREA_MXCSR);
      area.subarray(0, Math.max(0, WINDOW - place)).copy(test, CASE.memory + place);
    }
  }
  test.writeBigUInt64LE(rax, CASE.rax);
  test.writeBigUInt64LE(rdx, CASE.rdx);
  test.fill(0xc3, CASE.code, CASE.code + 8);
  test.set(code, CASE.code);
  return { bytes: test, name, length: code.length };
}

/** Says why this machine's processor can't be asked. */
export function xstateMissing(cpuinfo: string): string | null {
  if (process.arch !== "x64" || process.platform !== "linux") return "needs x86-64 Linux";
  const flags = /^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.split(" ") ?? [];
  const lacking = ["avx", "xsaveopt", "xsavec", "xgetbv1"].filter((flag) => !flags.includes(flag));
  if (isAmd()) return "AMD's processors have not been asked yet, and there are no rules for what they do differently";
  if (lacking.length) return `this processor has no ${lacking.join(", ")}`;
  return spawnSync("gcc", ["--version"]).status === 0 ? null : "needs gcc";
}

/** The real processor's results. `binary` is xstate.c, compiled. */
export function silicon(binary: string, cases: readonly XstateCase[]): XstateResult[] {
  const input = Buffer.concat(cases.map((one) => one.bytes));
  const { status, stdout } = spawnSync(binary, { input, maxBuffer: cases.length * RESULT.size + 4096 });
  if (status !== 0 || stdout.length !== cases.length * RESULT.size)
    throw new Error(`the harness ended with status ${status} after ${stdout.length / RESULT.size} cases`);
  return cases.map((_, i) => {
    const all = stdout.subarray(i * RESULT.size, (i + 1) * RESULT.size);
    return {
      trap: all.readUInt32LE(RESULT.trap),
      error: all.readUInt32LE(RESULT.error),
      cr2: all.readBigUInt64LE(RESULT.cr2),
      state: all.subarray(RESULT.state, RESULT.state + AREA),
      memory: all.subarray(RESULT.memory, RESULT.memory + WINDOW),
      rax: all.readBigUInt64LE(RESULT.rax),
      rdx: all.readBigUInt64LE(RESULT.rdx),
    };
  });
}

/** The engine with the harness's address space: 64-bit user code, XCR0 with x87, SSE and AVX. */
export class XstateEngine {
  readonly machine: Machine;

  constructor(compiled: WebAssembly.Module) {
    this.machine = new Machine(compiled);
    this.machine.map(BigInt(CODE), CODE_FRAME);
    this.machine.map(BigInt(PAGE), DATA_FRAME);
    this.machine.set(state.CPU_XCR0, 7n);
  }

  /** The window, where the engine has it. */
  get window(): Buffer {
    return Buffer.from(this.machine.memory.buffer, DATA_FRAME + 4096 - WINDOW, WINDOW);
  }

  /** Loads registers from an area with all components, whatever its XSTATE_BV says. */
  load(area: Buffer): void {
    const { view, bytes: all, cpu } = this.machine;
    const status = area.readUInt16LE(2);
    view.setUint16(cpu + state.CPU_FCW, area.readUInt16LE(0), true);
    view.setUint16(cpu + state.CPU_FSW, status, true);
    view.setUint8(cpu + state.CPU_FTW, area[4]!);
    view.setUint16(cpu + state.CPU_FOP, area.readUInt16LE(6), true);
    this.machine.set(state.CPU_FIP, area.readBigUInt64LE(8));
    this.machine.set(state.CPU_FDP, area.readBigUInt64LE(16));
    view.setUint32(cpu + state.CPU_MXCSR, area.readUInt32LE(AREA_MXCSR), true);
    for (let i = 0; i < 8; i++) {
      const at = cpu + state.CPU_FPR + 16 * (((status >> 11) + i) & 7);
      all.set(area.subarray(32 + 16 * i, 48 + 16 * i), at);
    }
    all.set(area.subarray(AREA_XMM, AREA_XMM + 256), cpu + state.CPU_XMM);
    all.set(area.subarray(AREA_YMM, AREA_YMM + 256), cpu + state.CPU_YMM_HIGH);
  }
  store(): Buffer {
    const { view, bytes: all, cpu } = this.machine;
    const area = Buffer.alloc(AREA);
    const status = view.getUint16(cpu + state.CPU_FSW, true);
    area.writeUInt16LE(view.getUint16(cpu + state.CPU_FCW, true), 0);
    area.writeUInt16LE(status, 2);
    area[4] = view.getUint8(cpu + state.CPU_FTW);
    area.writeUInt16LE(view.getUint16(cpu + state.CPU_FOP, true), 6);
    area.writeBigUInt64LE(this.machine.get(state.CPU_FIP), 8);
    area.writeBigUInt64LE(this.machine.get(state.CPU_FDP), 16);
    area.writeUInt32LE(view.getUint32(cpu + state.CPU_MXCSR, true), AREA_MXCSR);
    for (let i = 0; i < 8; i++) {
      const at = cpu + state.CPU_FPR + 16 * (((status >> 11) + i) & 7);
      area.set(all.subarray(at, at + 10), 32 + 16 * i);
    }
    area.set(all.subarray(cpu + state.CPU_XMM, cpu + state.CPU_XMM + 256), AREA_XMM);
    area.set(all.subarray(cpu + state.CPU_YMM_HIGH, cpu + state.CPU_YMM_HIGH + 256), AREA_YMM);
    return area;
  }

  run(test: XstateCase): XstateResult {
    const { machine } = this;
    const area = Buffer.from(test.bytes.subarray(CASE.state, CASE.state + AREA));
    initialise(area);
    this.load(area);
    this.window.set(test.bytes.subarray(CASE.memory, CASE.memory + WINDOW));
    for (const [n, at] of [
      [RAX, CASE.rax],
      [RDX, CASE.rdx],
      [RCX, CASE.rcx],
      [RBX, CASE.rbx],
    ] as const)
      machine.setReg(n, test.bytes.readBigUInt64LE(at));
    machine.bytes.fill(0xcc, CODE_FRAME, CODE_FRAME + 16);
    machine.bytes.set(test.bytes.subarray(CASE.code, CASE.code + test.length), CODE_FRAME);
    machine.exports.engine_code_written!(CODE_FRAME);
    machine.rip = BigInt(CODE);
    const failed = machine.step() === exits.EXIT_EXCEPTION;
    return {
      trap: failed ? machine.vector : NO_TRAP,
      error: failed ? machine.error : 0,
      cr2: failed && machine.vector === 14 ? machine.address : 0n,
      state: this.store(),
      memory: Buffer.from(this.window),
      rax: machine.reg(RAX),
      rdx: machine.reg(RDX),
    };
  }
}

/** Gives what XSTATE_BV leaves out its initial configuration, as XRSTOR does. */
function initialise(area: Buffer): void {
  const present = area.readBigUInt64LE(AREA_XSTATE_BV);
  if (!(present & 1n)) {
    area.fill(0, 0, AREA_MXCSR).fill(0, 32, AREA_XMM);
    area.writeUInt16LE(0x37f, 0);
  }
  if (!(present & 2n)) area.fill(0, AREA_XMM, AREA_XMM + 256);
  if (!(present & 4n)) area.fill(0, AREA_YMM, AREA_YMM + 256);
}

/** Says in words where two results differ; null if nowhere. */
export function xstateDifference({ name }: XstateCase, real: XstateResult, ours: XstateResult): string | null {
  if (real.trap !== ours.trap) return `${name}: trap ${real.trap}, engine ${ours.trap}`;
  if (real.trap === 14 && (real.cr2 >> 12n !== ours.cr2 >> 12n || real.error !== ours.error))
    return `${name}: page fault at ${real.cr2.toString(16)} with ${real.error}, engine ${ours.cr2.toString(16)} with ${ours.error}`;
  if (real.trap !== NO_TRAP) return null;
  const mask = name === "xgetbv" ? 7n : ~0n;
  if ((real.rax & mask) !== (ours.rax & mask))
    return `${name}: rax ${real.rax.toString(16)}, engine ${ours.rax.toString(16)}`;
  if (real.rdx !== ours.rdx) return `${name}: rdx ${real.rdx.toString(16)}, engine ${ours.rdx.toString(16)}`;
  for (let at = 0; at < AREA; at += 2) {
    // MXCSR_MASK and what is not used, which xstate.c's own XSAVE writes or leaves; the header.
    if ((at >= 28 && at < 32) || (at >= 416 && at < AREA_YMM)) continue;
    const [x, y] = [real.state.readUInt16LE(at), ours.state.readUInt16LE(at)];
    if (x !== y) return `${name}: state+${at} ${x.toString(16)}, engine ${y.toString(16)}`;
  }
  for (let at = 0; at < WINDOW; at += 2) {
    const [x, y] = [real.memory.readUInt16LE(at), ours.memory.readUInt16LE(at)];
    if (x !== y) return `${name}: memory+${at} ${x.toString(16)}, engine ${y.toString(16)}`;
  }
  return null;
}
