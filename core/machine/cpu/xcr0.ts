/** XCR0: the components of the processor's state that XSAVE's instructions save, and without which their instructions raise #UD. SDM volume 1, 13.3. */
import { cpu, setModeStale } from "./machine";
import { CPU_XCR0, CPU_XCR0_REFUSED } from "./state";

export const XCR0_X87: u64 = 1;
export const XCR0_SSE: u64 = 2;
export const XCR0_AVX: u64 = 4;
/** All that the engine has. */
export const XCR0_KNOWN: u64 = XCR0_X87 | XCR0_SSE | XCR0_AVX;

/** Returns whether a processor with the components `known` takes this value: x87 always, and AVX only together with SSE. */
export function isXcr0Of(value: u64, known: u64): bool {
  return (value & XCR0_X87) != 0 && !(value & ~known) && (!(value & XCR0_AVX) || (value & XCR0_SSE) != 0);
}

/** Whether the running vCPU takes this value. */
export function isXcr0(value: u64): bool {
  return isXcr0Of(value, XCR0_KNOWN & ~(<u64>load<u32>(cpu, CPU_XCR0_REFUSED)));
}

export function setXcr0(value: u64): void {
  store<u64>(cpu, value, CPU_XCR0);
  setModeStale(true);
}
