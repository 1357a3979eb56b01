/**
 * Copies between the hypervisor and the guest that makes a hypercall. Every function checks each byte's page and never traps: false means -EFAULT,
 * with perhaps part of the bytes copied. The guest's type defines what a pointer is: guest/pv/address.ts, guest/pvh/address.ts,
 * guest/native/frames.ts.
 * A translation and the copy after it count as guest execution for TLB flushes (sched/pcpu.ts, `guestMode`), so nobody frees a frame between the two.
 * Therefore nothing here may take a lock or wait.
 */
import { Vcpu, currentVcpu } from "../domain/domain";
import { TO_PEEK, TO_READ, TO_WRITE, typeOf } from "../guest/type";
import { frameWritten } from "../../machine/cpu/frames/written";
import { enterGuestAccess, isOnlyGuestAccess, leaveGuestAccess } from "../sched/pcpu";

/** Enters guest access and returns the address behind a guest pointer. If the guest gets memory on demand there, it is supplied first. */
function enterAt(v: Vcpu, guest: u64, how: u32): usize {
  const type = typeOf(v.domain);
  enterGuestAccess();
  let machine = type.translate(v, guest, how);
  while (!machine && isOnlyGuestAccess()) {
    leaveGuestAccess();
    const supplied = type.supply(v);
    enterGuestAccess();
    if (!supplied) break;
    machine = type.translate(v, guest, how);
  }
  return machine;
}

function copy(host: usize, guest: u64, bytes: u32, how: u32): bool {
  if (bytes == 0) return true;
  const v = currentVcpu;
  const type = typeOf(v.domain);
  if (!type.rangeOk(guest, bytes)) return false;
  let at = guest;
  let local = host;
  let left = bytes;
  while (left) {
    const part = min<u32>(left, 4096 - ((<u32>at) & 4095));
    const machine = enterAt(v, at, how);
    if (machine) {
      if (how == TO_WRITE) {
        if (host) memory.copy(machine, local, part);
        else memory.fill(machine, 0, part);
        frameWritten(<u32>(machine >> 12));
      } else memory.copy(local, machine, part);
    }
    leaveGuestAccess();
    if (!machine) return false;
    at += part;
    if (local) local += part;
    left -= part;
  }
  return true;
}

/** Copies `bytes` at the current guest's pointer `guest` to hypervisor memory `to`. Returns false for -EFAULT. */
export function copyFromGuest(to: usize, guest: u64, bytes: u32): bool {
  return copy(to, guest, bytes, TO_READ);
}
/** Copies hypervisor memory `from` to the current guest's pointer. Returns false for -EFAULT. */
export function copyToGuest(guest: u64, from: usize, bytes: u32): bool {
  return copy(from, guest, bytes, TO_WRITE);
}
/** Zeroes guest memory. */
export function clearGuest(guest: u64, bytes: u32): bool {
  return copy(0, guest, bytes, TO_WRITE);
}

/**
 * Copies what can be read of `bytes` at the current guest's pointer, without changing anything of the guest's. Returns the number of bytes copied.
 */
export function peekGuest(to: usize, guest: u64, bytes: u32): u32 {
  const v = currentVcpu;
  const type = typeOf(v.domain);
  if (!type.rangeOk(guest, bytes)) return 0;
  for (let done: u32 = 0; done < bytes;) {
    const at = guest + done;
    const part = min<u32>(bytes - done, 4096 - ((<u32>at) & 4095));
    enterGuestAccess();
    const machine = type.translate(v, at, TO_PEEK);
    if (machine) memory.copy(to + done, machine, part);
    leaveGuestAccess();
    if (!machine) return done;
    done += part;
  }
  return bytes;
}

/** Set by readGuest* when the pointer was bad; those then return 0. The caller clears it before and looks at it after. */
export let guestFault: bool = false;
export function clearGuestFault(): void {
  guestFault = false;
}

function readSmall(guest: u64, bytes: u32): u64 {
  const v = currentVcpu;
  const type = typeOf(v.domain);
  let value: u64 = 0;
  if (!type.rangeOk(guest, bytes)) {
    guestFault = true;
    return 0;
  }
  for (let i: u32 = 0; i < bytes;) {
    const part = min<u32>(bytes - i, 4096 - ((<u32>(guest + i)) & 4095));
    const machine = enterAt(v, guest + i, TO_READ);
    if (machine) {
      if (part == 8) value = load<u64>(machine);
      else for (let j: u32 = 0; j < part; j++) value |= (<u64>load<u8>(machine + j)) << ((i + j) * 8);
    }
    leaveGuestAccess();
    if (!machine) {
      guestFault = true;
      return 0;
    }
    i += part;
  }
  return value;
}

/** Reads one value at a guest pointer; sets guestFault if the pointer is bad. */
export function readGuest64(guest: u64): u64 {
  return readSmall(guest, 8);
}
export function readGuest32(guest: u64): u32 {
  return <u32>readSmall(guest, 4);
}
export function readGuest16(guest: u64): u32 {
  return <u32>readSmall(guest, 2);
}
export function readGuest8(guest: u64): u32 {
  return <u32>readSmall(guest, 1);
}

function writeSmall(guest: u64, value: u64, bytes: u32): bool {
  const v = currentVcpu;
  const type = typeOf(v.domain);
  if (!type.rangeOk(guest, bytes)) return false;
  for (let i: u32 = 0; i < bytes;) {
    const part = min<u32>(bytes - i, 4096 - ((<u32>(guest + i)) & 4095));
    const machine = enterAt(v, guest + i, TO_WRITE);
    if (machine) {
      if (part == 8) store<u64>(machine, value);
      else for (let j: u32 = 0; j < part; j++) store<u8>(machine + j, <u8>(value >> ((i + j) * 8)));
      frameWritten(<u32>(machine >> 12));
    }
    leaveGuestAccess();
    if (!machine) return false;
    i += part;
  }
  return true;
}
/** Stores one value at a guest pointer. Returns false if the pointer is bad. */
export function writeGuest64(guest: u64, value: u64): bool {
  return writeSmall(guest, value, 8);
}
export function writeGuest32(guest: u64, value: u32): bool {
  return writeSmall(guest, value, 4);
}
export function writeGuest8(guest: u64, value: u32): bool {
  return writeSmall(guest, value, 1);
}
