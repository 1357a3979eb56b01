/**
 * Copies between the hypervisor and the guest that makes a hypercall. All of them check every byte's page and never
 * trap: false means -EFAULT, with part of the bytes copied perhaps.
 *
 * PV: linear addresses, translated by walking the tables of the loaded CR3 as silicon would for a ring 3 access (P, U/S
 * at each level; RW for writes; A and D set), outside the hypervisor's own range.
 * Native domain: machine addresses inside frames the domain owns (or holds through NATIVE_map_frame).
 *
 * A walk and the copy that follows count as guest execution for TLB flushes (sched/pcpu.ts, `guestMode`): nobody frees
 * a frame between the two. So nothing here may take a lock or wait.
 */
import { currentVcpu, isNative, Vcpu } from "../domain/domain";
import { nativeOwns } from "../guest/native/frames";
import { codeFrameWritten } from "../../machine/cpu/code_frames";
import { mfnValid } from "../memory/frames";
import { enterGuestAccess, leaveGuestAccess } from "../sched/pcpu";

const HYPERVISOR_VIRT_END: u64 = 0xffff880000000000;
const PTE_P: u64 = 1;
const PTE_RW: u64 = 2;
const PTE_US: u64 = 4;
const PTE_A: u64 = 0x20;
const PTE_D: u64 = 0x40;
const PTE_PSE: u64 = 0x80;
const PTE_ADDRESS: u64 = 0x000ffffffffff000;

/** True if [address, address + bytes) is canonical and outside the hypervisor's range (Xen's access_ok). */
export function guestRangeOk(address: u64, bytes: u64): bool {
  const end = address + bytes;
  if (end < address) return false;
  if (end <= 0x0000800000000000) return true;
  return address >= HYPERVISOR_VIRT_END;
}

/**
 * Machine address behind a linear address of the tables at `cr3` (machine address), ring 3 access; 0 = would fault.
 * Sets A, and D for writes, as silicon does.
 */
export function walkGuest(cr3: u64, linear: u64, write: bool): usize {
  let table = cr3 & PTE_ADDRESS;
  const need = PTE_P | PTE_US | (write ? PTE_RW : 0);
  let shift: u64 = 39;
  while (true) {
    if (!mfnValid(table >> 12)) return 0;
    const at = <usize>table + ((<usize>((linear >> shift) & 511)) << 3);
    const entry = atomic.load<u64>(at);
    if ((entry & need) != need) return 0;
    const leaf = shift == 12 || (entry & PTE_PSE) != 0;
    const mark = leaf && write ? PTE_A | PTE_D : PTE_A;
    if ((entry & mark) != mark) {
      // The entry may have changed meanwhile: then silicon walks again.
      if (atomic.cmpxchg<u64>(at, entry, entry | mark) != entry) return walkGuest(cr3, linear, write);
    }
    if (leaf) {
      const offset = linear & (((<u64>1) << shift) - 1);
      const machine = (entry & PTE_ADDRESS & ~(((<u64>1) << shift) - 1)) + offset;
      return mfnValid(machine >> 12) ? <usize>machine : 0;
    }
    table = entry & PTE_ADDRESS;
    shift -= 9;
  }
}

/** Machine address for `guest` in the current domain or 0. Valid only inside enterGuestAccess. */
function translate(v: Vcpu, guest: u64, write: bool): usize {
  if (isNative(v.domain)) return nativeOwns(v.domain, guest) ? <usize>guest : 0;
  return walkGuest(v.cr3Loaded, guest, write);
}

function rangeOk(v: Vcpu, guest: u64, bytes: u32): bool {
  return isNative(v.domain) ? guest + bytes >= guest : guestRangeOk(guest, bytes);
}

