/**
 * CPUID as guests see it, which reports exactly what the engine executes. An interpreter is an in-order processor without speculation, so family and
 * model are those of one (Intel's Bonnell, SDM volume 4 table 2-1); therefore guests turn on no mitigations against attacks that cannot happen here.
 * Leaf and bit numbers: SDM volume 2, CPUID; public/arch-x86/cpuid.h. What only one type of guest has is in that type's folder.
 */
import { Vcpu } from "../domain/domain";
import { HOST_TSC_KHZ } from "./tsc";

export let cpuidA: u32 = 0;
export let cpuidB: u32 = 0;
export let cpuidC: u32 = 0;
export let cpuidD: u32 = 0;

export function answer(a: u32, b: u32, c: u32, d: u32): void {
  cpuidA = a;
  cpuidB = b;
  cpuidC = c;
  cpuidD = d;
}

const MAX_BASIC: u32 = 0xd;
const MAX_EXTENDED: u32 = 0x80000008;
/** Family 6, model 0x1c, stepping 10. */
const SIGNATURE: u32 = 0x000106ca;

/** CPUID.1:ECX: SSE3 PCLMULQDQ SSSE3 CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE RDRAND HYPERVISOR. OSXSAVE is added according to CR4. */
const LEAF1_C: u32 =
  (1 << 0) |
  (1 << 1) |
  (1 << 9) |
  (1 << 13) |
  (1 << 19) |
  (1 << 20) |
  (1 << 22) |
  (1 << 23) |
  (1 << 25) |
  (1 << 26) |
  (1 << 30) |
  (1 << 31);
const OSXSAVE: u32 = 1 << 27;
/** CPUID.1:EDX: FPU DE TSC MSR PAE CX8 APIC SEP CMOV PAT CLFSH MMX FXSR SSE SSE2. */
const LEAF1_D: u32 =
  (1 << 0) |
  (1 << 2) |
  (1 << 4) |
  (1 << 5) |
  (1 << 6) |
  (1 << 8) |
  (1 << 9) |
  (1 << 11) |
  (1 << 15) |
  (1 << 16) |
  (1 << 19) |
  (1 << 23) |
  (1 << 24) |
  (1 << 25) |
  (1 << 26);
/** CPUID.7.0:EBX: FSGSBASE BMI1, FDP updated only by unmasked exceptions, BMI2 ERMS, FCS/FDS deprecated, RDSEED ADX CLFLUSHOPT. */
const LEAF7_B: u32 =
  (1 << 0) | (1 << 3) | (1 << 6) | (1 << 8) | (1 << 9) | (1 << 13) | (1 << 18) | (1 << 19) | (1 << 23);
/** CPUID.7.0:ECX: RDPID. */
const LEAF7_C: u32 = 1 << 22;
/** CPUID.80000001:ECX: LAHF, LZCNT, PREFETCHW. EDX: SYSCALL NX RDTSCP LM. */
const EXTENDED1_C: u32 = (1 << 0) | (1 << 5) | (1 << 8);
const EXTENDED1_D: u32 = (1 << 11) | (1 << 20) | (1 << 27) | (1 << 29);
/** Size of the XSAVE area with x87 and SSE state. */
const XSAVE_SIZE: u32 = 576;

/** What one type of guest has beyond the others: more bits of CPUID.1:ECX and EDX, 7:EBX and 80000001:EDX, and whether OSXSAVE is shown. */
let more1C: u32 = 0;
let more1D: u32 = 0;
let more7B: u32 = 0;
let more81D: u32 = 0;

/**
 * Computes a leaf that is not Xen's, for the vCPU, into cpuidA..D; a leaf that does not exist is zero. The other arguments are the features that this
 * type of guest has beyond all types.
 */
