/**
 * The state of x87, SSE and AVX of a vCPU that does not run, in the standard form of XSAVE's area, in which Xen gives it out and takes it (SDM volume 1, 13.4;
 * arch-x86/xen.h). While a vCPU waits, this state stays in the engine's structure, so that a switch of vCPUs moves nothing.
 */
import {
  CPU_FCW,
  CPU_FDP,
  CPU_FIP,
  CPU_FOP,
  CPU_FPR,
  CPU_FSW,
  CPU_FTW,
  CPU_XCR0,
  CPU_XMM,
} from "../../machine/cpu/state";
import { CPU_YMM_HIGH } from "../../machine/cpu/state";
import { XCR0_AVX, XCR0_SSE, XCR0_X87, isXcr0Of } from "../../machine/cpu/xcr0";
import { EINVAL, EIO, EOPNOTSUPP } from "../../abi/errno";
import { Domain, Vcpu } from "../domain/domain";
import { hasXsave, xcr0Of } from "./features";
import { giveFxsave, takeFxsave } from "./fxsave";

/** Bytes of the legacy part and the header, and of AVX's component, which follows. */
export const AREA_SIZE: u32 = 576;
export const AVX_AREA_SIZE: u32 = 256;
const XSTATE_BV: usize = 512;
const XCOMP_BV: usize = 520;
const RESERVED: usize = 528;
const YMM_HIGH: usize = 576;
const FCW_INITIAL: u16 = 0x37f;

/** The size of an area with these components. */
export function areaSize(xcr0: u64): u32 {
  return xcr0 & XCR0_AVX ? AREA_SIZE + AVX_AREA_SIZE : AREA_SIZE;
}

function avxInUse(c: usize): bool {
  let bits = i64x2.splat(0);
  for (let at: usize = 0; at < 256; at += 16) bits = v128.or(bits, v128.load(c + CPU_YMM_HIGH + at));
  return v128.any_true(bits);
}

/**
 * The components that an area of this vCPU must have room for: those that XCR0 enables, and others that are not in their initial configuration, because it
 * enabled them once (Xen's xcr0_accum). 0 if the domain has no XSAVE.
 */
export function accumulated(v: Vcpu): u64 {
  if (!hasXsave(v.domain)) return 0;
  const avx = avxInUse(v.cpu) ? XCR0_AVX : 0;
  return load<u64>(v.cpu, CPU_XCR0) | XCR0_X87 | XCR0_SSE | avx;
}

/** Writes an area of areaSize(accumulated()) bytes to zeroed memory. */
export function giveXstate(v: Vcpu, area: usize): void {
  giveFxsave(v.cpu, area);
  let present: u64 = XCR0_X87 | XCR0_SSE;
  if (avxInUse(v.cpu)) {
    present |= XCR0_AVX;
    memory.copy(area + YMM_HIGH, v.cpu + CPU_YMM_HIGH, AVX_AREA_SIZE);
  }
  store<u64>(area, present, XSTATE_BV);
}

/**
 * Whether a vCPU of the domain can have this state: 0; -EINVAL for components that the domain has not, or that an area with room for `accum` can't have;
 * -EOPNOTSUPP or -EIO for an area that is not of the standard form. Areas of earlier versions of this host say of x87 and SSE that they are there
 * whatever `accum` says, which is harmless.
 */
export function checkXstate(d: Domain, xcr0: u64, accum: u64, area: usize): i32 {
  const known = xcr0Of(d);
  if (load<u64>(area, XSTATE_BV) & ~(accum | XCR0_X87 | XCR0_SSE) || xcr0 & ~accum) return -EINVAL;
  if (!isXcr0Of(xcr0, known) || !isXcr0Of(accum, known)) return -EINVAL;
  if (load<u64>(area, XCOMP_BV)) return -EOPNOTSUPP;
  for (let at = RESERVED; at < <usize>AREA_SIZE; at += 8) if (load<u64>(area + at)) return -EIO;
  return 0;
}

/** Takes over a state that checkXstate has found right. The area has areaSize(accum) bytes. Components that are not in it get their initial configuration. */
export function takeXstate(v: Vcpu, xcr0: u64, area: usize): void {
  const c = v.cpu;
  const present = load<u64>(area, XSTATE_BV);
  takeFxsave(c, area);
  if (!(present & XCR0_X87)) {
    store<u16>(c, FCW_INITIAL, CPU_FCW);
    store<u16>(c, 0, CPU_FSW);
    store<u8>(c, 0, CPU_FTW);
    store<u16>(c, 0, CPU_FOP);
    store<u64>(c, 0, CPU_FIP);
    store<u64>(c, 0, CPU_FDP);
    memory.fill(c + CPU_FPR, 0, 128);
  }
  if (!(present & XCR0_SSE)) memory.fill(c + CPU_XMM, 0, 256);
  if (present & XCR0_AVX) memory.copy(c + CPU_YMM_HIGH, area + YMM_HIGH, AVX_AREA_SIZE);
  store<u64>(c, xcr0, CPU_XCR0);
}
