/** Random instances of every MMX and SSE opcode, valid or not, as cases for silicon.c. */
import { CASE, DATA_PAGES, WINDOW, WINDOW_START } from "./silicon/generate.ts";
import { KIND_FLOAT32, KIND_FLOAT64, vector } from "./silicon/vector-values.ts";

/** sfc32 (Doty-Humphrey), which gives the same cases for the same seed on every machine, with a period beyond 2^64. */
export class Random {
  readonly #s: Uint32Array;
  constructor(seed: number) {
    this.#s = new Uint32Array([seed, 0x9e3779b9, 0x243f6a88, 1]);
    for (let i = 0; i < 16; i++) this.u32();
  }
  u32(): number {
    const s = this.#s;
    const [a, b, c, d] = [s[0]!, s[1]!, s[2]!, s[3]!];
    const t = (a + b + d) >>> 0;
    s[0] = b ^ (b >>> 9);
    s[1] = c + (c << 3);
    s[2] = ((c << 21) | (c >>> 11)) + t;
    s[3] = d + 1;
    return t;
  }
  below(n: number): number {
    return Math.floor((this.u32() / 2 ** 32) * n);
  }
  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }
  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

export interface SseForm {
  map: 1 | 2 | 3;
  prefix: 0 | 0x66 | 0xf3 | 0xf2;
  opcode: number;
}
export interface SseCase {
  bytes: Uint8Array<ArrayBuffer>;
  length: number;
  form: SseForm;
  /** For silicon/compare.ts. No flag of these instructions is undefined. */
  flagMask: bigint;
}

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);
const MAP1 = [
  ...[...range(0x10, 0x17), ...range(0x28, 0x2f), ...range(0x50, 0x77), ...range(0x7c, 0x7f)],
  ...[0xae, 0xc2, 0xc4, 0xc5, 0xc6, ...range(0xd0, 0xfe)],
];
/** Opcodes that are not the family's, or that the engine does not announce: SHA, GFNI, MOVBE, CRC32, ADX, virtualisation, CET. */
const MAP2 = [...range(0x00, 0x7f), ...range(0xd0, 0xdf)];
const MAP3 = [...range(0x00, 0x7f), ...range(0xd0, 0xef)];

export const SSE_FORMS: SseForm[] = [];
for (const prefix of [0, 0x66, 0xf3, 0xf2] as const) {
  for (const opcode of MAP1) {
    if (opcode === 0xae && prefix > 0x66) continue; // RDFSBASE and others
    SSE_FORMS.push({ map: 1, prefix, opcode });
  }
  for (const opcode of MAP2) {
    if (prefix === 0xf3 && opcode >= 0xd0) continue; // Key Locker
    SSE_FORMS.push({ map: 2, prefix, opcode });
  }
  for (const opcode of MAP3) SSE_FORMS.push({ map: 3, prefix, opcode });
}
// Floating point can go wrong in most ways, so there is more of it.
const FLOAT1 = [0x2a, 0x2c, 0x2d, 0x2e, 0x2f, 0x51, 0x52, 0x53, ...range(0x58, 0x5f), 0x7c, 0x7d, 0xc2, 0xd0, 0xe6];
for (let times = 0; times < 4; times++) {
  for (const prefix of [0, 0x66, 0xf3, 0xf2] as const)
    for (const opcode of FLOAT1) SSE_FORMS.push({ map: 1, prefix, opcode });
  for (const opcode of [0x08, 0x09, 0x0a, 0x0b, 0x40, 0x41, 0x60, 0x61, 0x62, 0x63])
    SSE_FORMS.push({ map: 3, prefix: 0x66, opcode });
}

function integer(random: Random): bigint {
  switch (random.below(4)) {
    case 0:
      return random.pick([
        0n,
        1n,
        0x7fffffffn,
        0x80000000n,
        0xffffffffn,
        1n << 63n,
        (1n << 63n) - 1n,
        (1n << 64n) - 1n,
      ]);
    case 1:
      return BigInt.asUintN(64, BigInt(random.below(40) - 20));
    default:
      return random.u64() >> BigInt(random.below(64));
  }
}

/** The page after the harness's two data pages, and a place far from them. */
const DATA_END = DATA_PAGES + 0x2000;
const UNMAPPED = 0x30000000;

