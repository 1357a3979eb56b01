/** HYPERVISOR_mmu_update and HYPERVISOR_update_va_mapping(_otherdomain). */
import { entryAt } from "../../machine/cpu/paging/walk";
import { continueWith, preemptCheck } from "../hypercall/continuation";
import { copyFromGuest, copyToGuest } from "../hypercall/guest_access";
import {
  DOMID_SELF,
  MMU_MACHPHYS_UPDATE,
  MMU_NORMAL_PT_UPDATE,
  MMU_PT_UPDATE_NO_TRANSLATE,
  MMU_PT_UPDATE_PRESERVE_AD,
  MMU_UPDATE_PTR,
  MMU_UPDATE_SIZE,
  MMU_UPDATE_VAL,
  UVMF_ALL,
  UVMF_FLUSHTYPE_MASK,
  UVMF_INVLPG,
  UVMF_TLB_FLUSH,
} from "../../abi/xen";
import { MMU_UPDATE_PREEMPTED } from "../abi/implied";
import { callerDomid, currentBase, flushAddress, flushAddressOn, flushAll, flushGuest, flushOn } from "./current";
import { DomainMemory, MEM_PRIVILEGED, domainMemory } from "./domain_memory";
import { EFAULT, EINVAL, ENOMEM, ENOSYS, EPERM, ERESTART, ESRCH } from "../../abi/errno";
import { frameAddress } from "./frames";
import { getPage, putPage } from "./references";
import { beginTables, validationTried } from "./kept_tables";
import { isSettled, settleOnce, settleTables } from "./settle_tables";
import { m2pSet } from "./m2p";
import { updateFrameEntry, updateL1Locked } from "./pt_update";
import { SCRATCH_MMU, SCRATCH_RESULT, scratch } from "./scratch";

/** Number of requests that are copied from the guest at a time. */
const BATCH: u32 = 64;

/**
 * Returns the domain whose frames a call is about. `domid` is DOMID_SELF or another domain's; as in Xen, a domain that names itself by number is
 * refused. Null means ESRCH, or EPERM if `foreignDenied` says so afterwards.
 */
export function foreignDomain(domid: u32): DomainMemory | null {
  const caller = callerDomid();
  if (domid == <u32>DOMID_SELF) return domainMemory(caller);
  if (domid == caller) return null;
  return domainMemory(domid);
}

/** Returns whether the calling domain may not act on `target`. */
export function foreignDenied(target: DomainMemory): bool {
  const caller = domainMemory(callerDomid());
  if (caller == null) return true;
  return target.domid != caller.domid && (caller.flags & MEM_PRIVILEGED) == 0;
}

/**
 * mmu_update(ureqs, count, pdone, foreigndom). `foreigndom` has the owner of frames in bits 0..15 and the owner of tables + 1 in bits 16..31 (0 =
 * caller). Stores at `pdone`, if that is not 0, how many requests succeeded. 0 or -errno of the first one that failed.
 */
export function doMmuUpdate(ureqs: u64, countArgument: u32, pdone: u64, foreigndom: u32): i64 {
  const count = countArgument & 0x7fffffff;
  let tableOwner = domainMemory(callerDomid());
  if (foreigndom >> 16) tableOwner = domainMemory((foreigndom >> 16) - 1);
  const pageOwner = foreignDomain(foreigndom & 0xffff);
  if (tableOwner == null || pageOwner == null) return -(<i64>ESRCH);
  if (foreignDenied(tableOwner) || foreignDenied(pageOwner)) return -(<i64>EPERM);
  const batch = scratch(SCRATCH_MMU);
  if (!batch) return -(<i64>ENOMEM);
  const base = countArgument & MMU_UPDATE_PREEMPTED ? alreadyDone(pdone) : 0;
  let done: u32 = 0;
  let error: i32 = 0;
  // As in mmuext_op.
  let settled = settleTables(tableOwner);
  while (settled && done < count && !error) {
    if (done && preemptCheck()) break;
    beginTables();
    let n = min<u32>(BATCH, count - done);
    if (!copyFromGuest(batch, ureqs + <u64>done * MMU_UPDATE_SIZE, n * MMU_UPDATE_SIZE)) {
      // Requests before the hole in memory still count, so they are taken one by one.
      if (n == 1 || !copyFromGuest(batch, ureqs + <u64>done * MMU_UPDATE_SIZE, MMU_UPDATE_SIZE)) {
        error = -EFAULT;
        break;
      }
      n = 1;
    }
    for (let i: u32 = 0; i < n; i++) {
      const request = batch + i * MMU_UPDATE_SIZE;
      error = oneUpdate(
        load<u64>(request, MMU_UPDATE_PTR),
        load<u64>(request, MMU_UPDATE_VAL),
        tableOwner.domid,
        pageOwner.domid,
      );
      validationTried(tableOwner, error);
      if (error) break;
      done++;
      if (!isSettled(tableOwner) && !settleTables(tableOwner)) {
        settled = false;
        break;
      }
    }
  }
  if (error == -ERESTART) {
    error = 0;
    settled = false;
  } else if (error) settleOnce(tableOwner);
  if (pdone) {
    const result = scratch(SCRATCH_RESULT);
    store<u32>(result, base + done);
    // As in Xen, a bad pointer here is not an error; the caller just does not get the count.
    copyToGuest(pdone, result, 4);
  }
  if (!error && (done < count || !settled))
    return continueWith(
      ureqs + <u64>done * MMU_UPDATE_SIZE,
      (count - done) | (<u32>MMU_UPDATE_PREEMPTED),
      pdone,
      foreigndom,
    );
  return <i64>error;
}

