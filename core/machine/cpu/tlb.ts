/**
 * The software TLB of one pCPU: three direct-mapped tables (read, write, execute) of 16384 entries.
 * An entry has 16 bytes: u64 tag = page of the linear address | ASID; u32 addend: host address - low half of the linear address. The index is the
 * page number, so a page has one possible place in each table whatever its ASID. An access of n bytes at `lin` hits if the entry of lin's page has
 * the tag of the page of `lin + n - 1`, so an access across two pages never hits. Only canonical addresses are entered, so others never hit either.
 * ASIDs are assigned to address spaces (paging/space.ts: CR3 and mode, and the id of the second stage). A flush of everything takes new ASIDs, so it
 * costs nothing; when they are used up, the tables are cleared.
 * Kernels map themselves alike in the upper half of all address spaces. Of one ASID, the carried one, the translations of the lower half are listed.
 * When the root of its space is exchanged for one with the same upper half, these are forgotten, and the ASID is the new space's (tlbLoadRoot).
 */
import { rootOf } from "./paging/format";
import { spaceId, spaceKey } from "./paging/space";
import { ACTIVITY_FLUSHES, ACTIVITY_PAGE_FLUSHES } from "../layout";
import { countActivity, cpu } from "./machine";
import {
  TLB_ADDEND,
  TLB_ENTRIES,
  TLB_EXECUTE,
  TLB_PLACE,
  TLB_READ,
  TLB_SHIFT,
  TLB_SPACES,
  TLB_TABLE_BITS,
  TLB_WRITE,
} from "./tlb_layout";
import { CPU_ASID, CPU_CR3 } from "./state";

export { TLB_ADDEND, TLB_ENTRIES, TLB_EXECUTE, TLB_READ, TLB_WRITE };
/** Address space -> ASID: 64 entries, in sets of 4, of u64 key, inverted (0: no entry), u32 ASID, u32 id of the second stage. */
const SPACES = TLB_SPACES;
const SPACE_ENTRIES: u32 = 64;
const SPACE_WAYS: u32 = 4;
const SPACE_ASID = 8;
const SPACE_SECOND = 12;
/**
 * Two filters of 4096 bits, for units of 2 MiB and of 1 GiB of linear addresses (by their number modulo 4096). A bit says that the tables hold a
 * translation by a page larger than 4 KiB, or by one of 1 GiB, or have held one since the last flush of everything.
 */
const LARGE = 0xc0400;
const HUGE = 0xc0600;
const LARGE_FILTER_BYTES = 512;
/** The list of the carried ASID: u16 each, the index of an entry, and in bits 14 and 15 the number of its table. */
const LOWER = 0xc0800;
const LOWER_ENTRIES: u32 = 1024;
const LOWER_TABLE: u32 = 14;
const LOWER_EXECUTE: u32 = TLB_EXECUTE >> TLB_TABLE_BITS;
/** Number of the bits of an address in the lower half. */
const LOWER_BITS: u64 = 47;
/**
 * A u32 for each page number modulo 4096: the low half of the number of the page whose translation something relies on until flushEpoch changes; or a
 * value for none, or for more than one. (A page whose number happens to be one of these two values is treated accordingly: page 0 as several, and
 * nothing ever relies on the last one of 16 TiB, because nobody executes there.)
 */
const RELIED = 0xc1000;
const RELIED_BYTES = 4096 * 4;
const RELIED_SEVERAL: u32 = 0;
const RELIED_NONE: u32 = 0xffffffff;
/** Number of those values. */
export const PLACES: u32 = 4096;
/**
 * A bit for each group of 32 entries of the table for writing: clear if it has no entry. So whoever looks through that table need not look at what has
 * never been used.
 */
const WRITE_GROUPS = 0xc5000;
const GROUP: u32 = 32;
export const TLB_BYTES = 0xc6000;

/** An ASID that no entry has, so that data accesses with it always take the slow path. */
const ASID_NEVER: u64 = 0xfff;
const ASID_LAST: u32 = 0xffe;

