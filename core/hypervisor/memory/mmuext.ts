/** HYPERVISOR_mmuext_op: pinning, base pointers, TLB and cache control, whole-page clear and copy. */
import { continueWith, preemptCheck } from "../hypercall/continuation";
import { copyFromGuest, copyToGuest } from "../hypercall/guest_access";
import {
  MMUEXT_CLEAR_PAGE,
  MMUEXT_COPY_PAGE,
  MMUEXT_FLUSH_CACHE,
  MMUEXT_FLUSH_CACHE_GLOBAL,
  MMUEXT_INVLPG_ALL,
  MMUEXT_INVLPG_LOCAL,
  MMUEXT_INVLPG_MULTI,
  MMUEXT_MARK_SUPER,
  MMUEXT_NEW_BASEPTR,
  MMUEXT_NEW_USER_BASEPTR,
  MMUEXT_OP_ARG1,
  MMUEXT_OP_ARG2,
  MMUEXT_OP_SIZE,
  MMUEXT_PIN_L1_TABLE,
  MMUEXT_PIN_L4_TABLE,
  MMUEXT_SET_LDT,
  MMUEXT_TLB_FLUSH_ALL,
  MMUEXT_TLB_FLUSH_LOCAL,
  MMUEXT_TLB_FLUSH_MULTI,
  MMUEXT_UNMARK_SUPER,
  MMUEXT_UNPIN_TABLE,
} from "../../abi/xen";
import { MMU_UPDATE_PREEMPTED } from "../abi/implied";
import {
  callerDomid,
  flushAddress,
  flushAddressOn,
  flushAll,
  flushGuest,
  flushLocal,
  flushOn,
  kernelBase,
  setKernelBase,
  setUserBase,
  userBase,
} from "./current";
import { DomainMemory, MEM_DYING, MEM_PAGE_TABLES, m2pStrict } from "./domain_memory";
import { EACCES, EFAULT, EINVAL, ENOMEM, ENOSYS, EOPNOTSUPP, EPERM, ERESTART, ESRCH } from "../../abi/errno";
import { PGT_l4_page_table, PGT_writable_page, frameAddress } from "./frames";
import { getPage, putPage } from "./references";
import { alreadyDone, foreignDenied, foreignDomain, guestAddressOk } from "./mmu_update";
import { currentVcpu } from "../domain/domain";
import { beginTables, validationTried } from "./kept_tables";
import { settleOnce, settleTables } from "./settle_tables";
import { invalidateShadowLdt, setVcpuLdt } from "./shadow_ldt";
import { clearPinned, getPageAndType, getPageType, putPageAndType, putPageType, setPinned } from "./page_type";
import { showM2p } from "./perdomain";
import { SCRATCH_MMUEXT, SCRATCH_RESULT, scratch } from "./scratch";
import { frameWritten } from "../../machine/cpu/frames/written";

/**
 * mmuext_op(uops, count, pdone, foreigndom). Stores at `pdone`, if that is not 0, how many operations succeeded. 0 or -errno of the first one that
 * failed.
 */
export function doMmuextOp(uops: u64, countArgument: u32, pdone: u64, foreigndom: u32): i64 {
  const count = countArgument & 0x7fffffff;
  const owner = foreignDomain(foreigndom & 0xffff);
  if (owner == null) return -(<i64>ESRCH);
  if (foreignDenied(owner)) return -(<i64>EPERM);
  const op = scratch(SCRATCH_MMUEXT);
  if (!op) return -(<i64>ENOMEM);
  const base = countArgument & MMU_UPDATE_PREEMPTED ? alreadyDone(pdone) : 0;
  let done: u32 = 0;
  let error: i32 = 0;
  // What an earlier call has left is given up first, but not what this one has left in order to continue.
  let settled = settleTables(owner);
  for (; settled && done < count; done++) {
    if (done && preemptCheck()) break;
    beginTables();
    if (!copyFromGuest(op, uops + <u64>done * MMUEXT_OP_SIZE, MMUEXT_OP_SIZE)) {
      error = -EFAULT;
      break;
    }
    error = oneOp(load<u32>(op), load<u64>(op, MMUEXT_OP_ARG1), load<u64>(op, MMUEXT_OP_ARG2), owner);
    validationTried(owner, error);
    if (error) break;
    settled = settleTables(owner);
  }
  if (error == -ERESTART) {
    error = 0;
    settled = false;
  } else if (error) settleOnce(owner);
  if (pdone) {
    const result = scratch(SCRATCH_RESULT);
    store<u32>(result, base + done);
    // As in Xen, a bad pointer here is not an error; the caller just does not get the count.
    copyToGuest(pdone, result, 4);
  }
  if (!error && (done < count || !settled))
    return continueWith(
      uops + <u64>done * MMUEXT_OP_SIZE,
      (count - done) | (<u32>MMU_UPDATE_PREEMPTED),
      pdone,
      foreigndom,
    );
  return <i64>error;
}