export function processorLeaf(v: Vcpu, leaf: u32, sub: u32, osxsave: bool, c1: u32, d1: u32, b7: u32, d81: u32): void {
  more1C = c1 | (osxsave ? OSXSAVE : 0);
  more1D = d1;
  more7B = b7;
  more81D = d81;
  if (leaf >= 0x80000000) extended(leaf);
  else basic(v, leaf, sub);
}

function basic(v: Vcpu, leaf: u32, sub: u32): void {
  switch (leaf) {
    case 0:
      // "GenuineIntel"
      answer(MAX_BASIC, 0x756e6547, 0x6c65746e, 0x49656e69);
      return;
    case 1:
      answer(SIGNATURE, ((v.vcpuId * 2) << 24) | (1 << 16) | (8 << 8), LEAF1_C | more1C, LEAF1_D | more1D);
      return;
    case 2:
      // Descriptor 0xff: the caches are in leaf 4.
      answer(0x00000001 | (0xff << 8), 0, 0, 0);
      return;
    case 4:
      caches(sub);
      return;
    case 7:
      if (sub == 0) answer(0, LEAF7_B | more7B, LEAF7_C, 0);
      else answer(0, 0, 0, 0);
      return;
    case 0xd:
      if (sub == 0) answer(3, XSAVE_SIZE, XSAVE_SIZE, 0);
      // XSAVEOPT
      else if (sub == 1) answer(1, 0, 0, 0);
      else answer(0, 0, 0, 0);
      return;
    default:
      answer(0, 0, 0, 0);
  }
}

/**
 * Deterministic cache parameters. The engine has no caches. Libraries choose the sizes of their buffers by these, so they are those of a small core:
 * 32 KiB data, 32 KiB code, 1 MiB unified.
 */
function caches(sub: u32): void {
  const lineAndWays8: u32 = 63 | (7 << 22);
  if (sub == 0) answer(0x121, lineAndWays8, 63, 0);
  else if (sub == 1) answer(0x122, lineAndWays8, 63, 0);
  else if (sub == 2) answer(0x143, 63 | (15 << 22), 1023, 0);
  else answer(0, 0, 0, 0);
}

function extended(leaf: u32): void {
  switch (leaf) {
    case 0x80000000:
      answer(MAX_EXTENDED, 0, 0, 0);
      return;
    case 0x80000001:
      answer(0, 0, EXTENDED1_C, EXTENDED1_D | more81D);
      return;
    // "Xenarium emulated CPU @ 1.00GHz"
    case 0x80000002:
      answer(0x616e6558, 0x6d756972, 0x756d6520, 0x6574616c);
      return;
    case 0x80000003:
      answer(0x50432064, 0x20402055, 0x30302e31, 0x007a4847);
      return;
    case 0x80000006:
      // 1 MiB, 16 ways, lines of 64 bytes.
      answer(0, 0, (1024 << 16) | (8 << 12) | 64, 0);
      return;
    case 0x80000008:
      // 48 linear and 40 physical address bits.
      answer(0x3028, 0, 0, 0);
      return;
    default:
      answer(0, 0, 0, 0);
  }
}

const TSC_EMULATED: u32 = 1;
const HOST_TSC_RELIABLE: u32 = 2;
const RDTSCP_THERE: u32 = 4;

/** Xen's leaf 3: the domain's TSC. */
export function tscLeaf(v: Vcpu, sub: u32): void {
  const d = v.domain;
  if (sub == 0) {
    const features = HOST_TSC_RELIABLE | RDTSCP_THERE | (d.tscEmulated ? TSC_EMULATED : 0);
    answer(features, d.tscMode, d.tscKhz, d.tscIncarnation);
  } else if (sub == 1) {
    // An emulated RDTSC includes the domain's zero already.
    const offset = d.tscEmulated ? 0 : d.tscZero;
    answer(<u32>offset, <u32>(offset >> 32), d.tscMultiplier, <u32>d.tscShift);
  } else if (sub == 2) answer(HOST_TSC_KHZ, 0, 0, 0);
  else answer(0, 0, 0, 0);
}
