/** The virtual processor state of a PV guest that other state depends on: its event mask, CR0.TS and CR4. */
import { CR0_TS, CR4_OSXSAVE } from "../../../machine/cpu/control_bits";
import { CPU_CR0, CPU_CR4 } from "../../../machine/cpu/state";
import { VCPU_INFO_EVTCHN_UPCALL_MASK } from "../../../abi/xen";
import { GUEST_TS, Vcpu } from "../../domain/domain";
import { cr4Lacking } from "../features";
import { processorCr4 } from "../tsc";

/** What a guest may set in CR4: TSD DE FSGSBASE OSXSAVE. It sees the other bits as they are for all guests. */
const CR4_GUEST: u64 = 4 | 8 | (1 << 16) | (1 << 18);

/** Returns whether the vCPU's event mask (vcpu_info.evtchn_upcall_mask) is set. */
// @ts-ignore: decorator
@inline
export function upcallMask(v: Vcpu): u32 {
  return v.vcpuInfo ? <u32>load<u8>(v.vcpuInfo, VCPU_INFO_EVTCHN_UPCALL_MASK) : 1;
}
export function setUpcallMask(v: Vcpu, mask: u32): void {
  if (v.vcpuInfo) atomic.store<u8>(v.vcpuInfo + VCPU_INFO_EVTCHN_UPCALL_MASK, <u8>mask);
}

/** For fpu_taskswitch, CLTS and CR0.TS: while it is set, the engine raises #NM on the next FPU instruction. */
export function setTaskSwitched(v: Vcpu, set: bool): void {
  if (set) {
    v.guestFlags |= GUEST_TS;
    store<u64>(v.cpu, load<u64>(v.cpu, CPU_CR0) | CR0_TS, CPU_CR0);
  } else {
    v.guestFlags &= ~GUEST_TS;
    store<u64>(v.cpu, load<u64>(v.cpu, CPU_CR0) & ~CR0_TS, CPU_CR0);
  }
}

/** Sets the guest's CR4 to `value`; Xen's bits stay as they are. */
export function setGuestCr4(v: Vcpu, value: u64): void {
  const c = v.cpu;
  // Xen drops bits whose features the domain lacks.
  value &= ~cr4Lacking(v.domain);
  v.cr4 = (v.cr4 & ~CR4_GUEST) | (value & CR4_GUEST);
  // Xen uses XSAVE itself, so XGETBV works whatever the guest has asked for.
  const wanted = (load<u64>(c, CPU_CR4) & ~CR4_GUEST) | (value & CR4_GUEST) | CR4_OSXSAVE;
  store<u64>(c, processorCr4(v, wanted), CPU_CR4);
}