export function sseCase(form: SseForm, random: Random): SseCase {
  const bytes = new Uint8Array(CASE.size);
  const view = new DataView(bytes.buffer);
  const { map, prefix, opcode } = form;
  const kind = random.chance(5)
    ? random.below(4)
    : map === 1 && FLOAT1.includes(opcode)
      ? (prefix === 0x66 || prefix === 0xf2) === (opcode !== 0x5b && opcode !== 0xd0 && (opcode & 0xfe) !== 0x7c)
        ? KIND_FLOAT64
        : prefix === 0x66
          ? KIND_FLOAT64
          : KIND_FLOAT32
      : map === 3 && opcode < 0x60
        ? opcode & 1
          ? KIND_FLOAT64
          : KIND_FLOAT32
        : 2 + random.below(2);
  for (let i = 0; i < 16; i++) vector(view, CASE.fx + 160 + 16 * i, random, kind);
  for (let i = 0; i < 16; i++) vector(view, CASE.ymm + 16 * i, random, kind);
  for (let i = 0; i < WINDOW; i += 16) vector(view, CASE.memory + i, random, kind);
  const gpr = Array.from({ length: 16 }, () => integer(random));

  // x87: MMX mode or not, and sometimes a pending exception.
  view.setUint16(CASE.fx, 0x37f, true);
  if (random.chance(20)) view.setUint16(CASE.fx, 0x340 | random.below(64), true);
  let pending = random.chance(20) ? random.below(64) : 0;
  if (pending & ~view.getUint16(CASE.fx, true)) pending |= 0x8080; // as FXRSTOR makes it
  view.setUint16(CASE.fx + 2, (random.below(8) << 11) | pending, true);
  bytes[CASE.fx + 4] = random.chance(2) ? 255 : random.below(256);
  for (let i = 0; i < 8; i++) {
    vector(view, CASE.fx + 32 + 16 * i, random, kind);
    view.setUint16(CASE.fx + 40 + 16 * i, random.chance(2) ? 0xffff : random.below(0x10000), true);
    view.setUint16(CASE.fx + 42 + 16 * i, 0, true);
    view.setUint32(CASE.fx + 44 + 16 * i, 0, true);
  }

  let mxcsr = 0x1f80;
  if (random.chance(2)) mxcsr |= random.below(64);
  if (random.chance(2)) mxcsr |= random.below(4) << 13;
  if (random.chance(3)) mxcsr |= random.pick([0x8000, 0x40, 0x8040]);
  if (random.chance(4)) mxcsr &= ~((random.chance(2) ? 1 << random.below(6) : random.below(64)) << 7);
  view.setUint32(CASE.fx + 24, mxcsr, true);

  // Operands: two registers, or [rbx].
  const memory = !(map === 1 && opcode === 0x77) && random.chance(4);
  const reg = random.below(16);
  const rm = memory ? 3 : random.below(16);
  if (memory) {
    const area = map === 1 && opcode === 0xae;
    let target = WINDOW_START + (random.chance(3) ? random.below(480) : random.below(30) * 16);
    // FXSAVE's area takes the whole window. The others of the group are small, or excluded.
    if (area && (reg & 7) < 2) target = WINDOW_START + (random.chance(4) ? 1 + random.below(15) : 0);
    if (random.chance(40)) target = UNMAPPED;
    const byteWide = map === 3 && (opcode === 0x14 || opcode === 0x20);
    // The last mapped byte, so that a wider access faults in its second half.
    if (random.chance(40) && !byteWide) target = DATA_END - 1;
    gpr[3] = BigInt(target);
    if (area && random.chance(2)) {
      bytes.copyWithin(CASE.memory, CASE.fx, CASE.fx + 512);
      for (let i = 0; i < 16; i++) vector(view, CASE.memory + 160 + 16 * i, random, kind);
      view.setUint16(CASE.memory, random.u32(), true);
      view.setUint16(CASE.memory + 2, random.u32(), true);
      view.setUint32(CASE.memory + 8, 0, true);
      view.setUint32(CASE.memory + 16, 0, true);
    }
  }
  // FIP and FDP of an area: processors keep 48 or 57 bits of them. (The test of FXRSTOR uses others.)
  if (map === 1 && opcode === 0xae)
    for (const at of [CASE.memory + 8, CASE.memory + 16])
      view.setBigInt64(at, BigInt.asIntN(48, view.getBigInt64(at, true)), true);
  if (map === 1 && opcode === 0xf7) gpr[7] = BigInt(WINDOW_START + random.below(480));
  gpr[4] = BigInt(WINDOW_START + 256);

  const code: number[] = [];
  if (prefix) code.push(prefix);
  const wide = random.chance(2) ? 8 : 0;
  const rex = 0x40 | wide | (reg > 7 ? 4 : 0) | (rm > 7 ? 1 : 0);
  if (rex !== 0x40 || random.chance(4)) code.push(rex);
  code.push(0x0f);
  if (map > 1) code.push(map === 2 ? 0x38 : 0x3a);
  code.push(opcode);
  if (!(map === 1 && opcode === 0x77)) code.push((memory ? 0 : 0xc0) | ((reg & 7) << 3) | (rm & 7));
  const immediate = map === 3 || (map === 1 && [0x70, 0x71, 0x72, 0x73, 0xc2, 0xc4, 0xc5, 0xc6].includes(opcode));
  if (immediate) code.push(random.chance(3) ? random.below(20) : random.below(256));
  bytes.set(code, CASE.code);
  bytes.fill(0xcc, CASE.code + code.length, CASE.code + 24);
  for (let i = 0; i < 16; i++) view.setBigUint64(CASE.gpr + 8 * i, gpr[i]!, true);
  view.setBigUint64(CASE.rflags, 0x202n | BigInt(random.u32() & 0x8d5), true);
  return { bytes, length: code.length, form, flagMask: 0n };
}

/** Says why the case is not for this comparison, or returns null. `isAmd` means that it is compared with a processor of AMD's. */
export function excluded({ bytes, form, length }: SseCase, isAmd: boolean): string | null {
  if (isAmd && form.map === 1 && form.opcode === 0x2b && form.prefix >= 0xf2)
    return "MOVNTSS and MOVNTSD are of SSE4a, which the engine does not announce";
  if (form.map !== 1 || form.opcode !== 0xae) return null;
  const modrm = bytes[length - 1]!;
  const digit = (modrm >> 3) & 7;
  if (digit === 7 || (modrm >= 0xc0 && digit >= 5)) return "fences and CLFLUSH are in the integer set";
  if (modrm >= 0xc0 && form.prefix) return "TPAUSE and others that the engine does not announce";
  if (form.prefix) return digit === 6 ? "CLWB is not announced" : null;
  return digit >= 4 ? "XSAVE areas hold components that the engine does not have" : null;
}
