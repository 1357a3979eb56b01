/**
 * Pages of segment descriptors (GDT and LDT frames of PV guests): every descriptor must be harmless to have for RPL 3 code, by the rules of Xen's
 * check_descriptor.
 */
import { FIRST_RESERVED_GDT_ENTRY, FLAT_RING3_CS64 } from "../../abi/arch_x86";
import { EINVAL } from "../../abi/errno";
import { frameAddress } from "./frames";

const DESC_P: u32 = 1 << 15;
const DESC_DPL: u32 = 3 << 13;
const DESC_S: u32 = 1 << 12;
const DESC_TYPE: u32 = 0xf00;
const TYPE_CALL_GATE: u32 = 0xc00;
/** Bits of a call gate's upper word that are reserved, or are its count of parameters. */
const GATE_ZERO: u32 = 0xff;
const SELECTOR_LDT: u32 = 4;

/** Returns whether a guest's call gate may lead to this code selector: one of its own tables, or Xen's flat one. */
function gateSelectorOk(selector: u32): bool {
  return (
    (selector & SELECTOR_LDT) != 0 || selector >> 3 < <u32>FIRST_RESERVED_GDT_ENTRY || selector == <u32>FLAT_RING3_CS64
  );
}

/**
 * Returns the descriptor as a PV guest may have it, with its DPL raised to 3, or REFUSED for one that it may not have. One that is not present, or of
 * the invalid type 0, cannot be used and so is harmless. A call gate gets DPL 0, so that its use raises #GP, and keeps its own DPL in its selector.
 */
export function checkDescriptor(descriptor: u64): u64 {
  let high = <u32>(descriptor >> 32);
  let low = <u32>descriptor;
  if (!(high & DESC_P)) return descriptor;
  if (high & DESC_S) return ((<u64>(high | DESC_DPL)) << 32) | low;
  if (!(high & DESC_TYPE)) return descriptor;
  if ((high & DESC_TYPE) != TYPE_CALL_GATE || high & GATE_ZERO || !gateSelectorOk(low >> 16)) return REFUSED;
  // Like everything of the guest's, the gate's target is for ring 3.
  low |= 3 << 16;
  high &= ~DESC_DPL;
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
