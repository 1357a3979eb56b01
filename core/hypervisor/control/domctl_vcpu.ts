/** Domctl operations on vCPUs. `u` is the operation's structure in hypervisor memory. */
import { hasPageTables, runsOnPcpus, typeOf } from "../guest/type";
import { VCPU_GUEST_CONTEXT_SIZE } from "../../abi/arch_x86";
import {
  DOMCTL_GETVCPUINFO_BLOCKED,
  DOMCTL_GETVCPUINFO_CPU,
  DOMCTL_GETVCPUINFO_CPU_TIME,
  DOMCTL_GETVCPUINFO_ONLINE,
  DOMCTL_GETVCPUINFO_RUNNING,
  DOMCTL_VCPUAFFINITY_CPUMAP_HARD,
  DOMCTL_VCPUAFFINITY_CPUMAP_SOFT,
  DOMCTL_VCPUAFFINITY_FLAGS,
  DOMCTL_VCPUCONTEXT_CTXT,
  XEN_DOMCTL_SENDTRIGGER_NMI,
  XEN_VCPUAFFINITY_FORCE,
  XEN_VCPUAFFINITY_HARD,
  XEN_VCPUAFFINITY_SOFT,
} from "../../abi/domctl";
import { EFAULT, EINVAL, ENODATA, ENOMEM, ENOSYS, ESRCH } from "../../abi/errno";
import { Domain, GUEST_INITIALISED, VPF_blocked, VPF_down, Vcpu, currentVcpu, vcpuOf } from "../domain/domain";
import { createVcpu } from "../domain/lifecycle";
import { copyToGuest } from "../hypercall/guest_access";
import { setContextFromGuest } from "../hypercall/vcpu_op";
import { allocXenheapPages, freeXenheapPages } from "../memory/allocator";
import { frameAddress } from "../memory/frames";
import { vcpuMigrate } from "../sched/wake";
import { onlinePcpus } from "../sched/pcpu";
import { domainPause, domainUnpause, vcpuKick, vcpuPause, vcpuUnpause } from "../sched/vcpu";
import { bitmapValue, readBitmap, writeBitmap } from "./bitmap";
import { vcpuCpuTime, vcpuIsRunning } from "./domain_info";

export function setMaxVcpus(d: Domain, count: u32): i32 {
  // A dying domain gets nothing new, since its teardown would have to find it.
  if (count > d.maxVcpus || d.dying) return -EINVAL;
  domainPause(d);
  let error: i32 = 0;
  for (let i: u32 = 0; i < count && !error; i++) error = createVcpu(d, i);
  domainUnpause(d);
  return error;
}

export function setVcpuContext(d: Domain, u: usize): i32 {
  const v = vcpuOf(d, load<u32>(u));
  // A PVH vCPU gets its state by sethvmcontext.
  if (!v || !hasPageTables(d) || d.dying) return -EINVAL;
  const context = load<u64>(u, DOMCTL_VCPUCONTEXT_CTXT);
  if (!context) return -EINVAL;
  domainPause(d);
  const error = setContextFromGuest(v, context);
  domainUnpause(d);
  return error;
}

export function getVcpuContext(d: Domain, u: usize): i32 {
  const v = vcpuOf(d, load<u32>(u));
  if (!v || v == currentVcpu || !runsOnPcpus(d)) return -EINVAL;
  if (!(v.guestFlags & GUEST_INITIALISED)) return -ENODATA;
  const pages = allocXenheapPages(1);
  if (!pages) return -ENOMEM;
  vcpuPause(v);
  typeOf(d).getContext(v, frameAddress(pages));
  vcpuUnpause(v);
  const ok = copyToGuest(load<u64>(u, DOMCTL_VCPUCONTEXT_CTXT), frameAddress(pages), VCPU_GUEST_CONTEXT_SIZE);
  freeXenheapPages(pages, 1);
  return ok ? 0 : -EFAULT;
}

export function setExtVcpuContext(d: Domain, u: usize): i32 {
  const v = vcpuOf(d, load<u32>(u));
  return v ? typeOf(d).setExtContext(v, u) : -ESRCH;
}
export function getExtVcpuContext(d: Domain, u: usize): i32 {
  const v = vcpuOf(d, load<u32>(u));
  return v ? typeOf(d).getExtContext(v, u) : -ESRCH;
}