/** Address of this pCPU's tables. */
export let tlbBase: usize = 0;
/** The tag that data accesses compare with: the ASID, or ASID_NEVER while accesses have to be inspected (#AC, breakpoints, override). */
export let tlbTag: u64 = ASID_NEVER;
/** ASID of the current address space and mode. */
export let spaceTag: u64 = 0;
/**
 * Incremented when what was found out about translations for execution may no longer hold although the ASID is the same: when a page that
 * pageRelied() has named is flushed, or ASIDs begin anew.
 */
export let flushEpoch: u64 = 0;
let chosenKey: u64 = ~(<u64>0);
let chosenId: u32 = 0;
let nextAsid: u32 = 1;
/** Whether one of the filters has a bit set. */
let largeSeen: bool = false;
/** 0: no ASID is carried. */
let carried: u64 = 0;
/** Number of translations of its lower half, of which the first LOWER_ENTRIES are listed. */
let lowerCount: u32 = 0;
let inspecting: bool = false;

export function tlbInit(address: usize): void {
  tlbBase = address;
  memory.fill(address, 0, TLB_BYTES);
  memory.fill(address + RELIED, 0xff, RELIED_BYTES);
  nextAsid = 1;
  largeSeen = false;
  carried = 0;
  chosenKey = ~(<u64>0);
}

/** Which of a set of spaces goes next. */
let nextWay: u32 = 0;

/** Returns the slot of a space, or the one that it gets; `spaceFound` says which. A free one is preferred. */
function spaceSlot(key: u64, id: u32): usize {
  const set = ((<u32>(key >> 12)) ^ (<u32>key) ^ (id * 11)) & (SPACE_ENTRIES / SPACE_WAYS - 1);
  const first = tlbBase + SPACES + ((<usize>(set * SPACE_WAYS)) << 4);
  spaceFound = true;
  let free: usize = 0;
  for (let slot = first; slot < first + (SPACE_WAYS << 4); slot += 16) {
    const inverted = load<u64>(slot);
    if (inverted == ~key && load<u32>(slot, SPACE_SECOND) == id) return slot;
    if (!inverted) free = slot;
  }
  spaceFound = false;
  return free ? free : first + ((<usize>(nextWay++ & (SPACE_WAYS - 1))) << 4);
}
let spaceFound: bool = false;

/** Gives the space in `slot` an ASID. */
function assign(slot: usize, key: u64, id: u32, asid: u32): void {
  store<u64>(slot, ~key);
  store<u32>(slot, id, SPACE_SECOND);
  store<u32>(slot, asid, SPACE_ASID);
}

/** Chooses the ASID for the running vCPU's address space. To be called whenever that may have changed. */
export function tlbSelect(inspect: bool): void {
  const key = spaceKey();
  const id = spaceId();
  if (key != chosenKey || id != chosenId) {
    chosenKey = key;
    chosenId = id;
    const slot = spaceSlot(key, id);
    if (spaceFound) spaceTag = load<u32>(slot, SPACE_ASID);
    else {
      if (nextAsid > ASID_LAST) {
        memory.fill(tlbBase, 0, RELIED);
        memory.fill(tlbBase + WRITE_GROUPS, 0, TLB_ENTRIES / GROUP / 8);
        flushEpoch++;
        nextAsid = 1;
        largeSeen = false;
        carried = 0;
      }
      assign(slot, key, id, nextAsid);
      spaceTag = nextAsid++;
    }
  }
  store<u32>(cpu, <u32>spaceTag, CPU_ASID);
  inspecting = inspect;
  tlbTag = inspect ? ASID_NEVER : spaceTag;
}

/** While this is on, data accesses never hit, and access.ts inspects them one by one. */
export function tlbInspect(on: bool): void {
  inspecting = on;
  tlbTag = on ? ASID_NEVER : spaceTag;
}

/** Forgets every translation of every address space of this pCPU. */
export function tlbFlushAll(): void {
  countActivity(ACTIVITY_FLUSHES);
  memory.fill(tlbBase + SPACES, 0, SPACE_ENTRIES * 16);
  if (largeSeen) memory.fill(tlbBase + LARGE, 0, 2 * LARGE_FILTER_BYTES);
  largeSeen = false;
  const carries = spaceTag == carried && carried != 0;
  reselect();
  carry(carries ? spaceTag : 0);
}

