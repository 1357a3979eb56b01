/** Says in words where two results of one case differ. */
import { CASE, RESULT, WINDOW, type Instance } from "./generate.ts";

const REGISTERS = [
  "rax",
  "rcx",
  "rdx",
  "rbx",
  "rsp",
  "rbp",
  "rsi",
  "rdi",
  "r8",
  "r9",
  "r10",
  "r11",
  "r12",
  "r13",
  "r14",
  "r15",
];
/** CF PF AF ZF SF DF OF: the flags that user code sees. RF and TF are the debugger's. */
export const VISIBLE_FLAGS = 0xcd5n;
const hex = (value: number | bigint) => value.toString(16);

/**
 * FSIN, FCOS, FSINCOS, FPTAN, FPATAN, F2XM1, FYL2X and FYL2XP1 are not exact on silicon. Intel documents an error below 1 ulp (SDM volume 1, 8.3.10),
 * while the engine rounds correctly. Their results may therefore differ by one unit in the last place, and C1, which tells the direction of rounding,
 * is not compared.
 */
const TRANSCENDENTAL = new Set(["6.0", "6.1", "6.2", "6.3", "7.1", "7.3", "7.6", "7.7"].map((key) => `x87_D9/${key}`));
const C1 = 0x200;
/** FYL2XP1 is defined for x from -(1 - sqrt(1/2)) to sqrt(2) - 1. Outside of that range, errors of 2 have been seen on silicon. */
function ulps({ form, bytes }: Instance): bigint {
  const exponent = new DataView(bytes.buffer, bytes.byteOffset).getUint16(CASE.fx + 40, true) & 0x7fff;
  return form.name === "x87_D9/7.1" && exponent >= 0x3ffd ? 2n : 1n;
}
/** The rank of a finite number among those of its sign, so that neighbours differ by 1. */
const place = (view: DataView, at: number) =>
  (BigInt(view.getUint16(at + 8, true) & 0x7fff) << 63n) + (view.getBigUint64(at, true) & ((1n << 63n) - 1n));

export function difference(instance: Instance, silicon: Uint8Array, engine: Uint8Array): string | null {
  const a = new DataView(silicon.buffer, silicon.byteOffset);
  const b = new DataView(engine.buffer, engine.byteOffset);
  const found: string[] = [];
  const isApproximate = TRANSCENDENTAL.has(instance.form.name);
  const tolerance = ulps(instance);
  const trap = a.getUint32(RESULT.trap, true);
  const u64 = (name: string, at: number, mask = ~0n) => {
    const [x, y] = [a.getBigUint64(at, true) & mask, b.getBigUint64(at, true) & mask];
    if (x !== y) found.push(`${name} ${hex(x)} engine ${hex(y)}`);
  };
  if (trap !== b.getUint32(RESULT.trap, true)) found.push(`trap ${trap} engine ${b.getUint32(RESULT.trap, true)}`);
  if (trap === 14) {
    const [x, y] = [a.getUint32(RESULT.error, true), b.getUint32(RESULT.error, true)];
    // The harness's own kernel lies in the upper half, with pages that are present, which bit 0 reports.
    const kernel = a.getBigUint64(RESULT.cr2, true) >> 63n !== 0n;
    if ((x ^ y) & (kernel ? ~1 : ~0)) found.push(`error code ${x} engine ${y}`);
    u64("cr2", RESULT.cr2);
  }
  u64("rip", RESULT.rip);
  u64("rflags", RESULT.rflags, VISIBLE_FLAGS & ~instance.flagMask);
  REGISTERS.forEach((name, n) => u64(name, RESULT.gpr + 8 * n));
  for (const [name, at, mask] of [
    ["fcw", 0, 0xffff],
    ["fsw", 2, isApproximate ? 0xffff & ~C1 : 0xffff],
    ["mxcsr", 24, 0xffff],
  ] as const) {
    const [x, y] = [a.getUint16(RESULT.fx + at, true) & mask, b.getUint16(RESULT.fx + at, true) & mask];
    if (x !== y) found.push(`${name} ${hex(x)} engine ${hex(y)}`);
  }
  if (silicon[RESULT.fx + 4] !== engine[RESULT.fx + 4])
    found.push(`ftw ${hex(silicon[RESULT.fx + 4]!)} engine ${hex(engine[RESULT.fx + 4]!)}`);
  if (a.getUint16(RESULT.fx + 6, true) !== b.getUint16(RESULT.fx + 6, true))
    found.push(`fop ${hex(a.getUint16(RESULT.fx + 6, true))} engine ${hex(b.getUint16(RESULT.fx + 6, true))}`);
  u64("fip", RESULT.fx + 8);
  u64("fdp", RESULT.fx + 16);
  for (let i = 0; i < 8; i++) {
    const register = RESULT.fx + 32 + 16 * i;
    const distance = place(a, register) - place(b, register);
    const sameSign = ((a.getUint16(register + 8, true) ^ b.getUint16(register + 8, true)) & 0x8000) === 0;
    if (isApproximate && sameSign && distance >= -tolerance && distance <= tolerance) continue;
    u64(`st${i}`, register);
    const [x, y] = [a.getUint16(RESULT.fx + 40 + 16 * i, true), b.getUint16(RESULT.fx + 40 + 16 * i, true)];
    if (x !== y) found.push(`st${i} exponent ${hex(x)} engine ${hex(y)}`);
  }
  for (let i = 0; i < 32; i++) u64(`xmm${i >> 1}.${i & 1}`, RESULT.fx + 160 + 8 * i);
  for (let i = 0; i < 32; i++) u64(`ymm${i >> 1}.${2 + (i & 1)}`, RESULT.ymm + 8 * i);
  for (let i = 0; i < WINDOW; i += 8) u64(`memory+${i}`, RESULT.memory + i);
  return found.length ? found.join(", ") : null;
}
