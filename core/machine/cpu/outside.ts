/**
 * Accesses that a second stage of translation does not allow. Its owner is asked, and either changes the second stage and has the access repeated, or
 * lets a device answer, or makes run() return. The owner's functions belong to this pCPU and know which vCPU runs.
 */
import { FAULT_DEVICE, FAULT_OUTSIDE, clearFault, fault, raiseOutside } from "./machine";
import { walkOutside, walkOutsideAccess, walkOutsideTable } from "./paging/walk";

/** The owner's answers: repeat the walk, since the second stage has changed; run() returns with EXIT_OUTSIDE; a device is there. */
export const OUTSIDE_AGAIN: u32 = 0;
export const OUTSIDE_LEAVE: u32 = 1;
export const OUTSIDE_DEVICE: u32 = 2;

/** Of the last access that was not allowed: guest-physical address and ACCESS_*. */
export let outsideAddress: u64 = 0;
export let outsideAccess: i32 = 0;

function leaves(address: u64, access: i32): u32 {
  return OUTSIDE_LEAVE;
}
function readsNothing(address: u64, size: u32): u64 {
  return 0;
}
function writesNothing(address: u64, size: u32, value: u64): void {}

let ask: (address: u64, access: i32) => u32 = leaves;
let read: (address: u64, size: u32) => u64 = readsNothing;
let write: (address: u64, size: u32, value: u64) => void = writesNothing;

/**
 * `miss` returns OUTSIDE_* for a guest-physical address and ACCESS_*. Where it returns OUTSIDE_DEVICE, `deviceRead` and `deviceWrite` are called for
 * 1, 2, 4 or 8 bytes inside a page. An instruction that faults afterwards, or that deviceRead() makes wait, reads again.
 */
export function setOutside(
  miss: (address: u64, access: i32) => u32,
  deviceReads: (address: u64, size: u32) => u64,
  deviceWrites: (address: u64, size: u32, value: u64) => void,
): void {
  ask = miss;
  read = deviceReads;
  write = deviceWrites;
}

/** For the owner's device read: the answer is not there yet, so run() returns with EXIT_OUTSIDE and the instruction undone. */
export function leaveOutside(): void {
  raiseOutside(FAULT_OUTSIDE);
}

/** After a walk that has ended outside: returns whether to walk again. Otherwise `fault` says what became of the access. */
export function outsideSettled(): bool {
  const answer = ask(walkOutside, walkOutsideAccess);
  if (answer == OUTSIDE_AGAIN) return true;
  outsideAddress = walkOutside;
  outsideAccess = walkOutsideAccess;
  // A device can't hold page tables.
  raiseOutside(answer == OUTSIDE_DEVICE && !walkOutsideTable ? FAULT_DEVICE : FAULT_OUTSIDE);
  return false;
}

/** Makes the access for which FAULT_DEVICE was raised, on the device, `further` bytes after its address. */
export function deviceRead(size: u32, further: u32 = 0): u64 {
  clearFault();
  const value = read(outsideAddress + further, size);
  if (fault) return 0;
  // Where nothing is the owner answers all ones, however few were asked for; MOVZX takes the rest to be zeros.
  return size < 8 ? value & (((<u64>1) << (size << 3)) - 1) : value;
}
export function deviceWrite(size: u32, value: u64, further: u32 = 0): void {
  clearFault();
  write(outsideAddress + further, size, value);
}
