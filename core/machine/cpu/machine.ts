/** The running vCPU, and what all parts of the engine share. These are wasm globals, so each pCPU has its own. */

import { ACTIVITY, ACTIVITY_OF_OTHERS, ACTIVITY_SIZE } from "../layout";
import { CPU_DEPRIVILEGED, CPU_ZERO } from "./state";

// @ts-ignore: decorator
@external("env", "now")
/** Nanoseconds since power-on, the same clock for all pCPUs. */
export declare function hostNow(): f64;

// @ts-ignore: decorator
@external("env", "wait")
/**
 * Sleeps while the u32 at `address` is `expected`, until somebody notifies it, or for `nanoseconds` (negative: for ever). This replaces
 * memory.atomic.wait32, because code from the baseline compiler of V8 11.3 (Node 20) continues with wrong values in its locals after that
 * instruction, so that a lock was taken at address 0.
 */
export declare function hostWait(address: usize, expected: u32, nanoseconds: f64): void;

/** Address of the running vCPU's state (state.ts). */
export let cpu: usize = 0;
export function setCpu(address: usize): void {
  cpu = address;
}

let pollAddress: usize = 0;
/** Sets the address of a u32 that becomes nonzero when run() is to return. */
export function setPollAddress(address: usize): void {
  pollAddress = address;
}
/** The word to look at. If none was set, it is the running vCPU's CPU_ZERO, which is always 0. */
// @ts-ignore: decorator
@inline
export function pollWord(): usize {
  return pollAddress ? pollAddress : cpu + CPU_ZERO;
}

/** Address at which this pCPU tells a profiler what it is doing (layout.ts, ACTIVITY). */
export let activity: usize = ACTIVITY_OF_OTHERS;
export function setActivityOf(pcpu: u32): void {
  activity = <usize>ACTIVITY + <usize>pcpu * ACTIVITY_SIZE;
}
// @ts-ignore: decorator
@inline
export function setActivity(what: u32): void {
  store<u32>(activity, what);
}
/** Increments the counter at ACTIVITY_*. */
// @ts-ignore: decorator
@inline
export function countActivity(at: usize): void {
  store<u64>(activity + at, load<u64>(activity + at) + 1);
}

/**
 * Set to 1 + vector by a memory access or a check that failed during an instruction. The instruction then must return without having changed
 * anything. `faultError` and `faultAddress` belong to it.
 */
export let fault: i32 = 0;
export let faultError: u32 = 0;
export let faultAddress: u64 = 0;

/** Records an exception for the instruction being executed. The first one of an instruction wins. */
export function raise(vector: i32, error: u32 = 0, address: u64 = 0): void {
  if (fault) return;
  fault = vector + 1;
  faultError = error;
  faultAddress = address;
}
/** Replaces the recorded exception by another one. */
export function replaceFault(vector: i32, error: u32): void {
  fault = vector + 1;
  faultError = error;
}
/** Sets bits in the error code of the recorded exception, if it names a selector. */
export function orFaultError(bits: u32): void {
  if (fault >= VECTOR_TS + 1 && fault <= VECTOR_GP + 1) faultError |= bits;
}
export function clearFault(): void {
  fault = 0;
}

export const VECTOR_DE: i32 = 0;
export const VECTOR_DB: i32 = 1;
export const VECTOR_NMI: i32 = 2;
export const VECTOR_BP: i32 = 3;
export const VECTOR_OF: i32 = 4;
export const VECTOR_BR: i32 = 5;
export const VECTOR_UD: i32 = 6;
export const VECTOR_NM: i32 = 7;
export const VECTOR_DF: i32 = 8;
export const VECTOR_TS: i32 = 10;
export const VECTOR_NP: i32 = 11;
export const VECTOR_SS: i32 = 12;
export const VECTOR_GP: i32 = 13;
export const VECTOR_PF: i32 = 14;
export const VECTOR_MF: i32 = 16;
export const VECTOR_AC: i32 = 17;
export const VECTOR_XM: i32 = 19;

/** In `fault` instead of 1 + vector: the instruction is left to the hypervisor (EXIT_PRIVILEGED), and nothing was done. */
export const FAULT_PRIVILEGED: i32 = 0x100;

/** In `fault` instead of 1 + vector: the second stage of translation does not allow the access (outside.ts), and nothing was done. */
export const FAULT_OUTSIDE: i32 = 0x200;
/** The same where there is a device; an instruction that accesses it by readN and writeN can go on. */
export const FAULT_DEVICE: i32 = 0x201;
export function raiseOutside(kind: i32): void {
  if (!fault) fault = kind;
}

/** In `fault` instead of 1 + vector: VMCALL or VMMCALL, which the hypervisor handles. */
export const FAULT_VMCALL: i32 = 0x400;
export function callHypervisor(): void {
  if (!fault) fault = FAULT_VMCALL;
}

/** Leaves the instruction to the hypervisor. `vector` is what silicon would raise at this privilege level. */
export function intercept(vector: i32 = 13): void {
  if (!fault) fault = FAULT_PRIVILEGED | vector;
}
/** Refuses an instruction that is not allowed: the hypervisor handles it if it owns the privileged state, otherwise the guest gets the exception. */
export function refuse(vector: i32 = 13): void {
  if (load<u32>(cpu, CPU_DEPRIVILEGED)) intercept(vector);
  else raise(vector, 0);
}

/** An exit that a completed instruction asks for; -1 for none. */
export let exitRequest: i32 = -1;
export let exitVector: u32 = 0;
export function requestExit(code: i32, vector: u32 = 0): void {
  exitRequest = code;
  exitVector = vector;
}

/** How many instructions the last run() had left, and how many of them it could have interpreted. */
export let unspent: i32 = 0;
export let unspentInterpreted: i32 = 0;
// @ts-ignore: decorator
@inline
export function setUnspent(instructions: i32, interpreted: i32): void {
  unspent = instructions;
  unspentInterpreted = interpreted;
}

/** Set when CPL, a control register, CS, SS or a flag that the engine caches may have changed. */
export let modeStale: bool = true;
/** For requestExit: the instruction is done, and the exception in `deferredVector` and `deferredError` belongs to the next one. */
export const DEFERRED: i32 = 0x100;
export let deferredVector: i32 = 0;
export let deferredError: u32 = 0;
/** A task switch has failed after the new task's state was loaded, so the exception in `fault` belongs to that task. */
export function deferFault(): void {
  deferredVector = fault - 1;
  deferredError = faultError;
  fault = 0;
  requestExit(DEFERRED);
}

export function setModeStale(stale: bool): void {
  modeStale = stale;
}
