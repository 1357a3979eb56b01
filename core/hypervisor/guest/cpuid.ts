/**
 * CPUID as guests see it, which reports exactly what the engine executes. An interpreter is an in-order processor without speculation, so family and
 * model are those of one (Intel's Bonnell, SDM volume 4 table 2-1); therefore guests turn on no mitigations against attacks that cannot happen here.
 * Leaf and bit numbers: SDM volume 2, CPUID; public/arch-x86/cpuid.h. Which features a domain has is in features.ts.
 */
import { CPU_XCR0 } from "../../machine/cpu/state";
import { XCR0_AVX } from "../../machine/cpu/xcr0";
import { Vcpu } from "../domain/domain";
import { WORD_1C, WORD_1D, WORD_7B, WORD_7C, WORD_DA1, WORD_E1C, WORD_E1D, featureWord, xcr0Of } from "./features";
import { HOST_TSC_KHZ } from "./tsc";
import { AREA_SIZE, AVX_AREA_SIZE, areaSize } from "./xstate";

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

const OSXSAVE: u32 = 1 << 27;
const XSAVEC: u32 = 1 << 1;

/** Computes a leaf that is not Xen's, for the vCPU, into cpuidA..D; a leaf that does not exist is zero. `osxsave`: CR4.OSXSAVE, as the guest has set it. */
export function processorLeaf(v: Vcpu, leaf: u32, sub: u32, osxsave: bool): void {
  if (leaf >= 0x80000000) extended(v, leaf);
  else basic(v, leaf, sub, osxsave);
}

function basic(v: Vcpu, leaf: u32, sub: u32, osxsave: bool): void {
  const d = v.domain;
  switch (leaf) {
    case 0:
      // "GenuineIntel"
      answer(MAX_BASIC, 0x756e6547, 0x6c65746e, 0x49656e69);
      return;
    case 1:
      answer(
        SIGNATURE,
        ((v.vcpuId * 2) << 24) | (1 << 16) | (8 << 8),
        featureWord(d, WORD_1C) | (osxsave ? OSXSAVE : 0),
        featureWord(d, WORD_1D),
      );
      return;
    case 2:
      // Descriptor 0xff: the caches are in leaf 4.
      answer(0x00000001 | (0xff << 8), 0, 0, 0);
      return;
    case 4:
      caches(sub);
      return;
    case 7:
      if (sub == 0) answer(0, featureWord(d, WORD_7B), featureWord(d, WORD_7C), 0);
      else answer(0, 0, 0, 0);
      return;
    case 0xd:
      extendedState(v, sub);
      return;
    default:
      answer(0, 0, 0, 0);
  }
}

/** Components of XCR0 that can be saved, and where: all of them, those that are enabled, and each one after x87 and SSE. */
function extendedState(v: Vcpu, sub: u32): void {
  const most = xcr0Of(v.domain);
  if (!most) answer(0, 0, 0, 0);
  else if (sub == 0) answer(<u32>most, areaSize(load<u64>(v.cpu, CPU_XCR0)), areaSize(most), 0);
  else if (sub == 1) {
    const more = featureWord(v.domain, WORD_DA1);
    // A compacted area has the same size: AVX's component is the first after the header in both formats.
    answer(more, more & XSAVEC ? areaSize(load<u64>(v.cpu, CPU_XCR0)) : 0, 0, 0);
  } else if (sub == 2 && most & XCR0_AVX) answer(AVX_AREA_SIZE, AREA_SIZE, 0, 0);
  else answer(0, 0, 0, 0);
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

function extended(v: Vcpu, leaf: u32): void {
  switch (leaf) {
    case 0x80000000:
      answer(MAX_EXTENDED, 0, 0, 0);
      return;
    case 0x80000001:
      answer(0, 0, featureWord(v.domain, WORD_E1C), featureWord(v.domain, WORD_E1D));
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
