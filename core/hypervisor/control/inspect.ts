/**
 * NATIVE_inspect (abi/inspect.ts): what a control domain may look at. Guests continue to run and change what is read. Therefore a walk is repeated
 * until two in a row saw the same, and every frame number is checked before it is used.
 */
import { entryAt, mappedBy } from "../../machine/cpu/paging/walk";
import * as abi from "../abi/inspect";
import { EAGAIN, EFAULT, EINVAL, ENOENT, ENOSYS, ESRCH } from "../../abi/errno";
import { Domain, currentVcpu, domainById } from "../domain/domain";
import { TO_WRITE, typeOf } from "../guest/type";
import { inspectPort } from "../event/report";
import { inspectGrant } from "../grant/report";
import {
  PGT_l4_page_table,
  PGT_validated,
  countWord,
  frameAddress,
  mfnValid,
  pageCount,
  pageOwner,
  pageTypeCount,
  pageTypeOf,
  totalFrames,
  typeWord,
} from "../memory/frames";
import { getPage, getPageOwner, putPage } from "../memory/references";
import { domainMemory } from "../memory/domain_memory";
import { m2pGet } from "../memory/m2p";
import { isTranslated, p2mLock, p2mTakeToRead } from "../p2m/p2m";
import { P2M_GFNS } from "../p2m/tables";
import { spinLock, spinUnlock } from "../sched/lock";
import { PTE_ADDRESS, PTE_NX, PTE_P, PTE_RW, pteMfn } from "../memory/pte";

const MOST_WALKS: i32 = 8;

/** `at` is the machine address of the caller's structure. */
export function doInspect(caller: Domain, command: u32, at: u64): i64 {
  const size = sizeOf(command);
  if (!size) return -ENOSYS;
  if (!inOneFrame(caller, at, size)) return -EFAULT;
  const u = <usize>at;
  switch (command) {
    case abi.INSPECT_walk:
      return inspectWalk(u);
    case abi.INSPECT_frame:
      return inspectFrame(u);
    case abi.INSPECT_read:
      return inspectRead(caller, u);
    case abi.INSPECT_read_machine:
      return inspectMachine(caller, u);
    case abi.INSPECT_find_frame:
      return findFrame(u);
    case abi.INSPECT_port:
      return inspectPort(u);
    case abi.INSPECT_second:
      return inspectSecond(u);
    case abi.INSPECT_read_physical:
      return inspectPhysical(caller, u);
    default:
      return inspectGrant(u);
  }
}

function sizeOf(command: u32): u32 {
  switch (command) {
    case abi.INSPECT_walk:
    case abi.INSPECT_second:
      return abi.WALK_SIZE;
    case abi.INSPECT_frame:
      return abi.FRAME_INSPECT_SIZE;
    case abi.INSPECT_read:
    case abi.INSPECT_read_machine:
    case abi.INSPECT_read_physical:
      return abi.READ_SIZE;
    case abi.INSPECT_find_frame:
      return abi.FIND_SIZE;
    case abi.INSPECT_port:
      return abi.PORT_INSPECT_SIZE;
    case abi.INSPECT_grant:
      return abi.GRANT_INSPECT_SIZE;
    default:
      return 0;
  }
}

/** The caller is native, so its pointers are machine addresses. */
function isOwn(caller: Domain, at: u64): bool {
  return typeOf(caller).translate(currentVcpu, at, TO_WRITE) != 0;
}

/** Only the caller's own thread gives its frames back, so what is checked once stays valid. */
function inOneFrame(caller: Domain, at: u64, bytes: u32): bool {
  return bytes <= 4096 && (at & 4095) + <u64>bytes <= 4096 && (at & 7) == 0 && isOwn(caller, at);
}

function frameFacts(mfn: u32, to: usize): void {
  store<u64>(to, countWord(mfn), abi.FRAME_COUNT);
  store<u64>(to, typeWord(mfn), abi.FRAME_TYPE);
  store<u64>(to, m2pGet(mfn), abi.FRAME_M2P);
}

function inspectFrame(u: usize): i32 {
  const mfn = load<u64>(u, abi.FRAME_MFN);
  if (!mfnValid(mfn)) return -EINVAL;
  frameFacts(<u32>mfn, u + abi.FRAME_FACTS);
  return 0;
}

