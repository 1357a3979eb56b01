/** HYPERVISOR_domctl: what the toolstack does to domains. */
import { XEN_SCHEDULER_CREDIT } from "../../abi/domctl";
import { XEN_X86_MSR_RELAXED } from "../../abi/arch_x86";
import * as abi from "../../abi/domctl";
import { CDF_native } from "../abi/native";
import { EACCES, EEXIST, EFAULT, EINVAL, ENOSYS, EOPNOTSUPP, EPERM, ERESTART, ESRCH } from "../../abi/errno";
import {
  DOMAIN_DEBUGGER,
  DOMAIN_XENSTORE,
  Domain,
  ROOT_DOMCTL_LOCK,
  currentVcpu,
  domainById,
  firstDomain,
  isPrivileged,
  nextDomain,
} from "../domain/domain";
import { ANY_DOMID, createDomain, createError, domainResume } from "../domain/lifecycle";
import { acceptingType, typeOf } from "../guest/type";
import { DOMID_FIRST_RESERVED } from "../../abi/xen";
import { domainKill, domidInQuarantine } from "../domain/teardown";
import { setGlobalVirqHandler } from "../event/channels";
import { continueWith } from "../hypercall/continuation";
import { copyFromGuest, copyToGuest } from "../hypercall/guest_access";
import { setMaxPages } from "../memory/domain_memory";
import { updateWallclock } from "../guest/time";
import { getTscInfo, setTscInfo } from "../guest/tsc";
import { spinLock, spinTryLock, spinUnlock } from "../sched/lock";
import { NO_PCPU, PCPU_CONTROL, self } from "../sched/pcpu";
import { domainPause, domainUnpause } from "../sched/vcpu";
import { writeDomainInfo } from "./domain_info";
import { getCpuPolicy, setCpuPolicy } from "./domctl_cpuid";
import { getHvmContext, getPool, setHvmContext, setPool } from "./domctl_hvm";
import { hypercallInit, pageFrameInfo } from "./domctl_memory";
import {
  getVcpuAffinity,
  getExtVcpuContext,
  getVcpuContext,
  getVcpuInfo,
  sendTrigger,
  setMaxVcpus,
  setVcpuAffinity,
  setExtVcpuContext,
  setVcpuContext,
} from "./domctl_vcpu";
import { getExtState, setExtState } from "./domctl_xstate";

/** Whether the structure is copied back to the guest. */
let copyBack: bool = false;

export function doDomctl(arg: u64): i64 {
  const op = changetype<usize>(self) + PCPU_CONTROL;
  if (!copyFromGuest(op, arg, abi.DOMCTL_SIZE)) return -EFAULT;
  if (load<u32>(op, abi.DOMCTL_INTERFACE_VERSION) != <u32>abi.XEN_DOMCTL_INTERFACE_VERSION) return -EACCES;
  const command = load<u32>(op);
  const domid = <u32>load<u16>(op, abi.DOMCTL_DOMAIN);
  let d: Domain | null = null;
  if (command != <u32>abi.XEN_DOMCTL_createdomain) {
    d = domainById(domid);
    // getdomaininfo continues with the next existing domain, so that all domains can be listed.
    if (!d && command == <u32>abi.XEN_DOMCTL_getdomaininfo) {
      d = firstDomain();
      while (d && d.domid < domid) d = nextDomain(d);
    }
    if (!d) return -ESRCH;
  }
  if (!isPrivileged(currentVcpu.domain)) return -EPERM;
  if (self.id != NO_PCPU) {
    if (!spinTryLock(ROOT_DOMCTL_LOCK)) return continueWith(arg, 0);
  } else spinLock(ROOT_DOMCTL_LOCK);
  copyBack = false;
  const result = d ? onDomain(command, d, op) : create(op);
  spinUnlock(ROOT_DOMCTL_LOCK);
  if (result == -ERESTART) return continueWith(arg, 0);
  if (copyBack && !copyToGuest(arg, op, abi.DOMCTL_SIZE)) return -EFAULT;
  return result;
}

