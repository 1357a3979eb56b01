/**
 * A PV guest's pointers: linear addresses outside the hypervisor's own range, translated by the tables of the loaded CR3 as silicon would for
 * a ring 3 access (P and U/S at each level; RW for writes; A and D are set).
 */
import { Vcpu } from "../../domain/domain";
import { mfnValid } from "../../memory/frames";
import { TO_PEEK, TO_WRITE } from "../type";

const HYPERVISOR_VIRT_END: u64 = 0xffff880000000000;
const PTE_P: u64 = 1;
const PTE_RW: u64 = 2;
const PTE_US: u64 = 4;
const PTE_A: u64 = 0x20;
const PTE_D: u64 = 0x40;
const PTE_PSE: u64 = 0x80;
const PTE_ADDRESS: u64 = 0x000ffffffffff000;

/** True if [address, address + bytes) is canonical and outside the hypervisor's range (Xen's access_ok). */
export function guestRangeOk(address: u64, bytes: u64): bool {
  const end = address + bytes;
  if (end < address) return false;
  if (end <= 0x0000800000000000) return true;
  return address >= HYPERVISOR_VIRT_END;
}

/**
 * Machine address behind a linear address of the tables at `cr3` (machine address), ring 3 access; 0 = would fault.
 * Sets A, and D for writes, as silicon does.
 */
export function walkGuest(cr3: u64, linear: u64, write: bool): usize {
  let table = cr3 & PTE_ADDRESS;
  const need = PTE_P | PTE_US | (write ? PTE_RW : 0);
  let shift: u64 = 39;
  while (true) {
    if (!mfnValid(table >> 12)) return 0;
    const at = <usize>table + ((<usize>((linear >> shift) & 511)) << 3);
    const entry = atomic.load<u64>(at);
    if ((entry & need) != need) return 0;
    const leaf = shift == 12 || (entry & PTE_PSE) != 0;
    const mark = leaf && write ? PTE_A | PTE_D : PTE_A;
    if ((entry & mark) != mark) {
      // The entry may have changed meanwhile: then silicon walks again.
      if (atomic.cmpxchg<u64>(at, entry, entry | mark) != entry) return walkGuest(cr3, linear, write);
    }
    if (leaf) {
      const offset = linear & (((<u64>1) << shift) - 1);
      const machine = (entry & PTE_ADDRESS & ~(((<u64>1) << shift) - 1)) + offset;
      return mfnValid(machine >> 12) ? <usize>machine : 0;
    }
    table = entry & PTE_ADDRESS;
    shift -= 9;
  }
}

/** As walkGuest for reading, but leaves no mark in the tables. */
function lookUp(cr3: u64, linear: u64): usize {
  let table = cr3 & PTE_ADDRESS;
  let shift: u64 = 39;
  while (true) {
    if (!mfnValid(table >> 12)) return 0;
    const entry = atomic.load<u64>(<usize>table + ((<usize>((linear >> shift) & 511)) << 3));
    if ((entry & (PTE_P | PTE_US)) != (PTE_P | PTE_US)) return 0;
    if (shift == 12 || entry & PTE_PSE) {
      const offset = linear & (((<u64>1) << shift) - 1);
      const machine = (entry & PTE_ADDRESS & ~(((<u64>1) << shift) - 1)) + offset;
      return mfnValid(machine >> 12) ? <usize>machine : 0;
    }
    table = entry & PTE_ADDRESS;
    shift -= 9;
  }
}

export function pvTranslate(v: Vcpu, guest: u64, how: u32): usize {
  return how == TO_PEEK ? lookUp(v.cr3Loaded, guest) : walkGuest(v.cr3Loaded, guest, how == TO_WRITE);
}
