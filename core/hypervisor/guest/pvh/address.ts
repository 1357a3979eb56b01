/**
 * A PVH guest's pointers in hypercalls: linear addresses, translated by its own page tables as its kernel would, whatever mode it is in, and then by
 * its second stage. Frames that it may not write, and holes, are bad pointers.
 */
import { ACCESS_READ, ACCESS_WRITE, SPACE_SMAP, SPACE_USER } from "../../../machine/cpu/paging/format";
import { spaceKey } from "../../../machine/cpu/paging/space";
import { NO_ADDRESS, walkBothStages, walkOutside } from "../../../machine/cpu/paging/walk";
import { CPU_SECOND_ROOT } from "../../../machine/cpu/state";
import { Vcpu } from "../../domain/domain";
import { TO_PEEK, TO_WRITE } from "../type";

/** The walk itself refuses what is not canonical. */
export function pvhRangeOk(guest: u64, bytes: u64): bool {
  return guest + bytes >= guest;
}

/** The guest-physical address for which the second stage had nothing in the last pvhTranslate(); NO_ADDRESS if it failed for another reason. */
export let missingAddress: u64 = NO_ADDRESS;

/** `v` is the running vCPU. */
export function pvhTranslate(v: Vcpu, guest: u64, how: u32): usize {
  missingAddress = NO_ADDRESS;
  if (<u64>((<i64>(guest << 16)) >> 16) != guest) return 0;
  const key = spaceKey() & ~(SPACE_USER | SPACE_SMAP);
  const access = how == TO_WRITE ? ACCESS_WRITE : ACCESS_READ;
  const page = walkBothStages(key, load<u64>(v.cpu, CPU_SECOND_ROOT), guest, access, how != TO_PEEK);
  missingAddress = walkOutside;
  return page == NO_ADDRESS ? 0 : (<usize>page) | ((<usize>guest) & 0xfff);
}