function create(op: usize): i32 {
  const u = op + abi.DOMCTL_U;
  const flags = load<u32>(u, abi.DOMCTL_CREATEDOMAIN_FLAGS);
  if (flags & ~((<u32>abi.XEN_DOMCTL_CDF_MAX * 2 - 1) | (<u32>CDF_native))) return -EINVAL;
  const type = acceptingType(u);
  if (!type) return -EINVAL;
  const grantVersion = load<u32>(u, abi.DOMCTL_CREATEDOMAIN_GRANT_OPTS) & 15;
  if (grantVersion < 1 || grantVersion > 2) return -EINVAL;
  const wanted = <u32>load<u16>(op, abi.DOMCTL_DOMAIN);
  if (domidInQuarantine(wanted)) return -EEXIST;
  const domid = wanted == 0 || wanted >= <u32>DOMID_FIRST_RESERVED ? ANY_DOMID : wanted;
  const d = createDomain(domid, type, flags & abi.XEN_DOMCTL_CDF_xs_domain ? DOMAIN_XENSTORE : 0, u);
  if (!d) return -createError;
  memory.copy(changetype<usize>(d) + offsetof<Domain>("handle0"), u + abi.DOMCTL_CREATEDOMAIN_HANDLE, 16);
  d.msrRelaxed = load<u32>(u, abi.DOMCTL_CREATEDOMAIN_MISC_FLAGS) & XEN_X86_MSR_RELAXED;
  d.ssidref = load<u32>(u, abi.DOMCTL_CREATEDOMAIN_SSIDREF);
  store<u16>(op, d.domid, abi.DOMCTL_DOMAIN);
  copyBack = true;
  return 0;
}

function schedulerOp(d: Domain, u: usize): i32 {
  if (load<u32>(u, abi.DOMCTL_SCHEDULER_OP_SCHED_ID) != XEN_SCHEDULER_CREDIT) return -EINVAL;
  const credit = u + abi.DOMCTL_SCHEDULER_OP_U;
  switch (load<u32>(u, abi.DOMCTL_SCHEDULER_OP_CMD)) {
    case abi.XEN_DOMCTL_SCHEDOP_putinfo: {
      const weight = <u32>load<u16>(credit, abi.DOMCTL_SCHED_CREDIT_WEIGHT);
      const cap = <u32>load<u16>(credit, abi.DOMCTL_SCHED_CREDIT_CAP);
      // 0 and all ones mean unchanged.
      if (weight) d.weight = weight;
      if (cap != 0xffff) d.cap = cap;
      return 0;
    }
    case abi.XEN_DOMCTL_SCHEDOP_getinfo:
      store<u16>(credit, d.weight, abi.DOMCTL_SCHED_CREDIT_WEIGHT);
      store<u16>(credit, d.cap, abi.DOMCTL_SCHED_CREDIT_CAP);
      copyBack = true;
      return 0;
    default:
      return -EINVAL;
  }
}

