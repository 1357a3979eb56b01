/** XENMEM_increase/decrease_reservation, populate_physmap and exchange: how a domain's set of frames changes. */
import { continueWith, preemptCheck } from "../hypercall/continuation";
import { copyFromGuest, copyToGuest } from "../hypercall/guest_access";
import {
  DOMID_SELF,
  EXCHANGE_SIZE,
  EXCHANGE_nr_exchanged,
  EXCHANGE_out,
  MEMOP_EXTENT_SHIFT,
  RESERVATION_SIZE,
  RESERVATION_domid,
  RESERVATION_extent_order,
  RESERVATION_extent_start,
  RESERVATION_mem_flags,
  RESERVATION_nr_extents,
  XENMEMF_populate_on_demand,
  XENMEM_decrease_reservation,
  XENMEM_populate_physmap,
} from "../abi/memory";
import { allocDomheapPages, freeDomheapPages, returnStolenPage, stealPage } from "./allocator";
import { callerDomid } from "./current";
import { DomainMemory, MEM_PRIVILEGED, domainMemory } from "./domain_memory";
import { EFAULT, EINVAL, ENOMEM, EPERM, ESRCH } from "../abi/errno";
import { PGC_xen_heap, getPage, mfnValid, pageFlag, pageNext, putAllocRef, putPage, setPageNext } from "./frames";
import { m2pSet } from "./m2p";
import { foreignDenied } from "./mmu_update";
import { SCRATCH_EXTENTS, SCRATCH_MEMOP, scratch } from "./scratch";

/** Largest extents Xen's defaults (memop-max-order) let an ordinary domain and a control domain ask for. */
const DOMU_MAX_ORDER: u32 = 9;
const CONTROL_MAX_ORDER: u32 = 18;

function maxOrder(): u32 {
  const d = domainMemory(callerDomid());
  return d != null && d.flags & MEM_PRIVILEGED ? CONTROL_MAX_ORDER : DOMU_MAX_ORDER;
}

/** The domain a `domid` argument names: DOMID_SELF or any number, the caller's own included. */
export function domainByAnyId(domid: u32): DomainMemory | null {
  return domainMemory(domid == <u32>DOMID_SELF ? callerDomid() : domid);
}

function readExtent(list: u64, index: u64): u64 {
  const at = scratch(SCRATCH_EXTENTS);
  extentRead = copyFromGuest(at, list + index * 8, 8);
  return extentRead ? load<u64>(at) : 0;
}
/** Whether the last readExtent worked. */
let extentRead: bool = false;

function writeExtent(list: u64, index: u64, mfn: u64): bool {
  const at = scratch(SCRATCH_EXTENTS);
  store<u64>(at, mfn);
  return copyToGuest(list + index * 8, at, 8);
}

/**
 * The three reservation calls; `start`: extents a continued call has already done. Number of extents done, also when the
 * next one failed; -errno only for a bad argument block.
 */
export function changeReservation(operation: u32, arg: u64, start: u64): i64 {
  const r = scratch(SCRATCH_MEMOP);
  if (!r) return <i64>start;
  if (!copyFromGuest(r, arg, RESERVATION_SIZE)) return <i64>start;
  const count = load<u64>(r, RESERVATION_nr_extents);
  const list = load<u64>(r, RESERVATION_extent_start);
  const order = load<u32>(r, RESERVATION_extent_order);
  const flags = load<u32>(r, RESERVATION_mem_flags);
  if (count > 0xffffffff >> MEMOP_EXTENT_SHIFT || start >= count) return <i64>start;
  const d = domainByAnyId(load<u16>(r, RESERVATION_domid));
  if (d == null) return <i64>start;
  if (foreignDenied(d)) return -(<i64>EPERM);
  if (order > maxOrder()) return <i64>start;
  // Populate on demand is for domains with a translated memory map.
  if (flags & XENMEMF_populate_on_demand) return <i64>start;
  let done = start;
  for (; done < count; done++) {
    if (done > start && (done & 15) == 0 && preemptCheck())
      return continueWith((done << MEMOP_EXTENT_SHIFT) | operation, arg);
    if (operation == <u32>XENMEM_decrease_reservation) {
      const mfn = readExtent(list, done);
      if (!extentRead || !removeExtent(d, mfn, order)) break;
    } else if (operation == <u32>XENMEM_populate_physmap) {
      const gpfn = readExtent(list, done);
      if (!extentRead || !populateExtent(d, gpfn, order, list, done)) break;
    } else {
      const mfn = allocDomheapPages(order, d.domid);
      if (!mfn) break;
      if (list && !writeExtent(list, done, mfn)) {
        freeDomheapPages(mfn, order);
        break;
      }
    }
  }
  return <i64>done;
}

function populateExtent(d: DomainMemory, gpfn: u64, order: u32, list: u64, index: u64): bool {
  // The M2P takes any number; a guest frame number beyond 2^40 is none that a guest could use.
  if (gpfn >> 40) return false;
  const mfn = allocDomheapPages(order, d.domid);
  if (!mfn) return false;
  for (let i: u32 = 0; i < (<u32>1) << order; i++) m2pSet(mfn + i, gpfn + i);
  return writeExtent(list, index, mfn);
}

