/**
 * Which machine memory a native domain may name in its hypercalls: frames it owns, and frames of others that it holds
 * through NATIVE_map_frame. Those are counted in an open-addressed hash, one page of (u32 mfn, u32 count) pairs; only the
 * domain's own thread changes it.
 */
import { EBUSY, EINVAL, ENOMEM } from "../../abi/errno";
import { allocXenheapPages, freeXenheapPages } from "../memory/allocator";
import { PGT_none, frameAddress, mfnValid, pageCount, pageOwner } from "../memory/frames";
import { putPage } from "../memory/references";
import { expectReference } from "../memory/expected";
import { Domain } from "./domain";

const SLOTS: u32 = 512;
/** The hash is never filled more than this, so a search ends. */
const MOST: u32 = 448;
const TOMBSTONE: u32 = 0xffffffff;

function slotOf(d: Domain, mfn: u32): usize {
  if (!d.nativeMaps) return 0;
  let index = (mfn * 2654435761) & (SLOTS - 1);
  for (let i: u32 = 0; i < SLOTS; i++) {
    const at = d.nativeMaps + index * 8;
    const found = load<u32>(at);
    if (found == mfn) return at;
    if (found == 0) return 0;
    index = (index + 1) & (SLOTS - 1);
  }
  return 0;
}

/** True if the byte at machine address `address` may be read and written by native domain `d`. */
export function nativeOwns(d: Domain, address: u64): bool {
  const mfn = address >> 12;
  if (!mfnValid(mfn)) return false;
  if (pageOwner(<u32>mfn) == d.domid && pageCount(<u32>mfn) != 0) return true;
  return slotOf(d, <u32>mfn) != 0;
}

/** Notes a page reference that the caller has just taken for the domain; 0, or -ENOMEM/-EBUSY with nothing noted. */
export function nativeHold(d: Domain, mfn: u32): i32 {
  if (!d.nativeMaps) {
    const page = allocXenheapPages(0);
    if (!page) return -ENOMEM;
    d.nativeMaps = frameAddress(page);
  }
  let at = slotOf(d, mfn);
  if (!at) {
    if (d.nativeMapsUsed >= MOST) return -EBUSY;
    let index = (mfn * 2654435761) & (SLOTS - 1);
    for (;;) {
      at = d.nativeMaps + index * 8;
      const found = load<u32>(at);
      if (found == 0 || found == TOMBSTONE) break;
      index = (index + 1) & (SLOTS - 1);
    }
    if (load<u32>(at) == 0) d.nativeMapsUsed++;
    store<u32>(at, mfn);
    store<u32>(at, 0, 4);
  }
  store<u32>(at, load<u32>(at, 4) + 1, 4);
  return 0;
}

/** Forgets one hold and drops its page reference; -EINVAL if there is none. */
export function nativeRelease(d: Domain, mfn: u32): i32 {
  const at = slotOf(d, mfn);
  if (!at) return -EINVAL;
  const count = load<u32>(at, 4) - 1;
  store<u32>(at, count, 4);
  if (count == 0) {
    store<u32>(at, TOMBSTONE);
    if (isEmpty(d)) clear(d);
  }
  putPage(mfn);
  return 0;
}

function isEmpty(d: Domain): bool {
  for (let i: u32 = 0; i < SLOTS; i++) {
    const mfn = load<u32>(d.nativeMaps + i * 8);
    if (mfn != 0 && mfn != TOMBSTONE) return false;
  }
  return true;
}
function clear(d: Domain): void {
  memory.fill(d.nativeMaps, 0, SLOTS * 8);
  d.nativeMapsUsed = 0;
}

/** For the invariant checker: the frames that the domain holds. */
export function countNativeHolds(d: Domain): void {
  if (!d.nativeMaps) return;
  for (let i: u32 = 0; i < SLOTS; i++) {
    const at = d.nativeMaps + i * 8;
    const mfn = load<u32>(at);
    if (mfn == 0 || mfn == TOMBSTONE) continue;
    for (let count = load<u32>(at, 4); count; count--) expectReference(mfn, PGT_none);
  }
}

/** Drops all holds of a domain that dies. */
export function nativeReleaseAll(d: Domain): void {
  if (!d.nativeMaps) return;
  for (let i: u32 = 0; i < SLOTS; i++) {
    const at = d.nativeMaps + i * 8;
    const mfn = load<u32>(at);
    if (mfn == 0 || mfn == TOMBSTONE) continue;
    for (let count = load<u32>(at, 4); count; count--) putPage(mfn);
  }
  freeXenheapPages(<u32>(d.nativeMaps >> 12), 0);
  d.nativeMaps = 0;
  d.nativeMapsUsed = 0;
}
