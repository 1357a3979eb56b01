/**
 * The software TLB of one pCPU: three direct-mapped tables (read, write, execute) of 4096 entries.
 *
 * Entry, 16 bytes: u64 tag = page of the linear address | ASID; u32 addend: host address - low half of the linear address.
 * The index is the page number, so a page has one possible place in each table whatever its ASID.
 * An access of n bytes at `lin` hits if the entry of lin's page has the tag of the page of `lin + n - 1`: an access across
 * two pages never hits. Only canonical addresses are entered, so others never hit either.
 *
 * ASIDs are given to (CR3, mode) pairs; a flush of everything takes new ASIDs, so it costs nothing; when they are used up
 * the tables are cleared.
 */
import { SPACE_NX, SPACE_PAGING, SPACE_SMAP, SPACE_SMEP, SPACE_USER, SPACE_WP } from "./paging/format";
import { ACTIVITY_FLUSHES, ACTIVITY_PAGE_FLUSHES } from "../layout";
import { countActivity, cpu } from "./machine";
import { TLB_EXECUTE, TLB_READ, TLB_WRITE } from "./tlb_layout";
import { CPU_ASID, CPU_CPL, CPU_CR0, CPU_CR3, CPU_CR4, CPU_EFER, CPU_RFLAGS } from "./state";

export { TLB_EXECUTE, TLB_READ, TLB_WRITE };
export const TLB_ENTRIES: usize = 4096;
/** (CR3, mode) -> ASID: 64 entries of u64 key, u32 ASID. */
const SPACES = 0x30000;
const SPACE_ENTRIES: u32 = 64;
/**
 * u32 per page number modulo 4096: low half of the number of the page whose translation something relies on until flushEpoch changes,
 * or that there is none, or more than one. (A page whose number happens to be one of these two is treated as such: page 0 as several, and
 * the last one of 16 TiB is never relied on, for nobody executes there.)
 */
const RELIED = 0x31000;
const RELIED_BYTES = 4096 * 4;
const RELIED_SEVERAL: u32 = 0;
const RELIED_NONE: u32 = 0xffffffff;
export const TLB_BYTES = 0x35000;

/** ASID of no entry: data accesses with it always take the slow path. */
const ASID_NEVER: u64 = 0xfff;
const ASID_LAST: u32 = 0xffe;

/** Address of this pCPU's tables. */
export let tlbBase: usize = 0;
/** What data accesses compare with: the ASID, or ASID_NEVER while accesses need a look (#AC, breakpoints, override). */
export let tlbTag: u64 = ASID_NEVER;
/** ASID of the current address space and mode. */
export let spaceTag: u64 = 0;
/**
 * Incremented when what was found out about translations for execution may not hold any more although the ASID is the same: a page that
 * pageRelied() named is flushed, or ASIDs begin anew.
 */
export let flushEpoch: u64 = 0;
let spaceKey: u64 = ~(<u64>0);
let nextAsid: u32 = 1;
/** A translation from a page larger than 4 KiB is, or was, in the tables since the last flush of everything. */
let largeSeen: bool = false;
let inspecting: bool = false;

export function tlbInit(address: usize): void {
  tlbBase = address;
  memory.fill(address, 0, TLB_BYTES);
  memory.fill(address + RELIED, 0xff, RELIED_BYTES);
  nextAsid = 1;
  spaceKey = ~(<u64>0);
}

/** What of CR3 and mode decides about translations; bits 0..11 SPACE_*. SMAP is off while EFLAGS.AC suspends it. */
export function currentSpaceKey(): u64 {
  const cr0 = load<u64>(cpu, CPU_CR0);
  if (!(cr0 >> 31)) return 0;
  const cr4 = load<u64>(cpu, CPU_CR4);
  let key: u64 = (load<u64>(cpu, CPU_CR3) & 0x000ffffffffff000) | SPACE_PAGING;
  if (load<u32>(cpu, CPU_CPL) == 3) key |= SPACE_USER;
  else {
    if (cr4 & (1 << 20)) key |= SPACE_SMEP;
    if (cr4 & (1 << 21) && !(load<u64>(cpu, CPU_RFLAGS) & (1 << 18))) key |= SPACE_SMAP;
  }
  if (cr0 & (1 << 16)) key |= SPACE_WP;
  if (load<u64>(cpu, CPU_EFER) & (1 << 11)) key |= SPACE_NX;
  return key;
}

/** Chooses the ASID for the running vCPU's CR3 and mode. To be called whenever one of them may have changed. */
export function tlbSelect(inspect: bool): void {
  const key = currentSpaceKey();
  if (key != spaceKey) {
    spaceKey = key;
    const slot = tlbBase + SPACES + ((((<usize>(key >> 12)) ^ (<usize>key)) & (SPACE_ENTRIES - 1)) << 4);
    if (load<u64>(slot) == ~key) spaceTag = load<u32>(slot, 8);
    else {
      store<u64>(slot, ~key);
      if (nextAsid > ASID_LAST) {
        memory.fill(tlbBase, 0, RELIED);
        flushEpoch++;
        store<u64>(slot, ~key);
        nextAsid = 1;
        largeSeen = false;
      }
      store<u32>(slot, nextAsid, 8);
      spaceTag = nextAsid++;
    }
  }
  store<u32>(cpu, <u32>spaceTag, CPU_ASID);
  inspecting = inspect;
  tlbTag = inspect ? ASID_NEVER : spaceTag;
}

