/**
 * Pages of segment descriptors (GDT and LDT frames of PV guests): every descriptor must be harmless with RPL 3 code, as
 * Xen's check_descriptor has it.
 */
import { EINVAL } from "../abi/errno";
import { frameAddress } from "./frames";

const DESC_P: u32 = 1 << 15;
const DESC_S: u32 = 1 << 12;
const DESC_L: u32 = 1 << 21;
const DESC_DB: u32 = 1 << 22;
const DESC_CODE: u32 = 1 << 11;

/**
 * The descriptor as a PV guest may have it: DPL raised to 3; 0xffffffffffffffff stands for one it may not have. Call
 * gates and other system descriptors are refused, but an empty (not present, type 0) one is fine.
 */
export function checkDescriptor(descriptor: u64): u64 {
  let high = <u32>(descriptor >> 32);
  const low = <u32>descriptor;
  // A descriptor that is not present cannot be used; its other bits are the guest's business.
  if (!(high & DESC_P)) return descriptor;
  // Only code and data segments.
  if (!(high & DESC_S)) return REFUSED;
  // Everything must be usable from ring 3 only.
  high |= 3 << 13;
  // A 64-bit code segment with D set is reserved.
  if ((high & (DESC_CODE | DESC_L | DESC_DB)) == (DESC_CODE | DESC_L | DESC_DB)) return REFUSED;
  return ((<u64>high) << 32) | low;
}
export const REFUSED: u64 = 0xffffffffffffffff;

/** Checks and adjusts a whole page that becomes a descriptor page. 0 or -EINVAL. */
export function validateDescriptorPage(mfn: u32): i32 {
  const page = frameAddress(mfn);
  for (let at: usize = 0; at < 4096; at += 8) {
    const descriptor = load<u64>(page + at);
    if (checkDescriptor(descriptor) == REFUSED) return -EINVAL;
  }
  for (let at: usize = 0; at < 4096; at += 8) store<u64>(page + at, checkDescriptor(load<u64>(page + at)));
  return 0;
}
