/** XENMEM_increase_reservation, decrease_reservation, populate_physmap and exchange: how a domain's set of frames changes. */
import { continueWith, preemptCheck } from "../hypercall/continuation";
import { copyFromGuest, copyToGuest } from "../hypercall/guest_access";
import { EFAULT, EINVAL, ENOMEM, EOPNOTSUPP, EPERM, ESRCH } from "../../abi/errno";
import {
  MEMORY_EXCHANGE_NR_EXCHANGED,
  MEMORY_EXCHANGE_OUT,
  MEMORY_EXCHANGE_SIZE,
  MEMORY_RESERVATION_DOMID,
  MEMORY_RESERVATION_EXTENT_ORDER,
  MEMORY_RESERVATION_EXTENT_START,
  MEMORY_RESERVATION_MEM_FLAGS,
  MEMORY_RESERVATION_NR_EXTENTS,
  MEMORY_RESERVATION_SIZE,
  XENMEMF_populate_on_demand,
  XENMEM_decrease_reservation,
  XENMEM_exchange,
  XENMEM_populate_physmap,
} from "../../abi/memory";
import { DOMID_SELF } from "../../abi/xen";
import { MEMOP_EXTENT_SHIFT } from "../abi/implied";
import {
  allocDomheapPages,
  dropReplacement,
  freeDomheapPages,
  giveReplacement,
  populateDomheapPages,
  returnStolenPage,
  stealPage,
  takeReplacement,
} from "./allocator";
import { callerDomid } from "./current";
import { DomainMemory, MEM_PRIVILEGED, domainMemory } from "./domain_memory";
import { mfnValid, pageNext, setPageNext } from "./frames";
import { putAllocRef } from "./references";
import { INVALID_M2P_ENTRY } from "./m2p";
import { foreignDenied } from "./mmu_update";
import { forgetReserved, markOnDemand } from "../p2m/on_demand";
import { ONLY_OWN, isTranslated, p2mAddRam, p2mRemoveRam } from "../p2m/p2m";
import { giveBack } from "../p2m/physmap";
import { SCRATCH_EXTENTS, SCRATCH_MEMOP, scratch } from "./scratch";

/** The largest extents that an ordinary domain and a control domain may ask for: Xen's defaults (memop-max-order). */
const DOMU_MAX_ORDER: u32 = 9;
const CONTROL_MAX_ORDER: u32 = 18;

function maxOrder(): u32 {
  const d = domainMemory(callerDomid());
  return d != null && d.flags & MEM_PRIVILEGED ? CONTROL_MAX_ORDER : DOMU_MAX_ORDER;
}

/** Returns the domain that a `domid` argument names: DOMID_SELF or any number, including the caller's own. */
export function domainByAnyId(domid: u32): DomainMemory | null {
  return domainMemory(domid == <u32>DOMID_SELF ? callerDomid() : domid);
}

function readExtent(list: u64, index: u64): u64 {
  const at = scratch(SCRATCH_EXTENTS);
  extentRead = copyFromGuest(at, list + index * 8, 8);
  return extentRead ? load<u64>(at) : 0;
}
/** Whether the last readExtent was successful. */
let extentRead: bool = false;

function writeExtent(list: u64, index: u64, mfn: u64): bool {
  const at = scratch(SCRATCH_EXTENTS);
  store<u64>(at, mfn);
  return copyToGuest(list + index * 8, at, 8);
}

/**
 * The three reservation calls. `start` is the number of extents that a continued call has already done. Returns the number of extents done, also when
 * the next one has failed; -errno only for a bad argument block.
 */