/** Lets go of 2^order frames from `mfn` on; false at the first that is not the domain's (those before are gone). */
function removeExtent(d: DomainMemory, mfn: u64, order: u32): bool {
  for (let i: u64 = 0; i < (<u64>1) << order; i++) {
    if (!getPage(mfn + i, d.domid)) return false;
    const frame = <u32>(mfn + i);
    // Shared frames of the hypervisor's (shared info, grant table) are not in the domain's reservation.
    const ok = !pageFlag(frame, PGC_xen_heap) && putAllocRef(frame);
    putPage(frame);
    if (!ok) return false;
  }
  return true;
}

/** XENMEM_exchange: gives extents of one size for as many frames in extents of another, chunk by chunk. 0 or -errno. */
export function exchangeMemory(arg: u64): i64 {
  const x = scratch(SCRATCH_MEMOP);
  if (!x) return -(<i64>ENOMEM);
  if (!copyFromGuest(x, arg, EXCHANGE_SIZE)) return -(<i64>EFAULT);
  const inList = load<u64>(x, RESERVATION_extent_start);
  const inCount = load<u64>(x, RESERVATION_nr_extents);
  const inOrder = load<u32>(x, RESERVATION_extent_order);
  const outList = load<u64>(x, EXCHANGE_out + RESERVATION_extent_start);
  const outCount = load<u64>(x, EXCHANGE_out + RESERVATION_nr_extents);
  const outOrder = load<u32>(x, EXCHANGE_out + RESERVATION_extent_order);
  const domid = <u32>load<u16>(x, RESERVATION_domid);
  let exchanged = load<u64>(x, EXCHANGE_nr_exchanged);
  if (exchanged > inCount) return -(<i64>EINVAL);
  if (exchanged == inCount) return 0;
  if (inOrder > CONTROL_MAX_ORDER || outOrder > CONTROL_MAX_ORDER || inCount >> 32 || outCount >> 32)
    return -(<i64>EINVAL);
  if (domid != <u32>load<u16>(x, EXCHANGE_out + RESERVATION_domid) || inCount << inOrder != outCount << outOrder)
    return -(<i64>EINVAL);
  if (inOrder > maxOrder() || outOrder > maxOrder()) return -(<i64>EPERM);
  const d = domainByAnyId(domid);
  if (d == null) return -(<i64>ESRCH);
  if (foreignDenied(d)) return -(<i64>EPERM);
  // A chunk: as many in-extents as make one out-extent, or the other way round.
  const inPerChunk: u64 = outOrder > inOrder ? (<u64>1) << (outOrder - inOrder) : 1;
  const outPerChunk: u64 = inOrder > outOrder ? (<u64>1) << (inOrder - outOrder) : 1;
  if (exchanged % inPerChunk) return -(<i64>EINVAL);
  let error: i32 = 0;
  while (exchanged < inCount) {
    const outFirst = (exchanged / inPerChunk) * outPerChunk;
    error = exchangeChunk(d, inList, exchanged, inPerChunk, inOrder, outList, outFirst, outPerChunk, outOrder);
    if (error) break;
    exchanged += inPerChunk;
  }
  store<u64>(x, exchanged);
  if (!copyToGuest(arg + EXCHANGE_nr_exchanged, x, 8)) return -(<i64>EFAULT);
  return <i64>error;
}

function exchangeChunk(
  d: DomainMemory,
  inList: u64,
  inFirst: u64,
  inCount: u64,
  inOrder: u32,
  outList: u64,
  outFirst: u64,
  outCount: u64,
  outOrder: u32,
): i32 {
  // Stolen frames are on a private list through their links.
  let stolen: u32 = 0;
  let error: i32 = 0;
  for (let i: u64 = 0; i < inCount && !error; i++) {
    const mfn = readExtent(inList, inFirst + i);
    if (!extentRead) error = -EFAULT;
    for (let j: u64 = 0; !error && j < (<u64>1) << inOrder; j++) {
      if (!mfnValid(mfn + j) || !stealPage(d, <u32>(mfn + j))) error = -EINVAL;
      else {
        setPageNext(<u32>(mfn + j), stolen);
        stolen = <u32>(mfn + j);
      }
    }
  }
  let fresh: u32 = 0;
  for (let i: u64 = 0; i < outCount && !error; i++) {
    const gpfn = readExtent(outList, outFirst + i);
    const mfn = extentRead ? allocDomheapPages(outOrder, d.domid) : 0;
    if (!mfn) {
      error = extentRead ? -ENOMEM : -EFAULT;
      break;
    }
    for (let j: u32 = 0; j < (<u32>1) << outOrder; j++) m2pSet(mfn + j, gpfn + j);
    if (writeExtent(outList, outFirst + i, mfn)) fresh++;
    else {
      error = -EFAULT;
      freeDomheapPages(mfn, outOrder);
    }
  }
  // Out-extents of a failed chunk go back, unless the guest already uses them; it gets its in-frames in any case.
  if (error) {
    for (let i: u64 = 0; i < fresh; i++) {
      const mfn = readExtent(outList, outFirst + i);
      for (let j: u64 = 0; extentRead && j < (<u64>1) << outOrder; j++)
        if (mfnValid(mfn + j) && stealPage(d, <u32>(mfn + j))) putAllocRef(<u32>(mfn + j));
    }
  }
  while (stolen) {
    const next = pageNext(stolen);
    if (error) returnStolenPage(d, stolen);
    else putAllocRef(stolen);
    stolen = next;
  }
  return error;
}
