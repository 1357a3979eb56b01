/**
 * The exports of core.wasm, which is the hypervisor with the engine (core/README.md). No other file exports. Addresses are given to JavaScript as
 * f64, because it reads 32-bit results as signed numbers, so that those in the upper half would be negative. (npm run lint refuses unsigned results.)
 */
import { pcpuRun, xenStart } from "./boot/start";
import { becomeNative, nativeBegin, nativeEnd } from "./guest/native/thread";
import { checkInvariants } from "./control/invariants";
import { ROOT_ZOMBIES, Vcpu, currentVcpu } from "./domain/domain";
import { reapZombies } from "./domain/teardown";
import { nativeHypercall } from "./guest/native/hypercalls";
import { ESRCH } from "../abi/errno";
import "./layouts";

// What translated code and the translator need from the engine.
export * from "../machine/cpu/region_imports";
export { regionAdopt as region_adopt, regionDrop as region_drop } from "../machine/cpu/regions";
export { decode as engine_decode } from "../machine/cpu/decode/decode";
export { codePage as engine_code_page } from "../machine/cpu/paging/code_page";

/** Returns the address where the image's constants end, which the build checks. */
export function image_end(): f64 {
  return <f64>__heap_base;
}

/** Boots the hypervisor. Called once, on pCPU 0. */
export function xen_start(): void {
  xenStart();
}

/** Runs a pCPU; returns at power-off. */
export function pcpu_run(id: i32): void {
  pcpuRun(id);
}

/** Binds this instance to a vCPU of a native domain. 0 or -errno. */
export function native_attach(domid: i32, vcpu: i32): i32 {
  return becomeNative(domid, vcpu);
}

/** Makes a hypercall of the attached vCPU and carries it to its end. */
export function native_hypercall(nr: i32, a0: i64, a1: i64, a2: i64, a3: i64, a4: i64): i64 {
  const v = currentVcpu;
  if (!changetype<usize>(v)) return -ESRCH;
  nativeBegin(v);
  const result = nativeHypercall(<u32>nr, a0, a1, a2, a3, a4);
  if (atomic.load<u32>(ROOT_ZOMBIES)) reapZombies();
  nativeEnd(v);
  return result;
}

/** Returns the address of the u32 that changes, with Atomics.notify, when an event is delivered to the attached vCPU. */
export function native_event_word(): f64 {
  const v = currentVcpu;
  if (!changetype<usize>(v)) return 0;
  return <f64>(changetype<usize>(v) + offsetof<Vcpu>("eventWord"));
}

/**
 * Returns the number of violated invariants, which are described on the Xen console. Domains stand still meanwhile. Called by a native thread only.
 */
export function check_invariants(): i32 {
  return checkInvariants();
}
