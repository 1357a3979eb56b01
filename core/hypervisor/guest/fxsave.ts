/**
 * Converts the x87 and SSE state of a vCPU that does not run to and from the image that FXSAVE writes, which the contexts of all types of guests
 * contain.
 */
import * as s from "../../machine/cpu/state";

/** FXSAVE image: FCW FSW FTW FOP FIP FDP MXCSR, the x87 registers at 32, XMM at 160. */
const FX_FSW: usize = 2;
const FX_FTW: usize = 4;
const FX_FOP: usize = 6;
const FX_FIP: usize = 8;
const FX_FDP: usize = 16;
const FX_MXCSR: usize = 24;
const FX_MXCSR_MASK: usize = 28;
const FX_ST: usize = 32;
const FX_XMM: usize = 160;
/** Offset of sign and exponent in an x87 register in memory; the 8 bytes of the significand come before. */
const SIGN_EXPONENT: usize = 8;
const MXCSR_MASK: u32 = 0xffff;

/** FXSAVE image to state. ST(i) is register (TOP + i) & 7. The upper halves of YMM registers, which such an image does not have, become 0, as in Xen. */
export function takeFxsave(c: usize, image: usize): void {
  store<u16>(c, (load<u16>(image) & 0x1f3f) | 0x40, s.CPU_FCW);
  store<u16>(c, load<u16>(image, FX_FSW), s.CPU_FSW);
  store<u8>(c, load<u8>(image, FX_FTW), s.CPU_FTW);
  store<u16>(c, load<u16>(image, FX_FOP), s.CPU_FOP);
  store<u64>(c, load<u64>(image, FX_FIP), s.CPU_FIP);
  store<u64>(c, load<u64>(image, FX_FDP), s.CPU_FDP);
  store<u32>(c, load<u32>(image, FX_MXCSR) & MXCSR_MASK, s.CPU_MXCSR);
  const top = (load<u16>(image, FX_FSW) >> 11) & 7;
  for (let i: usize = 0; i < 8; i++) {
    const to = c + s.CPU_FPR + ((<usize>top + i) & 7) * 16;
    store<u64>(to, load<u64>(image + FX_ST + i * 16));
    store<u64>(to, load<u16>(image + FX_ST + i * 16, SIGN_EXPONENT), SIGN_EXPONENT);
  }
  memory.copy(c + s.CPU_XMM, image + FX_XMM, 256);
  memory.fill(c + s.CPU_YMM_HIGH, 0, 256);
}
/** State to FXSAVE image, in zeroed memory. */
export function giveFxsave(c: usize, image: usize): void {
  store<u16>(image, load<u16>(c, s.CPU_FCW));
  store<u16>(image, load<u16>(c, s.CPU_FSW), FX_FSW);
  store<u8>(image, load<u8>(c, s.CPU_FTW), FX_FTW);
  store<u16>(image, load<u16>(c, s.CPU_FOP), FX_FOP);
  store<u64>(image, load<u64>(c, s.CPU_FIP), FX_FIP);
  store<u64>(image, load<u64>(c, s.CPU_FDP), FX_FDP);
  store<u32>(image, load<u32>(c, s.CPU_MXCSR), FX_MXCSR);
  store<u32>(image, MXCSR_MASK, FX_MXCSR_MASK);
  const top = (load<u16>(c, s.CPU_FSW) >> 11) & 7;
  for (let i: usize = 0; i < 8; i++) {
    const from = c + s.CPU_FPR + ((<usize>top + i) & 7) * 16;
    store<u64>(image + FX_ST + i * 16, load<u64>(from));
    store<u16>(image + FX_ST + i * 16, load<u16>(from, SIGN_EXPONENT), SIGN_EXPONENT);
  }
  memory.copy(image + FX_XMM, c + s.CPU_XMM, 256);
}
