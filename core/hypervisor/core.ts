/**
 * What core.wasm exports: the hypervisor with the engine (core/README.md). The only file that exports. Addresses go to JavaScript as f64:
 * of 32 bits it makes signed numbers, and those of the upper half would be negative. (npm run lint refuses unsigned results.)
 */
import { pcpuRun, xenStart } from "./boot/start";
import { becomeNative, nativeBegin, nativeEnd } from "./guest/native/thread";
import { checkInvariants } from "./control/invariants";
import { ROOT_ZOMBIES, Vcpu, currentVcpu } from "./domain/domain";
import { reapZombies } from "./domain/teardown";
import { nativeHypercall } from "./guest/native/hypercalls";
import { ESRCH } from "./abi/errno";

// What translated code and its translator need of the engine.
export * from "../machine/cpu/region_imports";
export { regionAdopt as region_adopt, regionDrop as region_drop } from "../machine/cpu/regions";
export { decode as engine_decode } from "../machine/cpu/decode/decode";
export { codePage as engine_code_page } from "../machine/cpu/paging/code_page";

/** Where the image's constants end; for the build, which checks it. */
export function image_end(): f64 {
  return <f64>__heap_base;
}

/** Boots the hypervisor; on pCPU 0, once. */
export function xen_start(): void {
  xenStart();
}

/** The life of a pCPU; comes back at power-off. */
export function pcpu_run(id: i32): void {
  pcpuRun(id);
}

/** Binds this instance to a vCPU of a native domain. 0 or -errno. */
export function native_attach(domid: i32, vcpu: i32): i32 {
  return becomeNative(domid, vcpu);
}

/** A hypercall of the attached vCPU, carried to its end. */
export function native_hypercall(nr: i32, a0: i64, a1: i64, a2: i64, a3: i64, a4: i64): i64 {
  const v = currentVcpu;
  if (!changetype<usize>(v)) return -ESRCH;
  nativeBegin(v);
  const result = nativeHypercall(<u32>nr, a0, a1, a2, a3, a4);
  if (atomic.load<u32>(ROOT_ZOMBIES)) reapZombies();
  nativeEnd(v);
  return result;
}

/** Address of the u32 that changes, with Atomics.notify, when an event is delivered to the attached vCPU. */
export function native_event_word(): f64 {
  const v = currentVcpu;
  if (!changetype<usize>(v)) return 0;
  return <f64>(changetype<usize>(v) + offsetof<Vcpu>("eventWord"));
}

/** Number of violated invariants, described on the Xen console. Domains stand still meanwhile; by a native thread only. */
export function check_invariants(): i32 {
  return checkInvariants();
}
