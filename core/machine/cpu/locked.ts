/**
 * Locked accesses that are not a single wasm instruction: misaligned ones, those of 16 bytes, and compare-and-exchange in all sizes.
 * An access within 8 aligned bytes is one atomic operation on those, and exact beside everything else. One across two such words takes a lock against
 * others of its kind, exchanges the words one after the other by atomics, and takes the first exchange back if the second word has changed. So no
 * locked instruction of another processor is lost, whatever its size. Two things differ from silicon: somebody who only reads both words may see the
 * first changed before the second; and a change of the first word that somebody makes between its exchange and the taking back is kept.
 */
import { readSized, translate, writeSized } from "./access";
import { splitLock } from "./frames/tables";
import { linearMask } from "./inspection";
import { FAULT_DEVICE, clearFault, fault } from "./machine";
import { ACCESS_WRITE } from "./paging/format";
import { sizeMask } from "./operands";

/** The upper 8 bytes of what compareExchange16() found. */
export let foundHigh: u64 = 0;

/** Held for a few instructions, never across a fault. */
function splitLockTake(): void {
  while (atomic.cmpxchg<u32>(splitLock(), 0, 1)) {}
}
function splitLockRelease(): void {
  atomic.store<u32>(splitLock(), 0);
}

/** Atomic compare-and-exchange of 1, 2, 4 or 8 bytes. Returns what was there (zero-extended). All of it must have been probed. */
export function compareExchange(linear: u64, size: u32, expected: u64, replacement: u64): u64 {
  const lin = linear & linearMask;
  const within = (<u32>lin) & 7;
  if (!(within & (size - 1))) {
    const host = translate(lin, ACCESS_WRITE);
    if (!host) return exchangeWithDevice(lin, size, expected, replacement);
    if (size == 4) return atomic.cmpxchg<u32>(host, <u32>expected, <u32>replacement);
    if (size == 8) return atomic.cmpxchg<u64>(host, expected, replacement);
    if (size == 1) return atomic.cmpxchg<u8>(host, <u8>expected, <u8>replacement);
    return atomic.cmpxchg<u16>(host, <u16>expected, <u16>replacement);
  }
  const low = translate(lin - within, ACCESS_WRITE);
  if (!low) return exchangeWithDevice(lin, size, expected, replacement);
  const shift: u64 = <u64>(within << 3);
  if (within + size <= 8) return exchangeWithin(low, shift, sizeMask(size), expected, replacement);
  const high = translate((lin - within + 8) & linearMask, ACCESS_WRITE);
  if (!high) return exchangeWithDevice(lin, size, expected, replacement);
  return exchangeAcross(low, high, shift, sizeMask(size), expected, replacement);
}

/**
 * The translation has ended in `fault`. For a device's register the access can't be atomic: the register is read, and written if it was as expected.
 * The same is done with memory on the other side of a page boundary, since there is no lock for both. Any other fault stays.
 */
function exchangeWithDevice(lin: u64, size: u32, expected: u64, replacement: u64): u64 {
  if (fault != FAULT_DEVICE) return expected;
  clearFault();
  const old = readSized(lin, size);
  if (!fault && old == expected) writeSized(lin, size, replacement);
  return old;
}

/** Returns whether some of `size` bytes belong to a device. Any other fault stays. */
function reachesDevice(lin: u64, size: u32): bool {
  let host = translate(lin & linearMask, ACCESS_WRITE);
  const last = lin + size - 1;
  if (host && (lin ^ last) & ~(<u64>0xfff)) host = translate(last & linearMask, ACCESS_WRITE);
  if (host || fault != FAULT_DEVICE) return false;
  clearFault();
  return true;
}

/**
 * The same for an instruction that has read `old` from there and repeats with what is returned until that is `old`. A device's register may read
 * differently each time, like a counter, so it is written whatever it contains now: it is read once and written once, as on a bus.
 */
export function exchangeRead(lin: u64, size: u32, old: u64, replacement: u64): u64 {
  if (reachesDevice(lin, size)) writeSized(lin, size, replacement);
  else if (!fault) return compareExchange(lin, size, old, replacement);
  return old;
}