export function changeReservation(operation: u32, arg: u64, start: u64): i64 {
  const r = scratch(SCRATCH_MEMOP);
  if (!r) return <i64>start;
  if (!copyFromGuest(r, arg, MEMORY_RESERVATION_SIZE)) return <i64>start;
  const count = load<u64>(r, MEMORY_RESERVATION_NR_EXTENTS);
  const list = load<u64>(r, MEMORY_RESERVATION_EXTENT_START);
  const order = load<u32>(r, MEMORY_RESERVATION_EXTENT_ORDER);
  const flags = load<u32>(r, MEMORY_RESERVATION_MEM_FLAGS);
  if (count > 0xffffffff >> MEMOP_EXTENT_SHIFT || start >= count) return <i64>start;
  const d = domainByAnyId(load<u16>(r, MEMORY_RESERVATION_DOMID));
  if (d == null) return <i64>start;
  if (foreignDenied(d)) return -(<i64>EPERM);
  if (order > maxOrder()) return <i64>start;
  // Only a domain that numbers its frames itself can have memory on demand, and it can't ask for that itself. The other two calls do not have this
  // flag.
  const onDemand = operation == <u32>XENMEM_populate_physmap && (flags & XENMEMF_populate_on_demand) != 0;
  if (onDemand && (!isTranslated(d) || d.domid == callerDomid())) return <i64>start;
  let done = start;
  for (; done < count; done++) {
    if (done > start && (order > 3 || (done & 15) == 0) && preemptCheck())
      return continueWith((done << MEMOP_EXTENT_SHIFT) | operation, arg);
    if (operation == <u32>XENMEM_decrease_reservation) {
      const mfn = readExtent(list, done);
      if (!extentRead || !giveExtentBack(d, mfn, order)) break;
    } else if (operation == <u32>XENMEM_populate_physmap) {
      const gpfn = readExtent(list, done);
      if (!extentRead || !(onDemand ? markOnDemand(d, gpfn, order) : populateExtent(d, gpfn, order, list, done))) break;
    } else {
      const mfn = allocDomheapPages(order, d.domid);
      if (!mfn) break;
      // A translated domain is not told machine frames.
      if (list && !isTranslated(d) && !writeExtent(list, done, mfn)) {
        freeDomheapPages(mfn, order, d.domid);
        break;
      }
    }
  }
  return <i64>done;
}

/** Frees 2^order frames from `frame` on. Returns false if one was not the domain's; those before it are gone. */
function giveExtentBack(d: DomainMemory, frame: u64, order: u32): bool {
  if (!isTranslated(d)) return freeDomheapPages(frame, order, d.domid);
  for (let i: u64 = 0; i < (<u64>1) << order; i++) {
    const mfn = p2mRemoveRam(d, frame + i, ONLY_OWN);
    if (mfn) giveBack(mfn);
    else if (!forgetReserved(d, frame + i)) return false;
  }
  return true;
}

function populateExtent(d: DomainMemory, gpfn: u64, order: u32, list: u64, index: u64): bool {
  // The M2P accepts any number, but a guest could use no guest frame number beyond 2^40.
  if (gpfn >> 40) return false;
  if (isTranslated(d)) return populateTranslated(d, gpfn, order);
  const mfn = populateDomheapPages(order, d.domid, gpfn);
  return mfn != 0 && writeExtent(list, index, mfn);
}

/** Nobody can name the frames before they are mapped. Those that can't be mapped go back. */
function populateTranslated(d: DomainMemory, gfn: u64, order: u32): bool {
  const mfn = allocDomheapPages(order, d.domid);
  if (!mfn) return false;
  if (!p2mAddRam(d, gfn, mfn, order)) return true;
  freeDomheapPages(mfn, order, d.domid);
  return false;
}