function copy(host: usize, guest: u64, bytes: u32, write: bool): bool {
  if (bytes == 0) return true;
  const v = currentVcpu;
  if (!rangeOk(v, guest, bytes)) return false;
  let at = guest;
  let local = host;
  let left = bytes;
  while (left) {
    const part = min<u32>(left, 4096 - ((<u32>at) & 4095));
    enterGuestAccess();
    const machine = translate(v, at, write);
    if (machine) {
      if (write) {
        if (host) memory.copy(machine, local, part);
        else memory.fill(machine, 0, part);
        codeFrameWritten(<u32>(machine >> 12));
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

/** Copies `bytes` at the current guest's pointer `guest` to hypervisor memory `to`. False: -EFAULT. */
export function copyFromGuest(to: usize, guest: u64, bytes: u32): bool {
  return copy(to, guest, bytes, false);
}
/** Copies hypervisor memory `from` to the current guest's pointer. False: -EFAULT. */
export function copyToGuest(guest: u64, from: usize, bytes: u32): bool {
  return copy(from, guest, bytes, true);
}
/** Zeroes guest memory. */
export function clearGuest(guest: u64, bytes: u32): bool {
  return copy(0, guest, bytes, true);
}

/** As walkGuest for reading, but leaves no mark in the tables. */
function lookUp(cr3: u64, linear: u64): usize {
  let table = cr3 & PTE_ADDRESS;
  let shift: u64 = 39;
  while (true) {
    if (!mfnValid(table >> 12)) return 0;
    const entry = atomic.load<u64>(<usize>table + ((<usize>((linear >> shift) & 511)) << 3));
    if ((entry & (PTE_P | PTE_US)) != (PTE_P | PTE_US)) return 0;
    if (shift == 12 || entry & PTE_PSE) {
      const offset = linear & (((<u64>1) << shift) - 1);
      const machine = (entry & PTE_ADDRESS & ~(((<u64>1) << shift) - 1)) + offset;
      return mfnValid(machine >> 12) ? <usize>machine : 0;
    }
    table = entry & PTE_ADDRESS;
    shift -= 9;
  }
}

/** Copies what can be read of `bytes` at the current guest's pointer, and changes nothing of the guest's; how many it were. */
export function peekGuest(to: usize, guest: u64, bytes: u32): u32 {
  const v = currentVcpu;
  if (!rangeOk(v, guest, bytes)) return 0;
  const native = isNative(v.domain);
  for (let done: u32 = 0; done < bytes;) {
    const at = guest + done;
    const part = min<u32>(bytes - done, 4096 - ((<u32>at) & 4095));
    enterGuestAccess();
    let machine: usize;
    if (native) machine = nativeOwns(v.domain, at) ? <usize>at : 0;
    else machine = lookUp(v.cr3Loaded, at);
    if (machine) memory.copy(to + done, machine, part);
    leaveGuestAccess();
    if (!machine) return done;
    done += part;
  }
  return bytes;
}

/** Set by readGuest* when the pointer was bad; those then return 0. Clear it before, look after. */
export let guestFault: bool = false;
export function clearGuestFault(): void {
  guestFault = false;
}

function readSmall(guest: u64, bytes: u32): u64 {
  const v = currentVcpu;
  let value: u64 = 0;
  if (!rangeOk(v, guest, bytes)) {
    guestFault = true;
    return 0;
  }
  for (let i: u32 = 0; i < bytes;) {
    const part = min<u32>(bytes - i, 4096 - ((<u32>(guest + i)) & 4095));
    enterGuestAccess();
    const machine = translate(v, guest + i, false);
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

/** One value at a guest pointer; sets guestFault if the pointer is bad. */
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
  if (!rangeOk(v, guest, bytes)) return false;
  for (let i: u32 = 0; i < bytes;) {
    const part = min<u32>(bytes - i, 4096 - ((<u32>(guest + i)) & 4095));
    enterGuestAccess();
    const machine = translate(v, guest + i, true);
    if (machine) {
      if (part == 8) store<u64>(machine, value);
      else for (let j: u32 = 0; j < part; j++) store<u8>(machine + j, <u8>(value >> ((i + j) * 8)));
      codeFrameWritten(<u32>(machine >> 12));
    }
    leaveGuestAccess();
    if (!machine) return false;
    i += part;
  }
  return true;
}
/** Stores one value at a guest pointer; false if the pointer is bad. */
export function writeGuest64(guest: u64, value: u64): bool {
  return writeSmall(guest, value, 8);
}
export function writeGuest32(guest: u64, value: u32): bool {
  return writeSmall(guest, value, 4);
}
export function writeGuest8(guest: u64, value: u32): bool {
  return writeSmall(guest, value, 1);
}