/** Atomic exchange, with the same rules. */
export function exchange(lin: u64, size: u32, value: u64): u64 {
  let old: u64 = 0;
  let seen = compareExchange(lin, size, old, value);
  while (seen != old && !fault) {
    old = seen;
    seen = exchangeRead(lin, size, old, value);
  }
  return old;
}

/** Compare-and-exchange of 16 aligned bytes. Returns the low half of what was found; the high half is in foundHigh. */
export function compareExchange16(lin: u64, low: u64, high: u64, newLow: u64, newHigh: u64): u64 {
  const host = translate(lin, ACCESS_WRITE);
  foundHigh = high;
  if (!host) return fault == FAULT_DEVICE ? exchangePairWithDevice(lin, low, high, newLow, newHigh) : low;
  splitLockTake();
  let found = readPair(host, host + 8);
  while (
    found == low &&
    foundHigh == high &&
    !exchangePair(host, host + 8, low, newLow, ~(<u64>0), high, newHigh, ~(<u64>0))
  )
    found = readPair(host, host + 8);
  splitLockRelease();
  return found;
}

function exchangePairWithDevice(lin: u64, low: u64, high: u64, newLow: u64, newHigh: u64): u64 {
  clearFault();
  const found = readSized(lin, 8);
  if (!fault) foundHigh = readSized(lin + 8, 8);
  if (fault || found != low || foundHigh != high) return found;
  writeSized(lin, 8, newLow);
  writeSized(lin + 8, 8, newHigh);
  return found;
}

/** Exchanges the bits `mask` at bit `shift` of the 8 aligned bytes at `host`. */
function exchangeWithin(host: usize, shift: u64, mask: u64, expected: u64, replacement: u64): u64 {
  while (true) {
    const word = atomic.load<u64>(host);
    const old = (word >> shift) & mask;
    if (old != expected) return old;
    const changed = (word & ~(mask << shift)) | (replacement << shift);
    if (atomic.cmpxchg<u64>(host, word, changed) == word) return old;
  }
}

function exchangeAcross(low: usize, high: usize, shift: u64, mask: u64, expected: u64, replacement: u64): u64 {
  const lowMask = ~(<u64>0) << shift;
  const highMask = mask >> (64 - shift);
  splitLockTake();
  let old: u64 = 0;
  while (true) {
    const word = readPair(low, high);
    const next = foundHigh;
    old = ((word >> shift) | (next << (64 - shift))) & mask;
    if (old != expected) break;
    const newWord = (word & ~lowMask) | (replacement << shift);
    const newNext = (next & ~highMask) | (replacement >> (64 - shift));
    if (exchangePair(low, high, word, newWord, lowMask, next, newNext, highMask)) break;
  }
  splitLockRelease();
  return old;
}

/** Reads two words as they were at one moment. Returns the first; the second is in foundHigh. */
function readPair(low: usize, high: usize): u64 {
  let word = atomic.load<u64>(low);
  while (true) {
    foundHigh = atomic.load<u64>(high);
    const again = atomic.load<u64>(low);
    if (again == word) return word;
    word = again;
  }
}

/** Exchanges both words, or none if one is not what it was. The masks say which bits count. */
function exchangePair(
  low: usize,
  high: usize,
  oldLow: u64,
  newLow: u64,
  lowMask: u64,
  oldHigh: u64,
  newHigh: u64,
  highMask: u64,
): bool {
  if (atomic.cmpxchg<u64>(low, oldLow, newLow) != oldLow) return false;
  let seen = atomic.cmpxchg<u64>(high, oldHigh, newHigh);
  if (seen == oldHigh) return true;
  while (true) {
    const word = atomic.load<u64>(low);
    if ((word ^ newLow) & lowMask) break;
    if (atomic.cmpxchg<u64>(low, word, (word & ~lowMask) | (oldLow & lowMask)) == word) return false;
  }
  // Somebody has already used the new lower part, so it can't be taken back.
  while (true) {
    const word = seen;
    seen = atomic.cmpxchg<u64>(high, word, (word & ~highMask) | (newHigh & highMask));
    if (seen == word) return true;
  }
}
