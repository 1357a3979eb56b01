/**
 * Which features of the processor the vCPUs of a domain have: Xen's policy of CPUID, as far as it consists of features. What the engine executes is the
 * most that a domain may have; a new domain has all of that; XEN_DOMCTL_set_cpu_policy changes it before the domain runs. Words and bits: SDM volume 2, CPUID;
 * the words are in the order of public/arch-x86/cpufeatureset.h.
 */
import { CR4_OSXSAVE, CR4_PVI, CR4_VME } from "../../machine/cpu/control_bits";
import { CPU_CR4_REFUSED, CPU_XCR0_REFUSED } from "../../machine/cpu/state";
import { XCR0_AVX, XCR0_KNOWN, XCR0_SSE, XCR0_X87 } from "../../machine/cpu/xcr0";
import { DOMAIN_FEATURES, Domain, Vcpu, vcpuOf } from "../domain/domain";
import { typeOf } from "./type";

/** CPUID.1:EDX and ECX, 80000001:EDX and ECX, D.1:EAX, 7.0:EBX and ECX. */
export const WORD_1D: u32 = 0;
export const WORD_1C: u32 = 1;
export const WORD_E1D: u32 = 2;
export const WORD_E1C: u32 = 3;
export const WORD_DA1: u32 = 4;
export const WORD_7B: u32 = 5;
export const WORD_7C: u32 = 6;
export const FEATURE_WORDS: u32 = 7;

/** FPU DE TSC MSR PAE CX8 APIC SEP CMOV PAT CLFSH MMX FXSR SSE SSE2. */
const ALL_1D: u32 =
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
/** CPUID.1:EDX: CR4.VME and CR4.PVI, and VIF and VIP of RFLAGS. */
export const VME: u32 = 1 << 1;
const XSAVE: u32 = 1 << 26;
const AVX: u32 = 1 << 28;
const FMA: u32 = 1 << 12;
const F16C: u32 = 1 << 29;
/** SSE3 PCLMULQDQ SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE AVX F16C RDRAND HYPERVISOR. OSXSAVE is shown according to CR4. */
const ALL_1C: u32 =
  (1 << 0) |
  (1 << 1) |
  (1 << 9) |
  FMA |
  (1 << 13) |
  (1 << 19) |
  (1 << 20) |
  (1 << 22) |
  (1 << 23) |
  (1 << 25) |
  XSAVE |
  AVX |
  F16C |
  (1 << 30) |
  (1 << 31);
/** SYSCALL NX RDTSCP LM. */
const ALL_E1D: u32 = (1 << 11) | (1 << 20) | (1 << 27) | (1 << 29);
/** LAHF, LZCNT, PREFETCHW. */
const ALL_E1C: u32 = (1 << 0) | (1 << 5) | (1 << 8);
/** XSAVEOPT XSAVEC XGETBV1. */
const ALL_DA1: u32 = 7;
const AVX2: u32 = 1 << 5;
/** FSGSBASE BMI1 AVX2, FDP updated only by unmasked exceptions, BMI2 ERMS, FCS/FDS deprecated, RDSEED ADX CLFLUSHOPT. */
const FSGSBASE: u32 = 1 << 0;
const ALL_7B: u32 =
  FSGSBASE | (1 << 3) | AVX2 | (1 << 6) | (1 << 8) | (1 << 9) | (1 << 13) | (1 << 18) | (1 << 19) | (1 << 23);
/** RDPID. */
const ALL_7C: u32 = 1 << 22;

/**
 * A feature without which others make no sense, and one of these: word and bit, word and bit. A row comes after those that take its first feature away.
 */
