/** What the running vCPU may do: whether it is in real, virtual-8086 or protected mode, and which ports it may use. */
import { readSystem } from "./access";
import { VM } from "./flags";
import { cpu, fault } from "./machine";
import { CPU_CPL, CPU_CR0, CPU_EFER, CPU_RFLAGS, CPU_SEG, SEG_ATTR, SEG_BASE, SEG_LIMIT, SEG_SIZE, TR } from "./state";

/** Real-address mode. */
// @ts-ignore: decorator
@inline
export function inRealMode(): bool {
  return !(load<u64>(cpu, CPU_CR0) & 1);
}
// @ts-ignore: decorator
@inline
export function inVirtual8086(): bool {
  return (load<u64>(cpu, CPU_RFLAGS) & VM) != 0;
}
/** Returns whether selectors name descriptors. If not, as in real and virtual-8086 mode, they are a sixteenth of the segment's base. */
// @ts-ignore: decorator
@inline
export function hasDescriptors(): bool {
  return !inRealMode() && !inVirtual8086();
}
/** Long mode: 64-bit code or compatibility mode. */
// @ts-ignore: decorator
@inline
export function isLongModeActive(): bool {
  return (load<u64>(cpu, CPU_EFER) & 0x400) != 0;
}
/** CPL <= IOPL. */
// @ts-ignore: decorator
@inline
export function hasIoPrivilege(): bool {
  return load<u32>(cpu, CPU_CPL) <= <u32>((load<u64>(cpu, CPU_RFLAGS) >> 12) & 3);
}

/**
 * Returns whether `bytes` ports from `port` on may be accessed, by I/O privilege or the bitmap of a 32- or 64-bit TSS. The caller must look at
 * `fault` too.
 */
export function portsAllowed(port: u32, bytes: u32): bool {
  if (inRealMode() || (hasIoPrivilege() && !inVirtual8086())) return true;
  const tss = cpu + CPU_SEG + TR * SEG_SIZE;
  const limit = load<u32>(tss, SEG_LIMIT);
  const attr: u32 = load<u16>(tss, SEG_ATTR);
  if ((attr & 0x800d) != 9 || limit < 103) return false;
  const base = load<u64>(tss, SEG_BASE);
  const bitmap = <u32>readSystem(base + 102, 2);
  if (fault) return false;
  const at = bitmap + (port >> 3);
  if (at + 1 > limit) return false;
  const bits = <u32>readSystem(base + at, 2);
  const wanted: u32 = ((1 << bytes) - 1) << (port & 7);
  return !fault && !(bits & wanted);
}
