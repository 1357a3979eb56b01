/**
 * XCR0, MXCSR and the XMM or YMM registers of a vCPU in words: from an area of XSAVE in its standard form or, for a vCPU without XSAVE, from the
 * image of FXSAVE with which such an area begins (Intel SDM 1 10.5 and 13.4).
 */
import { flagsValue, type Bits } from "./registers.ts";
import type { VectorsReport } from "./report.ts";

const REGISTERS = 16;
const HALF = 16;
const MXCSR_OFFSET = 24;
const XMM_OFFSET = 160;
const COMPONENTS_OFFSET = 512;
const YMM_HIGH_OFFSET = 576;
const SSE = 2n;
const AVX = 4n;
const XCR0: Bits = [
  [0, "x87"],
  [1, "SSE"],
  [2, "AVX"],
];
const MXCSR: Bits = [
  [0, "IE"],
  [1, "DE"],
  [2, "ZE"],
  [3, "OE"],
  [4, "UE"],
  [5, "PE"],
  [6, "DAZ"],
  [7, "IM"],
  [8, "DM"],
  [9, "ZM"],
  [10, "OM"],
  [11, "UM"],
  [12, "PM"],
  [15, "FZ"],
];
/** By bits 13 and 14. */
const ROUNDING = ["RC=nearest", "RC=down", "RC=up", "RC=zero"];

/** A component that is missing in an area has its initial configuration, which is zero for these registers. */
export function vectorsReport(area: DataView, xcr0: bigint | null): VectorsReport {
  const present = xcr0 === null ? SSE : area.getBigUint64(COMPONENTS_OFFSET, true);
  const isWide = ((xcr0 ?? 0n) & AVX) !== 0n;
  const half = (offset: number, component: bigint): bigint =>
    present & component ? (area.getBigUint64(offset + 8, true) << 64n) | area.getBigUint64(offset, true) : 0n;
  const mxcsr = area.getUint32(MXCSR_OFFSET, true);
  const named = flagsValue("MXCSR", BigInt(mxcsr), MXCSR);
  return {
    xcr0: xcr0 === null ? null : flagsValue("XCR0", xcr0, XCR0),
    mxcsr: { ...named, set: [...named.set, ROUNDING[(mxcsr >> 13) & 3]!] },
    registers: Array.from({ length: REGISTERS }, (_, n) => {
      const low = half(XMM_OFFSET + n * HALF, SSE);
      const high = isWide ? half(YMM_HIGH_OFFSET + n * HALF, AVX) : 0n;
      const digits = ((high << 128n) | low).toString(16).padStart(isWide ? 64 : 32, "0");
      return { name: `${isWide ? "YMM" : "XMM"}${n}`, value: `0x${digits}` };
    }),
  };
}
