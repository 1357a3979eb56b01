/** Debug registers of a PV vCPU: they are the engine's own, kept to addresses and conditions that are the guest's business. */
import { CPU_DR } from "../../machine/cpu/state";
import { EINVAL, ENODEV, EPERM } from "../abi/errno";
import { Vcpu } from "../domain/domain";
import { guestRangeOk } from "../hypercall/guest_access";

const DR6_ONES: u64 = 0xffff0ff0;
const DR6_ZEROES: u64 = 0x00001000;
const DR7_ONES: u64 = 0x400;
/** Bits 11, 12, 14, 15, and the upper half. */
const DR7_ZEROES: u64 = 0xffffffff0000d800;
const DR7_GENERAL_DETECT: u64 = 0x2000;
const CR4_DE: u64 = 8;

// @ts-ignore: decorator
@inline
function at(v: Vcpu, n: u32): usize {
  return v.cpu + CPU_DR + <usize>n * 8;
}

export function initDebugRegisters(v: Vcpu): void {
  for (let n: u32 = 0; n < 6; n++) store<u64>(at(v, n), 0);
  store<u64>(at(v, 6), DR6_ONES);
  store<u64>(at(v, 7), DR7_ONES);
}

/** 0, -EPERM (Xen's own addresses, general detect, I/O breakpoints without CR4.DE), -ENODEV or -EINVAL. */
export function setDebugRegister(v: Vcpu, n: u64, value: u64): i32 {
  let number = n;
  if (number == 4 || number == 5) {
    if (v.cr4 & CR4_DE) return -ENODEV;
    number += 2;
  }
  if (number <= 3) {
    if (value && !guestRangeOk(value, 8)) return -EPERM;
    store<u64>(at(v, <u32>number), value);
    return 0;
  }
  if (number == 6) {
    if (value >> 32) return -EPERM;
    store<u64>(at(v, 6), (value & ~DR6_ZEROES) | DR6_ONES);
    return 0;
  }
  if (number != 7) return -EINVAL;
  if (value >> 32) return -EPERM;
  const wanted = (value & ~DR7_ZEROES) | DR7_ONES;
  if (wanted & DR7_GENERAL_DETECT) return -EPERM;
  for (let i: u64 = 0; i < 4; i++) {
    const enabled = (wanted >> (2 * i)) & 3;
    const condition = (wanted >> (16 + 4 * i)) & 3;
    // I/O breakpoints do not exist here.
    if (enabled && condition == 2) return -EPERM;
  }
  store<u64>(at(v, 7), wanted);
  return 0;
}

/** The register's value, or -ENODEV/-EINVAL as Xen returns it. */
export function getDebugRegister(v: Vcpu, n: u64): u64 {
  if (n <= 3) return load<u64>(at(v, <u32>n));
  let number = n;
  if (number == 4 || number == 5) {
    if (v.cr4 & CR4_DE) return -ENODEV;
    number += 2;
  }
  if (number == 6 || number == 7) return load<u64>(at(v, <u32>number));
  return -EINVAL;
}

/** A debug exception happened: its conditions join the guest's DR6. */
export function noteDebugConditions(v: Vcpu, conditions: u64): void {
  store<u64>(at(v, 6), (load<u64>(at(v, 6)) | conditions) & 0xffffffff);
}
