/** Debug registers of a PV vCPU. They are the engine's own, restricted to the guest's own addresses and to conditions that it may use. */
import { CR4_DE } from "../../../machine/cpu/control_bits";
import { CPU_DR } from "../../../machine/cpu/state";
import { EINVAL, ENODEV, EPERM } from "../../../abi/errno";
import { Vcpu } from "../../domain/domain";
import { guestRangeOk } from "./address";

const DR6_ONES: u64 = 0xffff0ff0;
const DR6_ZEROES: u64 = 0x00001000;
const DR7_ONES: u64 = 0x400;
/** Bits 11, 12, 14, 15 and the upper half must be zero. */
const DR7_ZEROES: u64 = 0xffffffff0000d800;
const DR7_ENABLED: u64 = 0xff;
const CONDITION_IO: u64 = 2;
const DR7_GENERAL_DETECT: u64 = 0x2000;

// @ts-ignore: decorator
@inline
function at(v: Vcpu, n: u32): usize {
  return v.cpu + CPU_DR + <usize>n * 8;
}

export function initDebugRegisters(v: Vcpu): void {
  v.ioBreakpoints = 0;
  for (let n: u32 = 0; n < 6; n++) store<u64>(at(v, n), 0);
  store<u64>(at(v, 6), DR6_ONES);
  store<u64>(at(v, 7), DR7_ONES);
}

/** DR4 and DR5 mean DR6 and DR7, unless CR4.DE makes them invalid. */
function aliased(v: Vcpu, n: u32): u32 {
  return (n == 4 || n == 5) && !(v.cr4 & CR4_DE) ? n + 2 : n;
}

/**
 * 0; -ENODEV for no such register (#UD); -EINVAL for a reserved bit (#GP); -EPERM for what the guest may not have: Xen's own addresses, general
 * detect, I/O breakpoints without CR4.DE (#GP).
 */
export function setDebugRegister(v: Vcpu, n: u32, value: u64): i32 {
  const number = aliased(v, n);
  if (number <= 3) {
    if (value && !guestRangeOk(value, 8)) return -EPERM;
    store<u64>(at(v, number), value);
    return 0;
  }
  if (number != 6 && number != 7) return -ENODEV;
  if (value >> 32) return -EINVAL;
  if (number == 6) {
    store<u64>(at(v, 6), (value & ~DR6_ZEROES) | DR6_ONES);
    return 0;
  }
  const wanted = (value & ~DR7_ZEROES) | DR7_ONES;
  if (wanted & DR7_GENERAL_DETECT) return -EPERM;
  // Port accesses leave the engine before it looks at breakpoints, so the engine gets I/O breakpoints as disabled, and io.ts looks for them.
  let io: u64 = 0;
  if (wanted & DR7_ENABLED) {
    for (let i: u64 = 0; i < 4; i++) {
      if (((wanted >> (16 + 4 * i)) & 3) != CONDITION_IO) continue;
      if (!(v.cr4 & CR4_DE)) return -EPERM;
      io |= wanted & ((<u64>3) << (2 * i));
    }
  }
  v.ioBreakpoints = <u32>io;
  store<u64>(at(v, 7), wanted & ~io);
  return 0;
}

/** Reads into debugValue. Returns false if there is no such register. */
export function readDebugRegister(v: Vcpu, n: u32): bool {
  const number = aliased(v, n);
  if (number == 4 || number == 5 || number > 7) return false;
  debugValue = load<u64>(at(v, number));
  if (number == 7) debugValue |= v.ioBreakpoints;
  return true;
}
/** The value read by the last readDebugRegister that returned true. */
export let debugValue: u64 = 0;

/** HYPERVISOR_get_debugreg: the value, or -ENODEV. */
export function getDebugRegister(v: Vcpu, n: u32): i64 {
  return readDebugRegister(v, n) ? debugValue : -ENODEV;
}

/** Returns the DR6 bits of the I/O breakpoints that an access to `bytes` ports from `port` on hits. */
export function ioBreakpointsHit(v: Vcpu, port: u32, bytes: u32): u64 {
  const enabled = v.ioBreakpoints;
  if (!enabled || !(v.cr4 & CR4_DE)) return 0;
  const control = load<u64>(at(v, 7));
  let hit: u64 = 0;
  for (let i: u32 = 0; i < 4; i++) {
    if (!((enabled >> (2 * i)) & 3)) continue;
    // The length field's values 0 to 3 stand for 1, 2, 8 and 4 bytes.
    const length = ((<u32>control) >> (18 + 4 * i)) & 3;
    const width: u32 = length == 2 ? 8 : length + 1;
    const start = load<u64>(at(v, i)) & ~(<u64>(width - 1));
    if (start < <u64>(port + bytes) && start + <u64>width > <u64>port) hit |= (<u64>1) << (<u64>i);
  }
  return hit;
}

/** Adds the conditions of a debug exception to the guest's DR6. */
export function noteDebugConditions(v: Vcpu, conditions: u64): void {
  store<u64>(at(v, 6), (load<u64>(at(v, 6)) | conditions) & 0xffffffff);
}
