/** XEN_DOMCTL_set_ext_vcpucontext and its counterpart: the part of a PV vCPU's state for which its context has no room. `u` is the structure. */
import { isCanonical } from "../../../machine/cpu/paging/format";
import { FLAT_RING3_CS64 } from "../../../abi/arch_x86";
import { EINVAL } from "../../../abi/errno";
import { Vcpu } from "../../domain/domain";
import { vcpuPause, vcpuUnpause } from "../../sched/vcpu";

/** The selectors that a 64-bit guest has here are those of its kernel. */
const EXT_SIZE: usize = 4;
const EXT_SYSCALL32: usize = 8;
const EXT_SYSENTER: usize = 16;
const EXT_SYSCALL32_CS: usize = 24;
const EXT_SYSENTER_CS: usize = 26;
const EXT_SYSCALL32_MASKS: usize = 28;
const EXT_SYSENTER_MASKS: usize = 29;
/** The structure's size up to the machine-check state, which no vCPU here has, and with it. */
const EXT_LEAST: u32 = 32;
const EXT_BYTES: u32 = 64;

export function pvSetExtContext(v: Vcpu, u: usize): i32 {
  const syscall32 = load<u64>(u, EXT_SYSCALL32);
  const sysenter = load<u64>(u, EXT_SYSENTER);
  if (load<u32>(u, EXT_SIZE) < EXT_LEAST) return -EINVAL;
  if (!isCanonical(syscall32) || !isCanonical(sysenter)) return -EINVAL;
  vcpuPause(v);
  v.syscall32Callback = syscall32;
  v.sysenterCallback = sysenter;
  v.syscall32DisablesEvents = load<u8>(u, EXT_SYSCALL32_MASKS) ? 1 : 0;
  v.sysenterDisablesEvents = load<u8>(u, EXT_SYSENTER_MASKS) ? 1 : 0;
  vcpuUnpause(v);
  return 0;
}

export function pvGetExtContext(v: Vcpu, u: usize): i32 {
  memory.fill(u + EXT_SIZE, 0, <usize>EXT_BYTES - EXT_SIZE);
  store<u32>(u, EXT_BYTES, EXT_SIZE);
  store<u64>(u, v.syscall32Callback, EXT_SYSCALL32);
  store<u64>(u, v.sysenterCallback, EXT_SYSENTER);
  store<u16>(u, FLAT_RING3_CS64, EXT_SYSCALL32_CS);
  store<u16>(u, FLAT_RING3_CS64, EXT_SYSENTER_CS);
  store<u8>(u, v.syscall32DisablesEvents, EXT_SYSCALL32_MASKS);
  store<u8>(u, v.sysenterDisablesEvents, EXT_SYSENTER_MASKS);
  return 0;
}