function carry(asid: u64): void {
  carried = asid;
  lowerCount = 0;
}

/**
 * Loads the root `cr3` into the running vCPU's CR3, and selects its space. `sameUpper`: all translations of the upper half through the present root
 * are as right through the new one. To be called when no translation that the TLB has must be forgotten: this forgets none but those of the lower half.
 */
export function tlbLoadRoot(cr3: u64, sameUpper: bool): void {
  const key = spaceKey();
  const id = spaceId();
  const keeps =
    sameUpper &&
    carried != 0 &&
    spaceTag == carried &&
    lowerCount <= LOWER_ENTRIES &&
    key == chosenKey &&
    id == chosenId;
  if (keeps) {
    forgetLower();
    // The old root gets another ASID when it is loaded again.
    const slot = spaceSlot(key, id);
    if (spaceFound && load<u32>(slot, SPACE_ASID) == <u32>carried) store<u64>(slot, 0);
  }
  store<u64>(cpu, cr3, CPU_CR3);
  const slot = spaceSlot(spaceKey(), id);
  if (keeps) assign(slot, spaceKey(), id, <u32>carried);
  else if (spaceFound) store<u64>(slot, 0);
  chosenKey = ~(<u64>0);
  tlbSelect(inspecting);
  if (!keeps) carry(spaceTag);
}

/** Forgets the carried ASID's translations of the lower half. */
function forgetLower(): void {
  let executed = false;
  for (let n: u32 = 0; n < lowerCount; n++) {
    const listed = <u32>load<u16>(tlbBase + LOWER + ((<usize>n) << 1));
    const table = listed >> LOWER_TABLE;
    if (table == LOWER_EXECUTE) executed = true;
    const entry = tlbBase + ((<usize>table) << TLB_TABLE_BITS) + (((<usize>listed) & (TLB_ENTRIES - 1)) << 4);
    const tag = load<u64>(entry);
    if ((tag & 0xfff) == carried && !(tag >> LOWER_BITS)) store<u64>(entry, 0);
  }
  lowerCount = 0;
  if (executed) relyOnNothing();
}

/** What was found out about translations for execution holds no longer. */
function relyOnNothing(): void {
  flushEpoch++;
  memory.fill(tlbBase + RELIED, 0xff, RELIED_BYTES);
}

/**
 * Forgets the translations of pages whose number modulo PLACES is `place`, of all address spaces: those for reading, writing and executing, as asked
 * for.
 */
export function tlbForget(place: u32, reads: bool, writes: bool, executes: bool): void {
  for (let n = place; n < <u32>TLB_ENTRIES; n += PLACES) {
    const entry = tlbBase + ((<usize>n) << 4);
    if (reads) store<u64>(entry, 0, TLB_READ);
    if (writes) store<u64>(entry, 0, TLB_WRITE);
    if (executes) store<u64>(entry, 0, TLB_EXECUTE);
  }
  if (executes && load<u32>(tlbBase + RELIED + ((<usize>place) << 2)) != RELIED_NONE) relyOnNothing();
}

function reselect(): void {
  chosenKey = ~(<u64>0);
  spaceTag = 0;
  if (cpu) tlbSelect(inspecting);
}

/** Forgets the translations of one page in all address spaces; and if a larger page may map it, those of the whole larger page. */
export function tlbFlushPage(lin: u64): void {
  if (largeSeen) {
    if (filtered(HUGE, lin >> 30)) {
      tlbFlushAll();
      return;
    }
    if (filtered(LARGE, lin >> 21)) {
      flushLarge(lin);
      return;
    }
  }
  countActivity(ACTIVITY_PAGE_FLUSHES);
  const entry = tlbBase + placeOf(lin);
  const page = lin >> 12;
  if (load<u64>(entry, TLB_READ) >> 12 == page) store<u64>(entry, 0, TLB_READ);
  if (load<u64>(entry, TLB_WRITE) >> 12 == page) store<u64>(entry, 0, TLB_WRITE);
  if (load<u64>(entry, TLB_EXECUTE) >> 12 == page) store<u64>(entry, 0, TLB_EXECUTE);
  const relied = load<u32>(reliedSlot(lin));
  if (relied == <u32>page || relied == RELIED_SEVERAL) relyOnNothing();
}