function isRoot(domid: u32, mfn: u64): bool {
  if (!mfnValid(mfn)) return false;
  const root = <u32>mfn;
  if (pageOwner(root) != domid || !pageCount(root)) return false;
  return pageTypeOf(root) == PGT_l4_page_table && pageTypeCount(root) != 0 && (typeWord(root) & PGT_validated) != 0;
}

// The result of the last walk. These are wasm globals, so each thread has its own.
let walkCount: u32 = 0;
let address0: u64 = 0;
let address1: u64 = 0;
let address2: u64 = 0;
let address3: u64 = 0;
let entry0: u64 = 0;
let entry1: u64 = 0;
let entry2: u64 = 0;
let entry3: u64 = 0;

function keep(n: u32, address: u64, entry: u64): void {
  if (n == 0) {
    address0 = address;
    entry0 = entry;
  } else if (n == 1) {
    address1 = address;
    entry1 = entry;
  } else if (n == 2) {
    address2 = address;
    entry2 = entry;
  } else {
    address3 = address;
    entry3 = entry;
  }
}
function walkedAddress(n: u32): u64 {
  return n == 0 ? address0 : n == 1 ? address1 : n == 2 ? address2 : address3;
}
function walkedEntry(n: u32): u64 {
  return n == 0 ? entry0 : n == 1 ? entry1 : n == 2 ? entry2 : entry3;
}
function walkHolds(): bool {
  for (let n: u32 = 0; n < walkCount; n++)
    if (atomic.load<u64>(<usize>walkedAddress(n)) != walkedEntry(n)) return false;
  return true;
}

/** Reads entries until one leads no further. Returns 0 or -EAGAIN. */
function walk(root: u32, linear: u64): i32 {
  for (let tries = 0; tries < MOST_WALKS; tries++) {
    walkCount = 0;
    for (let level: i32 = 4; level > 0; level--) {
      const at = entryAt(frameAddress(root), linear, level);
      if (!at) break;
      keep(walkCount++, at, atomic.load<u64>(at));
    }
    if (walkHolds()) return 0;
  }
  return -EAGAIN;
}

/** Returns the machine address that the walk leads to, 0 if it ends before. `executable` and `writable` are what its entries together allow. */
function walkedTo(linear: u64): u64 {
  const last = walkedEntry(walkCount - 1);
  const bytes = mappedBy(last, 5 - <i32>walkCount);
  if (!bytes) return 0;
  const machine = (last & PTE_ADDRESS & ~(bytes - 1)) + (linear & (bytes - 1));
  return mfnValid(machine >> 12) ? machine : 0;
}

function walkedRights(): i32 {
  let rights = abi.READ_writable | abi.READ_executable;
  for (let n: u32 = 0; n < walkCount; n++) {
    const entry = walkedEntry(n);
    if (!(entry & PTE_RW)) rights &= ~abi.READ_writable;
    if (entry & PTE_NX) rights &= ~abi.READ_executable;
  }
  return rights;
}

function inspectWalk(u: usize): i32 {
  const root = load<u64>(u, abi.WALK_ROOT);
  const linear = load<u64>(u, abi.WALK_LINEAR);
  if (!domainById(load<u32>(u, abi.WALK_DOMID))) return -ESRCH;
  if (!isRoot(load<u32>(u, abi.WALK_DOMID), root)) return -EINVAL;
  const error = walk(<u32>root, linear);
  if (error) return error;
  tellWalk(u);
  return 0;
}

function tellWalk(u: usize): void {
  memory.fill(u + abi.WALK_ENTRIES, 0, abi.WALK_SIZE - abi.WALK_ENTRIES);
  store<u32>(u, walkCount, abi.WALK_COUNT);
  for (let n: u32 = 0; n < walkCount; n++) {
    const to = u + abi.WALK_ENTRIES + n * abi.WALK_ENTRY_SIZE;
    const entry = walkedEntry(n);
    store<u64>(to, walkedAddress(n), abi.WALK_ENTRY_ADDRESS);
    store<u64>(to, entry, abi.WALK_ENTRY_VALUE);
    if (entry & PTE_P && mfnValid(pteMfn(entry))) frameFacts(<u32>pteMfn(entry), to + abi.WALK_ENTRY_FRAME);
  }
}