/** XENMEM_exchange: exchanges extents of one size for as many frames in extents of another, chunk by chunk. 0 or -errno. */
export function exchangeMemory(arg: u64): i64 {
  const x = scratch(SCRATCH_MEMOP);
  if (!x) return -(<i64>ENOMEM);
  if (!copyFromGuest(x, arg, MEMORY_EXCHANGE_SIZE)) return -(<i64>EFAULT);
  const inList = load<u64>(x, MEMORY_RESERVATION_EXTENT_START);
  const inCount = load<u64>(x, MEMORY_RESERVATION_NR_EXTENTS);
  const inOrder = load<u32>(x, MEMORY_RESERVATION_EXTENT_ORDER);
  const outList = load<u64>(x, MEMORY_EXCHANGE_OUT + MEMORY_RESERVATION_EXTENT_START);
  const outCount = load<u64>(x, MEMORY_EXCHANGE_OUT + MEMORY_RESERVATION_NR_EXTENTS);
  const outOrder = load<u32>(x, MEMORY_EXCHANGE_OUT + MEMORY_RESERVATION_EXTENT_ORDER);
  const domid = <u32>load<u16>(x, MEMORY_RESERVATION_DOMID);
  let exchanged = load<u64>(x, MEMORY_EXCHANGE_NR_EXCHANGED);
  if (exchanged > inCount) return -(<i64>EINVAL);
  if (exchanged == inCount) return 0;
  if (inOrder > CONTROL_MAX_ORDER || outOrder > CONTROL_MAX_ORDER || inCount >> 32 || outCount >> 32)
    return -(<i64>EINVAL);
  if (
    domid != <u32>load<u16>(x, MEMORY_EXCHANGE_OUT + MEMORY_RESERVATION_DOMID) ||
    inCount << inOrder != outCount << outOrder
  )
    return -(<i64>EINVAL);
  if (inOrder > maxOrder() || outOrder > maxOrder()) return -(<i64>EPERM);
  const d = domainByAnyId(domid);
  if (d == null) return -(<i64>ESRCH);
  if (foreignDenied(d)) return -(<i64>EPERM);
  if (isTranslated(d)) return -EOPNOTSUPP;
  // A chunk is as many in-extents as make one out-extent, or the other way round.
  const inPerChunk: u64 = outOrder > inOrder ? (<u64>1) << (outOrder - inOrder) : 1;
  const outPerChunk: u64 = inOrder > outOrder ? (<u64>1) << (inOrder - outOrder) : 1;
  if (exchanged % inPerChunk) return -(<i64>EINVAL);
  let error: i32 = 0;
  const first = exchanged;
  while (exchanged < inCount) {
    if (exchanged != first && preemptCheck()) break;
    const outFirst = (exchanged / inPerChunk) * outPerChunk;
    error = exchangeChunk(d, inList, exchanged, inPerChunk, inOrder, outList, outFirst, outPerChunk, outOrder);
    if (error) break;
    exchanged += inPerChunk;
  }
  store<u64>(x, exchanged);
  if (!copyToGuest(arg + MEMORY_EXCHANGE_NR_EXCHANGED, x, 8)) return -(<i64>EFAULT);
  // The guest's own structure records how far the call is.
  return !error && exchanged < inCount ? continueWith(XENMEM_exchange, arg) : <i64>error;
}

/**
 * Everything that can fail for lack of memory, or because frames are in use, is done first and can be undone; then the frames change hands. If a list
 * can't be read or written from then on, the call fails and the domain keeps the frames, as in Xen.
 */
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
  // Stolen frames, and the first frames of fresh extents, are on private lists that use their links.
  let stolen: u32 = 0;
  let fresh: u32 = 0;
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
  for (let i: u64 = 0; i < outCount && !error; i++) {
    readExtent(outList, outFirst + i);
    const mfn = extentRead ? takeReplacement(outOrder) : 0;
    if (!mfn) error = extentRead ? -ENOMEM : -EFAULT;
    else {
      setPageNext(mfn, fresh);
      fresh = mfn;
    }
  }
  if (error) {
    for (let mfn = fresh; mfn; mfn = fresh) {
      fresh = takeFirst(mfn);
      dropReplacement(mfn, outOrder);
    }
    for (let mfn = stolen; mfn; mfn = stolen) {
      stolen = takeFirst(mfn);
      returnStolenPage(d, mfn);
    }
    return error;
  }
  for (let mfn = stolen; mfn; mfn = stolen) {
    stolen = takeFirst(mfn);
    putAllocRef(mfn);
  }
  for (let i = outFirst; fresh; i++) {
    const mfn = fresh;
    fresh = takeFirst(mfn);
    const gpfn = readExtent(outList, i);
    if (!extentRead) error = -EFAULT;
    if (!giveReplacement(d, mfn, outOrder, extentRead && !(gpfn >> 40) ? gpfn : INVALID_M2P_ENTRY)) error = -EINVAL;
    else if (!writeExtent(outList, i, mfn)) error = -EFAULT;
  }
  return error;
}

/** Takes the first frame off a private list. Returns the next one. */
function takeFirst(mfn: u32): u32 {
  const next = pageNext(mfn);
  setPageNext(mfn, 0);
  return next;
}