/** Forgets the translations of the 4 MiB around `lin` (the largest page except 1 GiB) in all address spaces. */
function flushLarge(lin: u64): void {
  countActivity(ACTIVITY_PAGE_FLUSHES);
  const number = lin >> 22;
  for (let page = number << 10; page < (number + 1) << 10; page++) {
    const entry = tlbBase + (((<usize>page) & (TLB_ENTRIES - 1)) << 4);
    if (load<u64>(entry, TLB_READ) >> 22 == number) store<u64>(entry, 0, TLB_READ);
    if (load<u64>(entry, TLB_WRITE) >> 22 == number) store<u64>(entry, 0, TLB_WRITE);
    if (load<u64>(entry, TLB_EXECUTE) >> 22 == number) store<u64>(entry, 0, TLB_EXECUTE);
  }
  relyOnNothing();
}

function filtered(filter: usize, number: u64): bool {
  const bit = (<u32>number) & 0xfff;
  const word = load<u32>(tlbBase + filter + ((bit >> 5) << 2));
  return ((word >> (bit & 31)) & 1) != 0;
}
function markFiltered(filter: usize, number: u64): void {
  const bit = (<u32>number) & 0xfff;
  const at = tlbBase + filter + ((bit >> 5) << 2);
  const mask: u32 = 1 << (bit & 31);
  store<u32>(at, load<u32>(at) | mask);
}

/** Forgets all translations made through the page tables at `root`, with the running vCPU's second stage or without one. */
export function tlbFlushAddressSpace(root: u64): void {
  const id = spaceId();
  for (let i: u32 = 0; i < SPACE_ENTRIES; i++) {
    const slot = tlbBase + SPACES + ((<usize>i) << 4);
    const inverted = load<u64>(slot);
    const second = load<u32>(slot, SPACE_SECOND);
    if (inverted != 0 && second == id && rootOf(~inverted) == root) store<u64>(slot, 0);
  }
  if (chosenId == id && rootOf(chosenKey) == root) reselect();
}

/** Forgets all translations made through the second stage `id`. To be called after it was changed, and before the id is given to another. */
export function tlbFlushSpace(id: u32): void {
  countActivity(ACTIVITY_FLUSHES);
  for (let i: u32 = 0; i < SPACE_ENTRIES; i++) {
    const slot = tlbBase + SPACES + ((<usize>i) << 4);
    if (load<u32>(slot, SPACE_SECOND) == id) store<u64>(slot, 0);
  }
  if (chosenId == id) reselect();
}

/** Returns the offset of the only entry of a table in which the page of `lin` can be. */
// @ts-ignore: decorator
@inline
export function placeOf(lin: u64): usize {
  return (<usize>(lin >> TLB_SHIFT)) & TLB_PLACE;
}

// @ts-ignore: decorator
@inline
function reliedSlot(lin: u64): usize {
  return tlbBase + RELIED + (((<usize>(lin >> 12)) & 0xfff) << 2);
}
/** Makes a flush of this page increment flushEpoch. */
export function pageRelied(lin: u64): void {
  const slot = reliedSlot(lin);
  const page = <u32>(lin >> 12);
  const before = load<u32>(slot);
  store<u32>(slot, before == RELIED_NONE || before == page ? page : RELIED_SEVERAL);
}

/**
 * Enters a translation. `table` is TLB_READ, TLB_WRITE or TLB_EXECUTE, `host` the address of the host page, `level` that of the entry that maps it.
 */
export function tlbFill(table: usize, lin: u64, host: usize, level: i32): void {
  const entry = tlbBase + table + placeOf(lin);
  store<u64>(entry, (lin & ~(<u64>0xfff)) | spaceTag);
  store<u32>(entry, <u32>host - ((<u32>lin) & 0xfffff000), TLB_ADDEND);
  if (table == TLB_WRITE) markGroup((<u32>(lin >> 12)) & (<u32>TLB_ENTRIES - 1));
  if (spaceTag == carried && !(lin >> LOWER_BITS)) listLower(table, lin);
  if (level > 1) {
    largeSeen = true;
    if (level > 2) markFiltered(HUGE, lin >> 30);
    else {
      // With 2 levels the page has 4 MiB.
      markFiltered(LARGE, lin >> 21);
      markFiltered(LARGE, (lin >> 21) ^ 1);
    }
  }
}