/** Returns what a preempted call had already reported at `pdone`. */
export function alreadyDone(pdone: u64): u32 {
  const at = scratch(SCRATCH_RESULT);
  return pdone && copyFromGuest(at, pdone, 4) ? load<u32>(at) : 0;
}

function oneUpdate(request: u64, value: u64, tableOwner: u32, pageOwner: u32): i32 {
  const command = (<u32>request) & 7;
  const mfn = request >> 12;
  if (
    command == <u32>MMU_NORMAL_PT_UPDATE ||
    command == <u32>MMU_PT_UPDATE_PRESERVE_AD ||
    command == <u32>MMU_PT_UPDATE_NO_TRANSLATE
  ) {
    if (!getPage(mfn, tableOwner)) return -EINVAL;
    const preserve = command == <u32>MMU_PT_UPDATE_PRESERVE_AD;
    const error = updateFrameEntry(<u32>mfn, (<u32>request) & 0xff8, value, preserve, pageOwner);
    putPage(<u32>mfn);
    return error;
  }
  if (command == <u32>MMU_MACHPHYS_UPDATE) {
    if (!getPage(mfn, pageOwner)) return -EINVAL;
    m2pSet(<u32>mfn, value);
    putPage(<u32>mfn);
    return 0;
  }
  return -ENOSYS;
}

/**
 * Returns the L1 table that maps `va` under the tables at `root`; 0 if there is none. The frames of PV page tables stay page tables while they are
 * mapped.
 */
export function findL1(root: u32, va: u64): u32 {
  return <u32>(entryAt(frameAddress(root), va, 1) >> 12);
}

/** Returns whether the address is canonical and not in the hypervisor's area. */
export function guestAddressOk(va: u64): bool {
  return va < 0x0000800000000000 || va >= 0xffff880000000000;
}

/** update_va_mapping(va, val, flags): sets the L1 entry for va in the current tables. */
export function doUpdateVaMapping(va: u64, value: u64, flags: u64): i64 {
  return updateVa(va, value, flags, callerDomid());
}

export function doUpdateVaMappingOtherdomain(va: u64, value: u64, flags: u64, domid: u32): i64 {
  const owner = foreignDomain(domid);
  if (owner == null) return -(<i64>ESRCH);
  if (foreignDenied(owner)) return -(<i64>EPERM);
  return updateVa(va, value, flags, owner.domid);
}

function updateVa(va: u64, value: u64, flags: u64, pageOwner: u32): i64 {
  if (!guestAddressOk(va)) return -(<i64>EINVAL);
  const base = currentBase();
  const l1 = base ? findL1(base, va) : 0;
  const domid = callerDomid();
  if (!l1 || !getPage(l1, domid)) return -(<i64>EINVAL);
  const error = updateL1Locked(l1, (<u32>((va >> 12) & 511)) << 3, value, domid, pageOwner);
  putPage(l1);
  // Whatever happened to the entry, the guest has asked for the flush.
  const kind = (<u32>flags) & UVMF_FLUSHTYPE_MASK;
  const mask = flags & ~(<u64>UVMF_FLUSHTYPE_MASK);
  if (kind == <u32>UVMF_TLB_FLUSH) {
    if (mask == 0) flushGuest();
    else if (mask == <u64>UVMF_ALL) flushAll();
    else if (!flushOn(mask)) return -(<i64>EFAULT);
  } else if (kind == <u32>UVMF_INVLPG) {
    if (mask == 0) flushAddress(va);
    else if (mask == <u64>UVMF_ALL) flushAll();
    else if (!flushAddressOn(mask, va)) return -(<i64>EFAULT);
  }
  return <i64>error;
}
