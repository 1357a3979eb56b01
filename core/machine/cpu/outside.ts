/**
 * What a second stage of translation does not let through: its owner is asked. It changes the second stage and has the access made again, or
 * lets a device answer, or takes the vCPU out of run(). The owner's functions are this pCPU's, and know which vCPU runs.
 */
import { FAULT_DEVICE, FAULT_OUTSIDE, clearFault, fault, raiseOutside } from "./machine";
import { walkOutside, walkOutsideAccess, walkOutsideTable } from "./paging/walk";

/** Answers of the owner: the second stage is another now; run() comes back with EXIT_OUTSIDE; what is there is a device. */
export const OUTSIDE_AGAIN: u32 = 0;
export const OUTSIDE_LEAVE: u32 = 1;
export const OUTSIDE_DEVICE: u32 = 2;

/** Of the last access that was not let through: guest-physical address and ACCESS_*. */
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
 * `miss` answers OUTSIDE_* for a guest-physical address and ACCESS_*. Where it says OUTSIDE_DEVICE, `deviceRead` and `deviceWrite` are called
 * for 1, 2, 4 or 8 bytes inside a page; an instruction that faults afterwards, or that deviceRead() makes wait, reads again.
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

/** For the owner's device read: the answer is not there yet. run() comes back with EXIT_OUTSIDE, the instruction undone. */
export function leaveOutside(): void {
  raiseOutside(FAULT_OUTSIDE);
}

/** After a walk that ended outside: whether to walk again. Else what has become of it is in `fault`. */
export function outsideSettled(): bool {
  const answer = ask(walkOutside, walkOutsideAccess);
  if (answer == OUTSIDE_AGAIN) return true;
  outsideAddress = walkOutside;
  outsideAccess = walkOutsideAccess;
  // A device has no page tables.
  raiseOutside(answer == OUTSIDE_DEVICE && !walkOutsideTable ? FAULT_DEVICE : FAULT_OUTSIDE);
  return false;
}

/** The access that FAULT_DEVICE was raised for, by the device; `further` bytes behind its address. */
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