export function getVcpuInfo(d: Domain, u: usize): i32 {
  const id = load<u32>(u);
  if (id >= d.maxVcpus) return -EINVAL;
  const v = vcpuOf(d, id);
  if (!v) return -ESRCH;
  const running = vcpuIsRunning(v);
  store<u8>(u, v.pauseFlags & VPF_down ? 0 : 1, DOMCTL_GETVCPUINFO_ONLINE);
  store<u8>(u, runsOnPcpus(d) ? (v.pauseFlags & VPF_blocked ? 1 : 0) : running ? 0 : 1, DOMCTL_GETVCPUINFO_BLOCKED);
  store<u8>(u, running ? 1 : 0, DOMCTL_GETVCPUINFO_RUNNING);
  store<u64>(u, vcpuCpuTime(v), DOMCTL_GETVCPUINFO_CPU_TIME);
  store<u32>(u, v.processor, DOMCTL_GETVCPUINFO_CPU);
  return 0;
}

export function setVcpuAffinity(d: Domain, u: usize): i32 {
  const found = vcpuOf(d, load<u32>(u));
  if (!found) return load<u32>(u) >= d.maxVcpus ? -EINVAL : -ESRCH;
  const v = found as Vcpu;
  const flags = load<u32>(u, DOMCTL_VCPUAFFINITY_FLAGS);
  if (!(flags & 3) || flags & ~(<u32>7)) return -EINVAL;
  if (flags & (<u32>XEN_VCPUAFFINITY_FORCE)) v.savedAffinity = 0;
  let hard = v.hardAffinity;
  let soft = v.softAffinity;
  if (flags & (<u32>XEN_VCPUAFFINITY_HARD)) {
    const error = readBitmap(u + DOMCTL_VCPUAFFINITY_CPUMAP_HARD);
    if (error) return error;
    hard = bitmapValue;
    // A vCPU with no pCPU that it may run on would never run again.
    if (!(hard & onlinePcpus()) || v.savedAffinity) return -EINVAL;
  }
  if (flags & (<u32>XEN_VCPUAFFINITY_SOFT)) {
    const error = readBitmap(u + DOMCTL_VCPUAFFINITY_CPUMAP_SOFT);
    if (error) return error;
    soft = bitmapValue;
  }
  v.hardAffinity = hard;
  v.softAffinity = soft;
  vcpuMigrate(v);
  if (flags & (<u32>XEN_VCPUAFFINITY_HARD) && writeBitmap(u + DOMCTL_VCPUAFFINITY_CPUMAP_HARD, hard & onlinePcpus()))
    return -EFAULT;
  if (
    flags & (<u32>XEN_VCPUAFFINITY_SOFT) &&
    writeBitmap(u + DOMCTL_VCPUAFFINITY_CPUMAP_SOFT, soft & hard & onlinePcpus())
  )
    return -EFAULT;
  return 0;
}

export function getVcpuAffinity(d: Domain, u: usize): i32 {
  const v = vcpuOf(d, load<u32>(u));
  if (!v) return load<u32>(u) >= d.maxVcpus ? -EINVAL : -ESRCH;
  const flags = load<u32>(u, DOMCTL_VCPUAFFINITY_FLAGS);
  if (!(flags & 3) || flags & ~(<u32>7)) return -EINVAL;
  if (flags & (<u32>XEN_VCPUAFFINITY_HARD) && writeBitmap(u + DOMCTL_VCPUAFFINITY_CPUMAP_HARD, v.hardAffinity))
    return -EFAULT;
  if (flags & (<u32>XEN_VCPUAFFINITY_SOFT) && writeBitmap(u + DOMCTL_VCPUAFFINITY_CPUMAP_SOFT, v.softAffinity))
    return -EFAULT;
  return 0;
}

export function sendTrigger(d: Domain, trigger: u32, vcpu: u32): i32 {
  if (vcpu >= d.maxVcpus) return -EINVAL;
  const v = vcpuOf(d, vcpu);
  if (!v) return -ESRCH;
  if (trigger != <u32>XEN_DOMCTL_SENDTRIGGER_NMI || !runsOnPcpus(d)) return -ENOSYS;
  atomic.store<u32>(changetype<usize>(v) + offsetof<Vcpu>("nmiPending"), 1);
  vcpuKick(v);
  return 0;
}