const DEPENDENT = memory.data<u8>([
  0, 4, 1, 24, 0, 4, 2, 27, 0, 4, 5, 1, 0, 6, 2, 29, 0, 8, 1, 13, 0, 9, 1, 21, 0, 9, 1, 24, 0, 24, 0, 25, 0, 25, 0, 26,
  0, 26, 1, 0, 0, 26, 1, 1, 0, 26, 1, 25, 0, 26, 2, 29, 1, 0, 1, 9, 1, 9, 1, 19, 1, 19, 1, 20, 2, 29, 1, 13, 2, 29, 2,
  26, 2, 29, 3, 0, 1, 26, 4, 0, 1, 26, 4, 1, 1, 26, 4, 2, 1, 26, 1, 28, 1, 28, 1, 12, 1, 28, 1, 29, 1, 28, 5, 5,
]);
const DEPENDENCIES: usize = 26;
const NEEDED_BIT: usize = 1;
const DEPENDENT_WORD: usize = 2;
const DEPENDENT_BIT: usize = 3;

function engineFeatures(word: u32): u32 {
  switch (word) {
    case WORD_1D:
      return ALL_1D;
    case WORD_1C:
      return ALL_1C;
    case WORD_E1D:
      return ALL_E1D;
    case WORD_E1C:
      return ALL_E1C;
    case WORD_DA1:
      return ALL_DA1;
    case WORD_7B:
      return ALL_7B;
    default:
      return ALL_7C;
  }
}

function slot(d: Domain, word: u32): usize {
  return changetype<usize>(d) + DOMAIN_FEATURES + ((<usize>word) << 2);
}

/** A word of the features that the domain has. */
export function featureWord(d: Domain, word: u32): u32 {
  return load<u32>(slot(d, word));
}

/** Gives a new domain the features that domains of its type have if nothing else is asked for. */
export function initFeatures(d: Domain): void {
  for (let word: u32 = 0; word < FEATURE_WORDS; word++)
    store<u32>(slot(d, word), engineFeatures(word) | typeOf(d).moreFeatures(word));
}

/**
 * Gives the domain those of the wanted features that its type can have, without the ones that depend on a feature that is missing. `wanted` is the address
 * of FEATURE_WORDS u32. The domain has not run yet.
 */
export function setFeatures(d: Domain, wanted: usize): void {
  for (let word: u32 = 0; word < FEATURE_WORDS; word++) {
    const most = engineFeatures(word) | typeOf(d).moreFeatures(word);
    store<u32>(slot(d, word), load<u32>(wanted + ((<usize>word) << 2)) & most);
  }
  for (let row: usize = 0; row < DEPENDENCIES; row++) {
    const at = DEPENDENT + (row << 2);
    if ((featureWord(d, load<u8>(at)) >> (<u32>load<u8>(at, NEEDED_BIT))) & 1) continue;
    const dependent = slot(d, load<u8>(at, DEPENDENT_WORD));
    store<u32>(dependent, load<u32>(dependent) & ~((<u32>1) << (<u32>load<u8>(at, DEPENDENT_BIT))));
  }
  for (let id: u32 = 0; id < d.maxVcpus; id++) {
    const v = vcpuOf(d, id);
    if (v) applyFeatures(v as Vcpu);
  }
}

export function hasXsave(d: Domain): bool {
  return (featureWord(d, WORD_1C) & XSAVE) != 0;
}

/** The components of XCR0 that the domain's vCPUs have. */
export function xcr0Of(d: Domain): u64 {
  if (!hasXsave(d)) return 0;
  return XCR0_X87 | XCR0_SSE | (featureWord(d, WORD_1C) & AVX ? XCR0_AVX : 0);
}

/** Bits of CR4 that belong to features that the domain lacks. */
export function cr4Lacking(d: Domain): u64 {
  const fsgsbase: u64 = featureWord(d, WORD_7B) & FSGSBASE ? 0 : CR4_FSGSBASE;
  const vme: u64 = featureWord(d, WORD_1D) & VME ? 0 : CR4_VME | CR4_PVI;
  return fsgsbase | vme | (hasXsave(d) ? 0 : CR4_OSXSAVE);
}
const CR4_FSGSBASE: u64 = 1 << 16;

/** Tells the engine what it has to refuse to the vCPU. */
export function applyFeatures(v: Vcpu): void {
  store<u32>(v.cpu, <u32>(XCR0_KNOWN & ~xcr0Of(v.domain)), CPU_XCR0_REFUSED);
  store<u32>(v.cpu, <u32>cr4Lacking(v.domain), CPU_CR4_REFUSED);
}
