/** Reads and writes struct xenctl_bitmap: u64 guest address, u32 number of bits. The sets here have at most 64 members. */
import { XENCTL_BITMAP_BITMAP, XENCTL_BITMAP_NR_BITS } from "../../abi/xen";
import { EFAULT } from "../../abi/errno";
import { clearGuestFault, guestFault, readGuest8, writeGuest8 } from "../hypercall/guest_access";

export let bitmapValue: u64 = 0;

/** Reads the bitmap described at hypervisor address `at` into bitmapValue; bits beyond its end are 0. Returns 0 or -EFAULT. */
export function readBitmap(at: usize): i32 {
  const guest = load<u64>(at, XENCTL_BITMAP_BITMAP);
  const bits = min<u32>(load<u32>(at, XENCTL_BITMAP_NR_BITS), 64);
  let value: u64 = 0;
  clearGuestFault();
  for (let i: u32 = 0; i < (bits + 7) >> 3; i++) value |= (<u64>readGuest8(guest + i)) << (i * 8);
  if (guestFault) return -EFAULT;
  bitmapValue = bits < 64 ? value & (((<u64>1) << bits) - 1) : value;
  return 0;
}

/** Stores `value` in the bitmap described at `at`. Bytes of it beyond the bits of `value` become 0. Returns 0 or -EFAULT. */
export function writeBitmap(at: usize, value: u64): i32 {
  const guest = load<u64>(at, XENCTL_BITMAP_BITMAP);
  const bits = load<u32>(at, XENCTL_BITMAP_NR_BITS);
  const bytes = min<u32>((bits + 7) >> 3, 512);
  for (let i: u32 = 0; i < bytes; i++) {
    let byte: u32 = i < 8 ? (<u32>(value >> (i * 8))) & 0xff : 0;
    if (i == bytes - 1 && bits & 7) byte &= (1 << (bits & 7)) - 1;
    if (!writeGuest8(guest + i, byte)) return -EFAULT;
  }
  return 0;
}