function markGroup(n: u32): void {
  const groups = tlbBase + WRITE_GROUPS + (((n / GROUP) >> 5) << 2);
  store<u32>(groups, load<u32>(groups) | (1 << ((n / GROUP) & 31)));
}

function listLower(table: usize, lin: u64): void {
  if (lowerCount < LOWER_ENTRIES) {
    const index = (<u32>(lin >> 12)) & (<u32>TLB_ENTRIES - 1);
    store<u16>(
      tlbBase + LOWER + ((<usize>lowerCount) << 1),
      <u16>(index | (((<u32>table) >> TLB_TABLE_BITS) << LOWER_TABLE)),
    );
  }
  // Beyond the list only that there are more.
  lowerCount = min<u32>(lowerCount + 1, LOWER_ENTRIES + 1);
}

/** Returns the host address of `lin` if `table` has it for the current space, otherwise 0. */
// @ts-ignore: decorator
@inline
export function tlbLookup(table: usize, lin: u64): usize {
  const entry = tlbBase + table + placeOf(lin);
  if (load<u64>(entry) != ((lin & ~(<u64>0xfff)) | spaceTag)) return 0;
  return <usize>(load<u32>(entry, TLB_ADDEND) + <u32>lin);
}

/**
 * Returns the address space (paging/space.ts) of the entry at `entry` of the TLB at `base`; NO_SPACE if the entry can't be hit any more, or has a
 * second stage.
 */
export function entrySpace(base: usize, entry: usize): u64 {
  const slot = entrySlot(base, entry);
  return slot && !load<u32>(slot, SPACE_SECOND) ? ~load<u64>(slot) : NO_SPACE;
}
/** Returns the id of the second stage through which the entry was made (CPU_SPACE_ID); 0 if there is none, or the entry can't be hit any more. */
export function entrySecond(base: usize, entry: usize): u32 {
  const slot = entrySlot(base, entry);
  return slot ? load<u32>(slot, SPACE_SECOND) : 0;
}
function entrySlot(base: usize, entry: usize): usize {
  const asid = <u32>(load<u64>(entry) & 0xfff);
  for (let slot = base + SPACES; slot < base + SPACES + SPACE_ENTRIES * 16; slot += 16)
    if (load<u32>(slot, SPACE_ASID) == asid && load<u64>(slot)) return slot;
  return 0;
}
export const NO_SPACE: u64 = ~(<u64>0);

/** Returns the machine frame to which the entry at `entry` translates; the entry must be in use. */
// @ts-ignore: decorator
@inline
export function entryFrame(entry: usize): u32 {
  // The sum wraps: the addend is the host address minus the low half of the linear one, which is often the greater of the two.
  const host: u32 = load<u32>(entry, TLB_ADDEND) + load<u32>(entry);
  return host >> 12;
}

/** Removes every write translation to the host page `host`. */
export function tlbDropWrites(host: usize): void {
  const frame = <u32>(host >> 12);
  for (let entry = nextWritable(0); entry; entry = nextWritable(entry))
    if (entryFrame(entry) == frame) store<u64>(entry, 0);
}

/** Returns the entry in use, in the table for writing, that comes after `entry`, or the first if that is 0; 0 if there is none. */
export function nextWritable(entry: usize): usize {
  const table = tlbBase + TLB_WRITE;
  let n: u32 = entry ? <u32>((entry - table) >> 4) + 1 : 0;
  while (n < <u32>TLB_ENTRIES) {
    if (n % GROUP == 0) {
      const groups = tlbBase + WRITE_GROUPS + (((n / GROUP) >> 5) << 2);
      const bit: u32 = 1 << ((n / GROUP) & 31);
      if (!(load<u32>(groups) & bit)) {
        n += GROUP;
        continue;
      }
    }
    const at = table + ((<usize>n) << 4);
    if (load<u64>(at)) return at;
    n++;
  }
  return 0;
}