function oneOp(command: u32, arg1: u64, arg2: u64, owner: DomainMemory): i32 {
  const own = owner.domid == callerDomid();
  const translates = (owner.flags & MEM_PAGE_TABLES) != 0;
  if (command <= <u32>MMUEXT_PIN_L4_TABLE)
    return translates ? pin(arg1, command - MMUEXT_PIN_L1_TABLE + 1, owner) : -EOPNOTSUPP;
  switch (command) {
    case MMUEXT_UNPIN_TABLE:
      return translates ? unpin(arg1, owner) : -EOPNOTSUPP;
    case MMUEXT_NEW_BASEPTR:
      return own && translates ? newBase(arg1, owner) : translates ? -EPERM : -EOPNOTSUPP;
    case MMUEXT_NEW_USER_BASEPTR:
      return own && translates ? newUserBase(arg1, owner) : translates ? -EPERM : -EOPNOTSUPP;
    case MMUEXT_TLB_FLUSH_LOCAL:
      if (!own) return -EPERM;
      flushGuest();
      return 0;
    case MMUEXT_INVLPG_LOCAL:
      if (!own) return -EPERM;
      if (guestAddressOk(arg1)) flushAddress(arg1);
      return 0;
    case MMUEXT_TLB_FLUSH_MULTI:
      if (!own) return -EPERM;
      return flushOn(arg2) ? 0 : -EINVAL;
    case MMUEXT_INVLPG_MULTI:
      if (!own) return -EPERM;
      return flushAddressOn(arg2, arg1) ? 0 : -EINVAL;
    case MMUEXT_TLB_FLUSH_ALL:
    case MMUEXT_INVLPG_ALL:
      if (!own) return -EPERM;
      flushAll();
      return 0;
    case MMUEXT_FLUSH_CACHE:
    case MMUEXT_FLUSH_CACHE_GLOBAL:
      // Only domains with I/O memory may do this, and none here has any.
      return own ? -EACCES : -EPERM;
    case MMUEXT_SET_LDT:
      if (!own) return -EPERM;
      if (!translates) return -EOPNOTSUPP;
      return setLdt(arg1, <u32>arg2);
    case MMUEXT_CLEAR_PAGE:
      return wholePage(arg1, arg1, owner, false);
    case MMUEXT_COPY_PAGE:
      return wholePage(arg1, arg2, owner, true);
    case MMUEXT_MARK_SUPER:
    case MMUEXT_UNMARK_SUPER:
      // Superpages for PV guests were removed from Xen; the call is still there and refuses.
      return -EOPNOTSUPP;
  }
  return -ENOSYS;
}

/**
 * `entries` is the 32-bit field nr_ents. What the guest has left behind it in the union is ignored, and so is the address if there are no entries.
 */
function setLdt(linear: u64, entries: u32): i32 {
  const base: u64 = entries ? linear : 0;
  // The table must begin at a page boundary and have at most 8192 descriptors.
  if (entries > 8192 || base & 4095 || !guestAddressOk(base)) return -EINVAL;
  const v = currentVcpu;
  if (v.ldtEntries == entries && (v.ldtBase == base || !entries)) return 0;
  if (invalidateShadowLdt(v)) flushLocal();
  setVcpuLdt(v, base, entries);
  return 0;
}

function pin(mfn: u64, level: u32, owner: DomainMemory): i32 {
  // The domain's death takes all pins off, once, so no new ones may come.
  if (owner.flags & MEM_DYING) return -EINVAL;
  const error = getPageAndType(mfn, owner.domid, level);
  if (error) return error;
  if (!setPinned(<u32>mfn)) {
    putPageAndType(<u32>mfn);
    return -EINVAL;
  }
  return 0;
}

function unpin(mfn: u64, owner: DomainMemory): i32 {
  if (!getPage(mfn, owner.domid)) return -EINVAL;
  const was = clearPinned(<u32>mfn);
  putPage(<u32>mfn);
  if (!was) return -EINVAL;
  putPageAndType(<u32>mfn);
  return 0;
}

/** Takes the references that a vCPU's base pointer holds. */
export function newBase(mfn: u64, owner: DomainMemory): i32 {
  const old = kernelBase();
  if (<u64>old == mfn) {
    flushGuest();
    return 0;
  }
  const error = getPageAndType(mfn, owner.domid, PGT_l4_page_table);
  if (error) return error;
  if (m2pStrict(owner.domid)) showM2p(<u32>mfn, true);
  setKernelBase(<u32>mfn);
  if (old) putPageAndType(old);
  return 0;
}

function newUserBase(mfn: u64, owner: DomainMemory): i32 {
  const old = userBase();
  if (<u64>old == mfn) return 0;
  if (mfn) {
    const error = getPageAndType(mfn, owner.domid, PGT_l4_page_table);
    if (error) return error;
    if (m2pStrict(owner.domid)) showM2p(<u32>mfn, false);
  }
  setUserBase(<u32>mfn);
  if (old) putPageAndType(old);
  return 0;
}

/** Fills frame `mfn` with zeros, or with the content of frame `from` of the same domain. */
function wholePage(mfn: u64, from: u64, owner: DomainMemory, copy: bool): i32 {
  if (copy && !getPage(from, owner.domid)) return -EINVAL;
  let error: i32 = -EINVAL;
  if (getPage(mfn, owner.domid)) {
    error = getPageType(<u32>mfn, PGT_writable_page);
    if (!error) {
      if (copy) memory.copy(frameAddress(<u32>mfn), frameAddress(<u32>from), 4096);
      else memory.fill(frameAddress(<u32>mfn), 0, 4096);
      frameWritten(<u32>mfn);
      putPageType(<u32>mfn);
    }
    putPage(<u32>mfn);
  }
  if (copy) putPage(<u32>from);
  return error;
}
