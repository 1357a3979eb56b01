/**
 * A PV guest's pointers: linear addresses outside the hypervisor's own range, which the tables of the loaded CR3 translate as silicon would for a
 * ring 3 access.
 */
import {
  ACCESS_READ,
  ACCESS_WRITE,
  ADDRESS,
  SPACE_NX,
  SPACE_PAGING,
  SPACE_USER,
  SPACE_WP,
} from "../../../machine/cpu/paging/format";
import { NO_ADDRESS, walkTables } from "../../../machine/cpu/paging/walk";
import { Vcpu } from "../../domain/domain";
import { TO_PEEK, TO_WRITE } from "../type";

const HYPERVISOR_VIRT_END: u64 = 0xffff880000000000;

/** Returns whether [address, address + bytes) is canonical and outside the hypervisor's range (Xen's access_ok). */
export function guestRangeOk(address: u64, bytes: u64): bool {
  const end = address + bytes;
  if (end < address) return false;
  if (end <= 0x0000800000000000) return true;
  return address >= HYPERVISOR_VIRT_END;
}

/**
 * Returns the machine address that the tables at `cr3` (a machine address) give for a linear address in a ring 3 access; 0 if that would fault. `how`
 * is TO_*.
 */
export function walkGuest(cr3: u64, linear: u64, how: u32): usize {
  const key = SPACE_PAGING | SPACE_USER | SPACE_WP | SPACE_NX | (cr3 & ADDRESS);
  const page = walkTables(key, linear, how == TO_WRITE ? ACCESS_WRITE : ACCESS_READ, how != TO_PEEK);
  return page == NO_ADDRESS ? 0 : (<usize>page) | ((<usize>linear) & 0xfff);
}

export function pvTranslate(v: Vcpu, guest: u64, how: u32): usize {
  return walkGuest(v.cr3Loaded, guest, how);
}
