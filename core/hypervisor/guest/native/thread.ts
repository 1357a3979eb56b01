/** The thread of a native domain's vCPU: TypeScript that makes hypercalls through its own instance of core.wasm. */
import { RUNSTATE_blocked, RUNSTATE_running } from "../../../abi/vcpu";
import { EBUSY, EINVAL, ENOMEM, ESRCH } from "../../../abi/errno";
import { initPcpu, useMemory } from "../../boot/threads";
import { Vcpu, domainById, setCurrentVcpu, vcpuOf } from "../../domain/domain";
import { allocXenheapPages } from "../../memory/allocator";
import { frameAddress } from "../../memory/frames";
import { systemTime } from "../../sched/clock";
import { NO_PCPU, Pcpu, setSelf } from "../../sched/pcpu";
import { setRunstate } from "../../sched/runqueue";
import { GUEST_NATIVE, isOfType } from "../type";

/** native_attach: makes this instance the thread of a native domain's vCPU. 0 or -errno. */
export function becomeNative(domid: u32, vcpuId: u32): i32 {
  const d = domainById(domid);
  if (!d) return -ESRCH;
  if (!isOfType(d, GUEST_NATIVE)) return -EINVAL;
  const found = vcpuOf(d, vcpuId);
  if (!found) return -ESRCH;
  const v = found as Vcpu;
  if (atomic.cmpxchg<u32>(changetype<usize>(v) + offsetof<Vcpu>("attached"), 0, 1) != 0) return -EBUSY;
  if (!v.nativePcpu) {
    const page = allocXenheapPages(0);
    if (!page) {
      atomic.store<u32>(changetype<usize>(v) + offsetof<Vcpu>("attached"), 0);
      return -ENOMEM;
    }
    v.nativePcpu = frameAddress(page);
  }
  const p = changetype<Pcpu>(v.nativePcpu);
  initPcpu(p, NO_PCPU);
  setSelf(p);
  useMemory();
  setCurrentVcpu(v);
  return 0;
}

/** Accounts the time that a native vCPU spends in the hypervisor: it counts as running during its hypercalls and as blocked otherwise. */
export function nativeBegin(v: Vcpu): void {
  setRunstate(v, RUNSTATE_running, systemTime());
}
export function nativeEnd(v: Vcpu): void {
  setRunstate(v, RUNSTATE_blocked, systemTime());
}