function onDomain(command: u32, d: Domain, op: usize): i32 {
  const u = op + abi.DOMCTL_U;
  const itself = d == currentVcpu.domain;
  switch (command) {
    case abi.XEN_DOMCTL_destroydomain:
      return itself ? -EINVAL : domainKill(d);
    case abi.XEN_DOMCTL_pausedomain:
      if (itself) return -EINVAL;
      d.controllerPauseCount++;
      domainPause(d);
      return 0;
    case abi.XEN_DOMCTL_unpausedomain:
      if (!d.controllerPauseCount) return -EINVAL;
      d.controllerPauseCount--;
      domainUnpause(d);
      return 0;
    case abi.XEN_DOMCTL_getdomaininfo:
      writeDomainInfo(d, u);
      store<u16>(op, d.domid, abi.DOMCTL_DOMAIN);
      copyBack = true;
      return 0;
    case abi.XEN_DOMCTL_max_mem: {
      const pages = load<u64>(u) >> 2;
      setMaxPages(d.domid, pages > 0xffffffff ? 0xffffffff : <u32>pages);
      return 0;
    }
    case abi.XEN_DOMCTL_max_vcpus:
      return itself ? -EINVAL : setMaxVcpus(d, load<u32>(u));
    case abi.XEN_DOMCTL_setvcpucontext:
      return itself ? -EINVAL : setVcpuContext(d, u);
    case abi.XEN_DOMCTL_getvcpucontext:
      return getVcpuContext(d, u);
    case abi.XEN_DOMCTL_set_ext_vcpucontext:
      return itself ? -EINVAL : setExtVcpuContext(d, u);
    case abi.XEN_DOMCTL_get_ext_vcpucontext:
      copyBack = true;
      return itself ? -EINVAL : getExtVcpuContext(d, u);
    case abi.XEN_DOMCTL_setvcpuextstate:
      return itself ? -EINVAL : setExtState(d, u);
    case abi.XEN_DOMCTL_getvcpuextstate:
      copyBack = true;
      return itself ? -EINVAL : getExtState(d, u);
    case abi.XEN_DOMCTL_get_cpu_policy:
      copyBack = true;
      return getCpuPolicy(d, u);
    case abi.XEN_DOMCTL_set_cpu_policy:
      copyBack = true;
      return itself ? -EINVAL : setCpuPolicy(d, u);
    case abi.XEN_DOMCTL_getvcpuinfo:
      copyBack = true;
      return getVcpuInfo(d, u);
    case abi.XEN_DOMCTL_setvcpuaffinity:
      return setVcpuAffinity(d, u);
    case abi.XEN_DOMCTL_getvcpuaffinity:
      return getVcpuAffinity(d, u);
    case abi.XEN_DOMCTL_scheduler_op:
      return schedulerOp(d, u);
    case abi.XEN_DOMCTL_setdomainhandle:
      memory.copy(changetype<usize>(d) + offsetof<Domain>("handle0"), u, 16);
      return 0;
    case abi.XEN_DOMCTL_setdebugging:
      if (itself) return -EINVAL;
      if (load<u8>(u)) d.flags |= DOMAIN_DEBUGGER;
      else d.flags &= ~DOMAIN_DEBUGGER;
      return 0;
    case abi.XEN_DOMCTL_irq_permission:
      // This machine has no physical interrupts that could be given.
      return -EINVAL;
    case abi.XEN_DOMCTL_iomem_permission:
      return load<u8>(u, abi.DOMCTL_IOMEM_PERMISSION_ALLOW_ACCESS) ? -EPERM : 0;
    case abi.XEN_DOMCTL_ioport_permission:
      return load<u8>(u, abi.DOMCTL_IOPORT_PERMISSION_ALLOW_ACCESS) ? -EPERM : 0;
    case abi.XEN_DOMCTL_hypercall_init:
      return hypercallInit(d, load<u64>(u));
    case abi.XEN_DOMCTL_settimeoffset:
      d.timeOffsetSeconds = load<i64>(u);
      updateWallclock(d);
      return 0;
    case abi.XEN_DOMCTL_resumedomain:
      if (itself) return -EINVAL;
      domainPause(d);
      domainResume(d);
      domainUnpause(d);
      return 0;
    case abi.XEN_DOMCTL_sendtrigger:
      return sendTrigger(d, load<u32>(u, abi.DOMCTL_SENDTRIGGER_TRIGGER), load<u32>(u, abi.DOMCTL_SENDTRIGGER_VCPU));
    case abi.XEN_DOMCTL_gethvmcontext: {
      if (itself) return -EINVAL;
      domainPause(d);
      const error = getHvmContext(d, u);
      domainUnpause(d);
      copyBack = true;
      return error;
    }
    case abi.XEN_DOMCTL_sethvmcontext: {
      if (itself) return -EINVAL;
      domainPause(d);
      const error = setHvmContext(d, u);
      domainUnpause(d);
      return error;
    }
    case abi.XEN_DOMCTL_set_address_size:
      // A domain keeps the word size with which it was created.
      if (load<u32>(u) == typeOf(d).addressSize) return 0;
      return load<u32>(u) == 64 || load<u32>(u) == 32 ? -EOPNOTSUPP : -EINVAL;
    case abi.XEN_DOMCTL_get_address_size:
      store<u32>(u, typeOf(d).addressSize);
      copyBack = true;
      return 0;
    case abi.XEN_DOMCTL_set_target: {
      const target = domainById(load<u16>(u));
      if (!target) return -ESRCH;
      if (itself || target == d) return -EINVAL;
      d.target = <i32>target.domid;
      return 0;
    }
    case abi.XEN_DOMCTL_settscinfo: {
      if (itself) return -EINVAL;
      domainPause(d);
      const error = setTscInfo(d, u);
      domainUnpause(d);
      return error;
    }
    case abi.XEN_DOMCTL_gettscinfo:
      if (itself) return -EINVAL;
      getTscInfo(d, u);
      copyBack = true;
      return 0;
    case abi.XEN_DOMCTL_getpageframeinfo3:
      return pageFrameInfo(
        d,
        load<u64>(u, abi.DOMCTL_GETPAGEFRAMEINFO3_NUM),
        load<u64>(u, abi.DOMCTL_GETPAGEFRAMEINFO3_ARRAY),
      );
    case abi.XEN_DOMCTL_set_virq_handler:
      return setGlobalVirqHandler(d, load<u32>(u));
    case abi.XEN_DOMCTL_shadow_op:
    case abi.XEN_DOMCTL_soft_reset:
      return -EOPNOTSUPP;
    case abi.XEN_DOMCTL_get_paging_mempool_size:
      copyBack = true;
      return getPool(d, u);
    case abi.XEN_DOMCTL_set_paging_mempool_size:
      return setPool(d, u);
    default:
      return -ENOSYS;
  }
}