/** While set, data accesses never hit: they are looked at one by one in access.ts. */
export function tlbInspect(on: bool): void {
  inspecting = on;
  tlbTag = on ? ASID_NEVER : spaceTag;
}

/** Forgets every translation of every address space of this pCPU. */
export function tlbFlushAll(): void {
  countActivity(ACTIVITY_FLUSHES);
  memory.fill(tlbBase + SPACES, 0, SPACE_ENTRIES * 16);
  largeSeen = false;
  reselect();
}

function reselect(): void {
  spaceKey = ~(<u64>0);
  spaceTag = 0;
  if (cpu) tlbSelect(inspecting);
}

/** Forgets the translations of one page in all address spaces; of everything if larger pages are about. */
export function tlbFlushPage(lin: u64): void {
  if (largeSeen) {
    tlbFlushAll();
    return;
  }
  countActivity(ACTIVITY_PAGE_FLUSHES);
  const entry = tlbBase + ((<usize>(lin >> 8)) & 0xfff0);
  const page = lin >> 12;
  if (load<u64>(entry, TLB_READ) >> 12 == page) store<u64>(entry, 0, TLB_READ);
  if (load<u64>(entry, TLB_WRITE) >> 12 == page) store<u64>(entry, 0, TLB_WRITE);
  if (load<u64>(entry, TLB_EXECUTE) >> 12 == page) store<u64>(entry, 0, TLB_EXECUTE);
  const relied = load<u32>(reliedSlot(lin));
  if (relied == <u32>page || relied == RELIED_SEVERAL) {
    flushEpoch++;
    memory.fill(tlbBase + RELIED, 0xff, RELIED_BYTES);
  }
}

/** Forgets all translations made through the page tables at `cr3`. */
export function tlbFlushAddressSpace(cr3: u64): void {
  const page = cr3 & 0x000ffffffffff000;
  for (let i: u32 = 0; i < SPACE_ENTRIES; i++) {
    const slot = tlbBase + SPACES + ((<usize>i) << 4);
    const key = ~load<u64>(slot);
    if (load<u64>(slot) && (key & 0x000ffffffffff000) == page) store<u64>(slot, 0);
  }
  if ((spaceKey & 0x000ffffffffff000) == page) reselect();
}

// @ts-ignore: decorator
@inline
function reliedSlot(lin: u64): usize {
  return tlbBase + RELIED + (((<usize>(lin >> 12)) & 0xfff) << 2);
}
/** A flush of this page is to increment flushEpoch. */
export function pageRelied(lin: u64): void {
  const slot = reliedSlot(lin);
  const page = <u32>(lin >> 12);
  const before = load<u32>(slot);
  store<u32>(slot, before == RELIED_NONE || before == page ? page : RELIED_SEVERAL);
}

/** Enters a translation; `table` TLB_READ, TLB_WRITE or TLB_EXECUTE, `host` address of the host page. */
export function tlbFill(table: usize, lin: u64, host: usize, large: bool): void {
  const entry = tlbBase + table + ((<usize>(lin >> 8)) & 0xfff0);
  store<u64>(entry, (lin & ~(<u64>0xfff)) | spaceTag);
  store<u32>(entry, <u32>host - ((<u32>lin) & 0xfffff000), 8);
  if (large) largeSeen = true;
}

/** Host address of `lin` if `table` has it for the current space, else 0. */
// @ts-ignore: decorator
@inline
export function tlbLookup(table: usize, lin: u64): usize {
  const entry = tlbBase + table + ((<usize>(lin >> 8)) & 0xfff0);
  if (load<u64>(entry) != ((lin & ~(<u64>0xfff)) | spaceTag)) return 0;
  return <usize>(load<u32>(entry, 8) + <u32>lin);
}

/** What of CR3 and mode (currentSpaceKey) the entry at `entry` of the TLB at `base` is for; NO_SPACE if it can't be hit any more. */
export function entrySpace(base: usize, entry: usize): u64 {
  const asid = <u32>(load<u64>(entry) & 0xfff);
  for (let slot = base + SPACES; slot < base + SPACES + SPACE_ENTRIES * 16; slot += 16)
    if (load<u32>(slot, 8) == asid && load<u64>(slot)) return ~load<u64>(slot);
  return NO_SPACE;
}
export const NO_SPACE: u64 = ~(<u64>0);

/** Machine frame that the entry at `entry` translates to; the entry must be in use. */
// @ts-ignore: decorator
@inline
export function entryFrame(entry: usize): u32 {
  // The sum wraps: the addend is the host address less the low half of the linear one, which is often the greater of the two.
  const host: u32 = load<u32>(entry, 8) + load<u32>(entry);
  return host >> 12;
}

/** Removes every write translation to the host page `host`. */
export function tlbDropWrites(host: usize): void {
  const frame = <u32>(host >> 12);
  const base = tlbBase + TLB_WRITE;
  for (let i: usize = 0; i < TLB_ENTRIES; i++) {
    const entry = base + (i << 4);
    if (load<u64>(entry) && entryFrame(entry) == frame) store<u64>(entry, 0);
  }
}
