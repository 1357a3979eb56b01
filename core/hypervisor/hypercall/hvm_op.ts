/** HYPERVISOR_hvm_op: the parameters of a PVH domain, and the vectors by which its vCPUs are told of events. */
import { EEXIST, EFAULT, EINVAL, ENOENT, ENOSYS, EPERM, ESRCH } from "../../abi/errno";
import {
  HVMOP_get_param,
  HVMOP_set_evtchn_upcall_vector,
  HVMOP_set_param,
  HVM_EVTCHN_UPCALL_VECTOR_SIZE,
  HVM_EVTCHN_UPCALL_VECTOR_VECTOR,
  HVM_PARAM_INDEX,
  HVM_PARAM_SIZE,
  HVM_PARAM_VALUE,
} from "../../abi/hvm_op";
import {
  HVM_NR_PARAMS,
  HVM_PARAM_ACPI_IOPORTS_LOCATION,
  HVM_PARAM_CALLBACK_IRQ,
  HVM_PARAM_CONSOLE_EVTCHN,
  HVM_PARAM_CONSOLE_PFN,
  HVM_PARAM_IOREQ_PFN,
  HVM_PARAM_STORE_EVTCHN,
  HVM_PARAM_STORE_PFN,
  HVM_PARAM_TRIPLE_FAULT_REASON,
  HVM_PARAM_VM_GENERATION_ID_ADDR,
} from "../../abi/hvm_params";
import { DOMAIN_HVM_PARAMS, Domain, Vcpu, currentVcpu, domainOrSelf, isPrivileged, vcpuOf } from "../domain/domain";
import { hasSecondStage, typeOf } from "../guest/type";
import { threadScratch } from "../sched/pcpu";
import { copyFromGuest, copyToGuest } from "./guest_access";

export function doHvmOp(command: u64, arg: u64): i64 {
  switch (<u32>command) {
    case HVMOP_set_param:
    case HVMOP_get_param:
      return parameter(command == HVMOP_set_param, arg);
    case HVMOP_set_evtchn_upcall_vector:
      return setUpcallVector(arg);
    default:
      // Of the operations for guests, flush_tlbs and pagetable_dying belong to shadow paging; the others are for device models and monitors.
      return -ENOSYS;
  }
}

/** The parameters that a guest may set for itself. */
function isGuests(index: u32): bool {
  switch (index) {
    case HVM_PARAM_CALLBACK_IRQ:
    case HVM_PARAM_ACPI_IOPORTS_LOCATION:
    case HVM_PARAM_VM_GENERATION_ID_ADDR:
    case HVM_PARAM_STORE_EVTCHN:
    case HVM_PARAM_CONSOLE_EVTCHN:
      return true;
    default:
      return false;
  }
}
/** The parameters that it may read besides those. */
function isReadable(index: u32): bool {
  return isGuests(index) || index == <u32>HVM_PARAM_STORE_PFN || index == <u32>HVM_PARAM_CONSOLE_PFN;
}
/** These can be set only once. */
function isFixed(index: u32): bool {
  return index == <u32>HVM_PARAM_STORE_PFN || index == <u32>HVM_PARAM_CONSOLE_PFN || index == <u32>HVM_PARAM_IOREQ_PFN;
}
/** The parameters that control domains set here. The others belong to device models and monitors, which do not exist here. */
function isKnown(index: u32): bool {
  return isReadable(index) || index == <u32>HVM_PARAM_TRIPLE_FAULT_REASON;
}

function parameter(isSet: bool, arg: u64): i64 {
  const a = threadScratch();
  if (!copyFromGuest(a, arg, HVM_PARAM_SIZE)) return -EFAULT;
  const index = load<u32>(a, HVM_PARAM_INDEX);
  if (index >= <u32>HVM_NR_PARAMS) return -EINVAL;
  const found = domainOrSelf(load<u16>(a));
  if (!found) return -ESRCH;
  const d = found as Domain;
  const caller = currentVcpu.domain;
  if (d != caller && !isPrivileged(caller)) return -EPERM;
  if (!hasSecondStage(d) || !isKnown(index)) return -EINVAL;
  if (!isPrivileged(caller) && !(isSet ? isGuests(index) : isReadable(index))) return -EPERM;
  const at = changetype<usize>(d) + DOMAIN_HVM_PARAMS + ((<usize>index) << 3);
  if (!isSet) {
    store<u64>(a, load<u64>(at), HVM_PARAM_VALUE);
    return copyToGuest(arg, a, HVM_PARAM_SIZE) ? 0 : -EFAULT;
  }
  const value = load<u64>(a, HVM_PARAM_VALUE);
  if (isFixed(index) && load<u64>(at) && load<u64>(at) != value) return -EEXIST;
  atomic.store<u64>(at, value);
  return 0;
}

function setUpcallVector(arg: u64): i64 {
  const a = threadScratch();
  if (!copyFromGuest(a, arg, HVM_EVTCHN_UPCALL_VECTOR_SIZE)) return -EFAULT;
  const d = currentVcpu.domain;
  if (!hasSecondStage(d)) return -EINVAL;
  const vector = <u32>load<u8>(a, HVM_EVTCHN_UPCALL_VECTOR_VECTOR);
  if (vector < 16) return -EINVAL;
  const v = vcpuOf(d, load<u32>(a));
  if (!v) return -ENOENT;
  typeOf(d).setUpcallVector(v as Vcpu, vector);
  return 0;
}