/** The lock keeps the tables: p2m/teardown.ts frees those of a dying domain under it too. */
function inspectSecond(u: usize): i32 {
  const domid = load<u32>(u, abi.WALK_DOMID);
  const address = load<u64>(u, abi.WALK_LINEAR);
  const d = domainMemory(domid);
  if (!domainById(domid) || d == null) return -ESRCH;
  if (!isTranslated(d)) return -EINVAL;
  spinLock(p2mLock(d));
  walkCount = 0;
  const error: i32 = address >> 12 < P2M_GFNS && d.p2mRoot ? walk(d.p2mRoot, address) : 0;
  spinUnlock(p2mLock(d));
  if (!error) tellWalk(u);
  return error;
}

function inspectPhysical(caller: Domain, u: usize): i32 {
  const domid = load<u32>(u, abi.WALK_DOMID);
  const address = load<u64>(u, abi.WALK_LINEAR);
  const bytes = load<u32>(u, abi.READ_BYTES);
  const to = destination(caller, u);
  const d = domainMemory(domid);
  if (!domainById(domid) || d == null) return -ESRCH;
  if (!isTranslated(d) || !to || (address & 4095) + <u64>bytes > 4096) return -EINVAL;
  const mfn = p2mTakeToRead(d, address >> 12);
  if (!mfn) return -EFAULT;
  memory.copy(to, frameAddress(mfn) + ((<usize>address) & 4095), bytes);
  putPage(mfn);
  return 0;
}

/** Returns the address that INSPECT_read* may write to; 0 if it may not. */
function destination(caller: Domain, u: usize): usize {
  const to = load<u64>(u, abi.READ_TO);
  return inOneFrame(caller, to, load<u32>(u, abi.READ_BYTES)) ? <usize>to : 0;
}

function inspectRead(caller: Domain, u: usize): i32 {
  const domid = load<u32>(u, abi.WALK_DOMID);
  const root = load<u64>(u, abi.WALK_ROOT);
  const linear = load<u64>(u, abi.WALK_LINEAR);
  const bytes = load<u32>(u, abi.READ_BYTES);
  const to = destination(caller, u);
  if (!domainById(domid)) return -ESRCH;
  if (!isRoot(domid, root) || !to || (linear & 4095) + <u64>bytes > 4096) return -EINVAL;
  for (let tries = 0; tries < MOST_WALKS; tries++) {
    const error = walk(<u32>root, linear);
    if (error) return error;
    const machine = walkedTo(linear);
    if (!machine) return -EFAULT;
    // While a reference is held, the frame is given to nobody else.
    if (getPageOwner(machine >> 12) < 0) continue;
    const holds = walkHolds();
    if (holds) memory.copy(to, <usize>machine, bytes);
    putPage(<u32>(machine >> 12));
    if (holds) return walkedRights();
  }
  return -EAGAIN;
}

function inspectMachine(caller: Domain, u: usize): i32 {
  const domid = load<u32>(u, abi.WALK_DOMID);
  const machine = load<u64>(u, abi.WALK_LINEAR);
  const bytes = load<u32>(u, abi.READ_BYTES);
  const to = destination(caller, u);
  if (!domainById(domid)) return -ESRCH;
  if (!to || (machine & 4095) + <u64>bytes > 4096 || !getPage(machine >> 12, domid)) return -EINVAL;
  memory.copy(to, <usize>machine, bytes);
  putPage(<u32>(machine >> 12));
  return 0;
}

function isFrameOf(mfn: u64, domid: u32, pfn: u64): bool {
  return mfnValid(mfn) && pageOwner(<u32>mfn) == domid && pageCount(<u32>mfn) != 0 && m2pGet(<u32>mfn) == pfn;
}

function findFrame(u: usize): i64 {
  const domid = load<u32>(u, abi.FIND_DOMID);
  const pfn = load<u64>(u, abi.FIND_PFN);
  const guess = load<u64>(u, abi.FIND_GUESS);
  if (!domainById(domid)) return -ESRCH;
  if (isFrameOf(guess, domid, pfn)) return <i64>guess;
  const total = totalFrames();
  for (let mfn: u32 = 0; mfn < total; mfn++) if (isFrameOf(mfn, domid, pfn)) return mfn;
  return -ENOENT;
}
